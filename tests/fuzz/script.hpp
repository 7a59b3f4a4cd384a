// A script of the session targets: text that is sent as it is, and between it what else happens, as "`" and a letter:
//
//   `w  everybody waits until nobody has more to say     `1 `0  octet by octet from here; or not
//   `t  40 seconds pass        `T  310 seconds           `s `u  we read nothing more; we read again
//   `c  we close               `x  we tear it down       others: the target's own; an unknown one is sent as it is
//
// Without `w what is sent arrives together with what follows. Owning thread: the shard's.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/manual_shard.hpp"
#include "tests/support/memory_stream.hpp"

namespace angarium::fuzz {

struct Played {
    std::string sent;  // what arrived, or would have
    bool closed = false, reset = false, stalled = false;
};

// `own` does what is behind "`" where it knows it; `settle` lets everybody talk.
template <class Own, class Settle>
Played play(std::string_view script, support::ManualShard& shard, support::Wire& wire, Own own,
            Settle settle) {
    Played played;
    bool single = false;
    unsigned waits = 0;
    const auto send = [&](std::string_view text) {
        if (text.empty() || played.closed || played.reset || wire.gone) return;
        played.sent += text;
        for (; single && text.size() > 1; text.remove_prefix(1)) {
            wire.send(text.substr(0, 1));
            settle();
            if (wire.gone) return;
        }
        wire.send(text);
        if (single) settle();
    };
    const auto pass = [&](Duration time) {
        settle();
        if (++waits > 4) return;
        shard.advance(time);
        settle();
    };
    while (!script.empty()) {
        const auto tick = std::min(script.find('`'), script.size());
        send(script.substr(0, tick));
        script.remove_prefix(tick);
        if (script.size() < 2) {
            send(script);
            break;
        }
        const char what = script[1];
        switch (what) {
            case 'w':
                settle();
                break;
            case 't':
                pass(40s);
                break;
            case 'T':
                pass(310s);
                break;
            case '1':
            case '0':
                single = what == '1';
                break;
            case 's':
                wire.stalled = played.stalled = true;
                break;
            case 'u':
                wire.unstall();
                break;
            case 'c':
                wire.close();
                played.closed = true;
                break;
            case 'x':
                wire.reset();
                played.reset = true;
                break;
            default:
                if (!own(what)) send(script.substr(0, 2));
        }
        script.remove_prefix(2);
    }
    settle();
    return played;
}

}  // namespace angarium::fuzz

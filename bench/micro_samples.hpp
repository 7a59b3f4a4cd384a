// What the micro-benchmarks are fed with: ours and those of other implementations get the same bytes, timers and names, so that
// their figures can be set side by side. A benchmark of another implementation has the name of ours, a slash and whose it is:
// `encode_data/gmime/4096` beside `encode_data/4096`. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/domains.hpp"
#include "bench/message.hpp"
#include "engine/base/random.hpp"
#include "engine/base/time.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::bench {

// A generated message: as it is kept, and as it stands behind DATA, with its end.
struct Content {
    explicit Content(std::uint64_t size)
        : domains(100, "example.test"),
          filler(MessageForm::filler_lines(size)),
          form(RunFacts{1, 1, "a@sender.test", {}}, domains, size, filler),
          composer(domains) {
        composer.compose(form, 1, 1, 1);
        plain = std::string(composer.head()).append(form.plain()).append(composer.tail());
        wire = std::string(composer.head()).append(form.stuffed()).append(composer.tail_with_end());
    }
    // `wire` without the final dot: what is stuffed, and no more.
    std::string_view stuffed() const { return std::string_view(wire).substr(0, wire.size() - 3); }

    Domains domains;
    Filler filler;
    MessageForm form;
    Composer composer;
    std::string plain, wire;
};

// A shard without a kernel behind it, turned by hand.
class BareShard final : public runtime::Shard {
  public:
    explicit BareShard(Clock& clock) : Shard(ShardId{0}, 1, clock, Random(1)) { enter(); }
    ~BareShard() override { leave(); }
    void send(ShardId, std::unique_ptr<runtime::Letter>) override {}
    bool congested(ShardId) const override { return false; }
    void settle() {
        while (ready().run() > 0) {
        }
    }
};

// Deadlines of other sessions that wait beside the one that is armed: up to five minutes ahead.
inline constexpr int many_timers = 10'000;
inline constexpr auto usual_deadline = std::chrono::seconds(300);
inline std::vector<std::chrono::milliseconds> other_deadlines() {
    Random random(1);
    std::vector<std::chrono::milliseconds> made;
    for (int i = 0; i < many_timers; ++i)
        made.push_back(1s + std::chrono::milliseconds(random.below(300'000)));
    return made;
}
// Timers that are armed again whenever they fire, each with its period; time goes on by a millisecond.
inline std::vector<std::chrono::milliseconds> recurring_periods() {
    Random random(1);
    std::vector<std::chrono::milliseconds> made;
    for (int i = 0; i < many_timers; ++i) made.push_back(std::chrono::milliseconds(1 + random.below(10'000)));
    return made;
}

// A resolver's reply to the question for the MX records of d042.example.test: mx0 to mx4 below that name, with three preferences.
inline std::vector<std::uint8_t> mx_reply() {
    std::string out("\x12\x34\x81\x80\0\x01\0\x05\0\0\0\0", 12);
    out.append("\4d042\7example\4test\0\0\x0f\0\x01", 23);
    for (char host = 0; host < 5; ++host) {
        out.append("\xc0\x0c\0\x0f\0\x01\0\0\x0e\x10\0\x08\0", 13);
        out.push_back(static_cast<char>(10 * (1 + host / 2)));
        out.append("\3mx").push_back(static_cast<char>('0' + host));
        out.append("\xc0\x0c", 2);
    }
    return {out.begin(), out.end()};
}
inline constexpr std::size_t mx_reply_records = 5;

// Letters in one batch through a lane, as a busy shard takes them.
inline constexpr int lane_batch = 64;

// Hops of one letter between two shards or threads; odd: the last arrival is where it began.
inline constexpr std::uint64_t hops = 20'001;

}  // namespace angarium::bench

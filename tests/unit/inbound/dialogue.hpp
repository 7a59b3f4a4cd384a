// One session over a stream in memory, with the test as its client.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/inbound/session.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/unit/inbound/fake_intake.hpp"

namespace angarium::inbound {

struct RejectionSeen {
    std::string peer, helo, sender, recipient, reply;
    int code;
};

class Dialogue {
  public:
    struct Setup {
        bool relay = true;
        Limits limits = {};
    };
    explicit Dialogue(Setup setup) : connections_(1000, 1000) {
        options_.hostname = "relay.test";
        options_.limits = setup.limits;
        auto log = [this](const Rejection& r) {
            rejections.push_back({std::string(r.peer), std::string(r.helo), std::string(r.sender),
                                  std::string(r.recipient), std::string(r.reply), r.code});
        };
        services_ = std::make_unique<Services>(Services{shard, intake, sheet, connections_, options_, log});
        auto stream = std::make_unique<support::MemoryStream>(wire, *Endpoint::parse("192.0.2.7:4711"),
                                                              *Endpoint::parse("192.0.2.1:25"));
        session_ = std::make_unique<Session>(*services_, std::move(stream), setup.relay);
        gate_.hold(session_->run());
        shard.settle();
        banner = take();
    }
    Dialogue() : Dialogue(Setup()) {}
    ~Dialogue() {
        intake.release();
        wire->unstall();
        wire->close();
        shard.advance(10s);
        EXPECT_TRUE(over());
        EXPECT_EQ(intake.open_messages, 0u);
    }

    // Sends, and returns what was answered.
    std::string say(std::string_view bytes) {
        wire->send(bytes);
        shard.settle();
        return take();
    }
    // The reply codes only: "250 250 354", a line of several counts once.
    std::string codes(std::string_view bytes) { return codes_of(say(bytes)); }
    static std::string codes_of(std::string_view text) {
        std::string out;
        while (!text.empty()) {
            const auto end = text.find("\r\n");
            const auto line = text.substr(0, end);
            if (line.size() < 4 || line[3] == ' ')
                out.append(out.empty() ? "" : " ").append(line.substr(0, 3));
            text.remove_prefix(end + 2);
        }
        return out;
    }
    std::string take() { return std::exchange(wire->sent, {}); }
    // EHLO, MAIL, RCPT.
    void ready_for_data() {
        EXPECT_EQ(codes("EHLO client.test\r\n"), "250");
        EXPECT_EQ(codes("MAIL FROM:<jack@town.com>\r\nRCPT TO:<jill@hill.com>\r\n"), "250 250");
    }
    // The session heard the end: we are no longer spoken to.
    bool ended() const { return wire->half_closed || wire->aborted.has_value(); }
    bool over() const { return gate_.inside() == 0; }
    Session& session() { return *session_; }
    std::uint64_t count(metrics::Count id) const { return sheet.value(id); }

    support::ManualShard shard;
    FakeIntake intake;
    metrics::Sheet sheet;
    std::vector<RejectionSeen> rejections;
    std::shared_ptr<support::Wire> wire = std::make_shared<support::Wire>();
    std::string banner;

  private:
    Connections connections_;
    Options options_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<Session> session_;
    runtime::Gate gate_;
};

}  // namespace angarium::inbound

// One session over a stream in memory, with the test as its client.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/inbound/session.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/manual_workers.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/unit/inbound/fake_intake.hpp"

namespace angarium::inbound {

struct RejectionSeen {
    std::string peer, helo, sender, recipient, identity, reply;
    int code;
};

// With a certificate of its own; made once.
inline std::shared_ptr<runtime::TlsContext> server_tls() {
    static const auto made = [] {
        runtime::TlsServerOptions options;
        options.identities.push_back(*runtime::make_identity({"relay.test"}));
        return *runtime::TlsContext::server(options);
    }();
    return made;
}

class Dialogue {
  public:
    struct Setup {
        bool relay = true;  // the client's network is in relay_from
        RelayRules rules = {};
        Limits limits = {};
        TlsMode tls = TlsMode::off;
        bool require_tls = false;
        std::shared_ptr<const accounts::Accounts> accounts = {};
        bool auth_without_tls = false, require_auth = false;
        accounts::LoginOptions logins = {};
        std::shared_ptr<const dkim::Signer> signer = {};
        runtime::Workers* signing = nullptr;
    };
    explicit Dialogue(Setup setup)
        : connections_(1000, 1000), share_(setup.logins, workers), logins_(share_, shard, sheet) {
        options_.hostname = "relay.test";
        options_.limits = setup.limits;
        auto log = [this](const Rejection& r) {
            rejections.push_back({std::string(r.peer), std::string(r.helo), std::string(r.sender),
                                  std::string(r.recipient), std::string(r.identity), std::string(r.reply),
                                  r.code});
        };
        std::vector<IpNetwork> relay_from;
        if (setup.relay) relay_from.push_back(*IpNetwork::parse("192.0.2.0/24"));
        terms_.listener.relay = {std::move(relay_from), setup.rules};
        terms_.listener.tls = setup.tls;
        terms_.listener.require_tls = setup.require_tls;
        terms_.listener.require_auth = setup.require_auth;
        terms_.listener.auth_without_tls = setup.auth_without_tls;
        terms_.accounts = setup.accounts;
        if (setup.tls != TlsMode::off) terms_.tls = server_tls();
        in_force_.signer = setup.signer;
        services_ = std::make_unique<Services>(
            Services{shard, intake, sheet, connections_, options_, in_force_, log, &logins_, setup.signing});
        const auto terms = std::make_shared<const Terms>(terms_);
        auto stream = std::make_unique<support::MemoryStream>(wire, *Endpoint::parse("192.0.2.7:4711"),
                                                              *Endpoint::parse("192.0.2.1:25"));
        session_ = std::make_unique<Session>(*services_, std::move(stream), terms);
        gate_.hold(session_->run());
        shard.settle();
        banner = take();
    }
    Dialogue() : Dialogue(Setup()) {}
    ~Dialogue() {
        intake.release();
        workers.run();
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
    accounts::Logins& logins() { return logins_; }
    std::uint64_t count(metrics::Count id) const { return sheet.value(id); }

    support::ManualShard shard;
    FakeIntake intake;
    metrics::Sheet sheet;
    support::ManualWorkers workers;
    std::vector<RejectionSeen> rejections;
    std::shared_ptr<support::Wire> wire = std::make_shared<support::Wire>();
    std::string banner;

  private:
    Connections connections_;
    accounts::LoginShare share_;
    accounts::Logins logins_;
    Options options_;
    InForce in_force_;
    Terms terms_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<Session> session_;
    runtime::Gate gate_;
};

}  // namespace angarium::inbound

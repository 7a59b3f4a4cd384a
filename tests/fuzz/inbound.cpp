// A whole inbound session over a stream in memory, with a queue that keeps what is committed. The input: an octet that sets it
// up (bits of Setup below; "@" is none of them, "A" accounts, "P" STARTTLS), then a script (script.hpp) with, of its own,
// `h and `r (commits wait; go on), `d (we shut down), `f and `j (the disk is full; a sync fails). Judged by inbound_judge.hpp.
#include "engine/inbound/session.hpp"
#include "tests/fuzz/inbound_judge.hpp"
#include "tests/fuzz/script.hpp"
#include "tests/support/manual_workers.hpp"
#include "tests/unit/inbound/fake_intake.hpp"

namespace angarium::fuzz {
namespace {

enum Setup : unsigned { with_accounts = 1, small_limits = 2, little_room = 4, stranger = 8, with_tls = 16 };

std::shared_ptr<const accounts::Accounts> two_accounts() {
    static const auto made = [] {
        std::string text;
        for (const auto* const name : {"jack", "jill"}) {
            accounts::NewAccount account{
                .name = name, .password = "water", .cost = {1, 1, 1}, .scram = *name != 'i', .from = {}};
            if (account.name == "jill") account.from = {"hill.com"};
            text += accounts::account_line(account) + "\n";
        }
        return std::make_shared<const accounts::Accounts>(*accounts::Accounts::parse(text, "accounts"));
    }();
    return made;
}

std::shared_ptr<runtime::TlsContext> server_tls() {
    static const auto made = [] {
        runtime::TlsServerOptions options;
        options.identities.push_back(*runtime::make_identity({"relay.test"}));
        return *runtime::TlsContext::server(options);
    }();
    return made;
}

inbound::Limits limits_of(unsigned setup) {
    inbound::Limits limits;
    if (setup & small_limits) {
        limits.message_size = 200;
        limits.recipients = 2;
        limits.errors = 4;
        limits.hops = 2;
        limits.reply_backlog = 100;
    }
    return limits;
}

inbound::Terms terms_of(unsigned setup) {
    inbound::Terms terms;
    std::vector<IpNetwork> relay_from;
    if (!(setup & stranger)) relay_from.push_back(*IpNetwork::parse("192.0.2.0/24"));
    terms.listener.relay = {std::move(relay_from), {}};
    terms.listener.auth_without_tls = true;
    if (setup & with_accounts) terms.accounts = two_accounts();
    if (setup & with_tls) {
        terms.listener.tls = inbound::TlsMode::starttls;
        terms.tls = server_tls();
    }
    return terms;
}

void run(unsigned setup, std::string_view script) {
    support::ManualShard shard;
    support::ManualWorkers workers;
    metrics::Sheet sheet;
    inbound::FakeIntake intake;
    if (setup & little_room) intake.room = 50;
    inbound::Connections connections(10, 10);
    accounts::LoginShare share({}, workers);
    accounts::Logins logins(share, shard, sheet);
    inbound::Options options;
    options.hostname = "relay.test";
    options.limits = limits_of(setup);
    const inbound::InForce in_force;
    const inbound::Services services{shard,
                                     intake,
                                     sheet,
                                     connections,
                                     options,
                                     in_force,
                                     [](const inbound::Rejection& rejection) {
                                         require(!has_control(rejection.reply), "a refusal is one line");
                                     },
                                     &logins};
    const auto terms = std::make_shared<const inbound::Terms>(terms_of(setup));
    const auto wire = std::make_shared<support::Wire>();
    bool failed = false;
    Played played;
    {
        inbound::Session session(
            services,
            std::make_unique<support::MemoryStream>(wire, *Endpoint::parse("192.0.2.7:4711"),
                                                    *Endpoint::parse("192.0.2.1:25")),
            terms);
        runtime::Gate gate;
        gate.hold(session.run());
        const auto settle = [&] {
            do {
                shard.settle();
                workers.run();
                shard.settle();
            } while (!workers.jobs.empty());
        };
        settle();
        const auto own = [&](char what) {
            switch (what) {
                case 'h':
                    intake.hold = true;
                    return true;
                case 'r':
                    intake.release();
                    return true;
                case 'd':
                    session.drain();
                    return true;
                case 'f':
                    intake.refuse_commit = queue::Refusal::storage;
                    return true;
                case 'j':
                    intake.refuse_commit = queue::Refusal::journal_failed;
                    failed = true;
                    return true;
                default:
                    return false;
            }
        };
        played = play(script, shard, *wire, own, settle);
        intake.release();
        wire->unstall();
        settle();
        if (!wire->gone) wire->close();
        settle();
        for (int i = 0; i < 20 && gate.inside() > 0; ++i) {
            shard.advance(1s);
            settle();
        }
        require(gate.inside() == 0, "a session ends");
    }
    require(intake.open_messages == 0, "no message is left open");

    std::vector<Committed> committed;
    for (const auto& message : intake.messages) committed.push_back({message.id.text(), message.body});
    std::string_view output = wire->sent;
    constexpr std::string_view ready = "220 2.0.0 Ready to start TLS\r\n";  // then it is TLS
    if (const auto at = output.find(ready); at != std::string_view::npos)
        output = output.substr(0, at + ready.size());
    const auto longest = terms->accounts ? sasl::max_line : smtp::max_command_line;
    const auto accepted = InboundJudge(played.sent, output, committed, longest).judge();
    require(accepted <= committed.size(), "no message is taken twice");
    if (!wire->aborted && !failed) require(accepted == committed.size(), "what is committed is answered");
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 0) angarium::fuzz::run(data[0] & 31, angarium::fuzz::text_of(data + 1, size - 1));
    return 0;
}

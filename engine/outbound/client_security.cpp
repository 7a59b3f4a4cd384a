// What happens between EHLO and the first MAIL: STARTTLS (RFC 3207), the handshake, what its result is worth, and AUTH (RFC
// 4954) by the best mechanism that is offered.
#include <utility>

#include "engine/outbound/client_session.hpp"
#include "engine/runtime/awaited_job.hpp"
#include "engine/sasl/crypto.hpp"

namespace angarium::outbound {

using metrics::Count;
using runtime::Task;
using runtime::TlsError;

namespace {

struct HashJob final : runtime::AwaitedJob {
    explicit HashJob(sasl::Client& who) : client(who) {}
    void work() override { client.hash(); }
    sasl::Client& client;
};

}  // namespace

// What was learnt before TLS is forgotten; what followed the 220 in plain text ends the session (consume()).
Task<bool> ClientSession::start_tls() {
    if (!offered_.starttls || !security_.tls) {
        if (security_.policy != TlsPolicy::opportunistic) {
            lose(judge(TlsTrouble::not_offered, security_.host));
            co_return false;
        }
        summary_.emplace();
        metrics_.add(Count::tls_out_none);
        co_return true;
    }
    const bool answered = co_await say(Stage::starttls, "STARTTLS\r\n");
    if (!answered) co_return false;
    while (reading_) co_await changed_.wait();
    offered_ = {};
    const bool shaken = co_await shake_hands();
    if (!shaken) co_return false;
    start_reading();
    const bool greeted = co_await hello();
    co_return greeted;
}

Task<bool> ClientSession::shake_hands() {
    auto over = std::make_unique<runtime::TlsStream>(security_.tls, std::move(stream_), security_.peer);
    auto& tls = *over;
    stream_ = std::move(over);
    const auto shaken = co_await tls.handshake(shard_.now() + timeout_of(Stage::handshake));
    if (!usable_) co_return false;
    if (!shaken) {
        metrics_.add(Count::tls_out_failed);
        const TlsError& error = shaken.error();
        switch (error.kind) {
            case TlsError::Kind::connection:
                lose(judge(Stage::handshake, fault_of(error.io)));
                break;
            case TlsError::Kind::protocol:
                lose(judge(TlsTrouble::handshake, security_.host, error.cause));
                break;
            case TlsError::Kind::certificate:
                lose(judge(TlsTrouble::certificate, security_.host, error.cause));
                break;
            case TlsError::Kind::injected:
                if (security_.implicit)
                    lose(judge(TlsTrouble::handshake, security_.host, "it speaks first, so no TLS"));
                else
                    lose(judge(TlsTrouble::injected, security_.host));
                break;
        }
        co_return false;
    }
    tls_ = &tls;
    note_handshake(tls.facts());
    co_return usable_;
}

void ClientSession::note_handshake(const runtime::TlsFacts& facts) {
    summary_ = facts.summary;
    metrics_.add(facts.resumed ? Count::tls_out_resumed : Count::tls_out_full);
    metrics_.add(facts.version == "TLSv1.3" ? Count::tls_out_1_3 : Count::tls_out_1_2);
    metrics_.add(facts.verified ? Count::tls_out_verified : Count::tls_out_unverified);
    // OpenSSL has refused what is not verified; nothing may come through here should it ever not.
    if (security_.policy == TlsPolicy::verified && !facts.verified)
        lose(judge(TlsTrouble::certificate, security_.host, facts.verification));
}

// --- AUTH ---

Task<void> ClientSession::log_in() {
    Login& login = *security_.login;
    const auto mechanism = sasl::best(offered_.auth);
    if (tls_ == nullptr && !security_.auth_without_tls) {
        lose(judge(LoginTrouble::unprotected, security_.host));
    } else if (!mechanism) {
        lose(judge(LoginTrouble::no_mechanism, security_.host));
    } else {
        sasl::Client client(*mechanism, login.credentials, login.keys);
        const bool known = co_await log_in_with(client);
        if (known) login.keys = client.keys();
    }
    sasl::wipe(commands_);
    metrics_.add(usable_ ? Count::logins_out : Count::logins_out_failed);
}

Task<bool> ClientSession::log_in_with(sasl::Client& client) {
    commands_ = client.command();
    bool answered = co_await say(Stage::auth, commands_);
    while (answered && challenge_) {
        const auto read = client.read(*challenge_);
        if (!read) {
            lose(judge(LoginTrouble::failed, security_.host, read.error().text));
            co_return false;
        }
        if (client.must_hash() && security_.workers != nullptr) {
            HashJob job(client);
            security_.workers->submit(job);
            co_await job;
        } else if (client.must_hash()) {
            client.hash();
        }
        commands_ = client.response();
        answered = co_await say(Stage::auth, commands_);
    }
    if (answered && !client.complete())
        lose(judge(LoginTrouble::failed, security_.host, "the server ends it too early"));
    co_return usable_;
}

}  // namespace angarium::outbound

// TLS in a session: STARTTLS (RFC 3207) and implicit TLS (RFC 8314). Nothing that was said before the handshake counts
// after it. A handshake that fails ends the session: what the client wanted to protect is not taken in plain text.
#include "engine/inbound/session.hpp"

namespace angarium::inbound {

// Input behind it was refused before (dialogue.cpp): what a client, or somebody between, has put there in plain text must
// not be taken for what comes by TLS.
Session::Next Session::starttls() {
    if (tls_ != nullptr) return refuse(replies::tls_active, Reason::sequence);
    if (terms_->listener.tls == TlsMode::off) return refuse(replies::not_implemented, Reason::sequence);
    if (!terms_->tls) return refuse(replies::tls_unavailable, Reason::tls);
    say(replies::go_ahead_with_tls);
    return Next::tls;
}

// Until the replies have left and the writer sleeps.
runtime::Task<void> Session::all_said() {
    while ((replies_.waiting() > 0 || replies_.slot_open() || writing_) && !lost_) {
        flush();
        co_await progress_.wait();
    }
}

// The handshake, within the time of one command. The session ends with it, or begins anew on the secure stream. Neither
// reads nor writes are under way.
runtime::Task<void> Session::shake_hands() {
    if (closing_) co_return;
    const auto began = services_.shard.now();
    auto tls = std::make_unique<runtime::TlsStream>(terms_->tls, std::move(stream_));
    tls_ = tls.get();
    stream_ = std::move(tls);
    shaking_ = true;
    const auto result = co_await tls_->handshake(began + (draining_ ? limits_.linger : patience()));
    shaking_ = false;
    linger_.disarm();
    note_handshake(result, services_.shard.now() - began);
    if (result) {
        begin_anew();
        co_return;
    }
    closing_ = lost_ = input_ended_ = true;
    wake_.signal();
}

// RFC 3207 section 4.2: all that is known of the client is its address, and what the handshake has shown.
void Session::begin_anew() {
    transaction_.reset();
    helo_.clear();
    extended_ = false;
    client_ = Client();
    client_.peer = stream_->peer();
    client_.secure = true;
    const auto agreed = tls_->facts();
    client_.tls_version = agreed.version;
    client_.tls_cipher = agreed.cipher;
    if (auto certificate = tls_->verified_certificate()) {
        client_.certificate = std::move(certificate->fingerprint);
        client_.certificate_names = std::move(certificate->names);
    }
    standing_ = terms_->listener.relay.judge(client_);
}

void Session::note_handshake(const runtime::TlsResult& result, Duration took) {
    using metrics::Count;
    auto& sheet = services_.sheet;
    if (result) {
        const auto facts = tls_->facts();
        sheet.add(facts.resumed ? Count::tls_in_resumed : Count::tls_in_full);
        sheet.add(facts.version == "TLSv1.3" ? Count::tls_in_1_3 : Count::tls_in_1_2);
        sheet.observe(metrics::Spread::tls_in_time, took);
        return;
    }
    sheet.add(Count::tls_in_failed);
    log(0, result.error().text, {});  // no reply could be given
}

}  // namespace angarium::inbound

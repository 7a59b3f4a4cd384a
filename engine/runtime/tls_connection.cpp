#include "engine/runtime/tls_connection.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace angarium::runtime {
namespace {

// Records that wait before they are sent, bytes: a send's cost is spread over two of them.
constexpr std::size_t enough = 32 * 1024;
// A peer that makes OpenSSL answer and does not read gets no further than this, bytes.
constexpr std::size_t too_much = 4 * enough;
// What an idle connection may keep of its buffers, bytes.
constexpr std::size_t kept_capacity = 1024;
// For what OpenSSL has to say by itself, above all close_notify.
constexpr Duration farewell = 2s;

int bio_read(BIO* bio, char* to, int most) {
    auto* const connection = static_cast<TlsConnection*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const auto count = connection->take_ciphertext(to, static_cast<std::size_t>(std::max(most, 0)));
    if (count > 0) return static_cast<int>(count);
    BIO_set_retry_read(bio);
    return -1;
}

int bio_write(BIO* bio, const char* bytes, int count) {
    auto* const connection = static_cast<TlsConnection*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    return connection->add_ciphertext({bytes, static_cast<std::size_t>(count)}) ? count : -1;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_bio_method() {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "angarium stream");
    ANGARIUM_ASSERT(method != nullptr);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

BIO* make_bio(TlsConnection* connection) {
    static BIO_METHOD* const method = make_bio_method();  // for the life of the process
    BIO* const bio = BIO_new(method);
    ANGARIUM_ASSERT(bio != nullptr);
    BIO_set_data(bio, connection);
    BIO_set_init(bio, 1);
    return bio;
}

void give_memory_back(std::string& buffer) {
    buffer.clear();
    if (buffer.capacity() > kept_capacity) std::string().swap(buffer);
}

}  // namespace

TlsConnection::TlsConnection(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> plain)
    : context_(std::move(context)),
      plain_(std::move(plain)),
      ssl_(SSL_new(context_->native())),
      write_timer_([](void* self) { static_cast<TlsConnection*>(self)->on_write_deadline(); }, this) {
    ANGARIUM_ASSERT(ssl_ != nullptr);
    BIO* const bio = make_bio(this);
    SSL_set_bio(ssl_, bio, bio);
    if (context_->is_server())
        SSL_set_accept_state(ssl_);
    else
        SSL_set_connect_state(ssl_);
}

TlsConnection::~TlsConnection() {
    // Many peers never say close_notify; a session is worth keeping all the same.
    if (state_ == State::ready) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_);
}

void TlsConnection::talk_to(TlsPeer peer) {
    ANGARIUM_ASSERT(!context_->is_server());
    ANGARIUM_ASSERT(peer.verify == TlsVerify::none || !peer.name.empty());
    peer_ = std::move(peer);
    if (peer_.name.ends_with('.')) peer_.name.pop_back();
    const bool verify = peer_.verify == TlsVerify::name_and_chain;
    SSL_set_verify(ssl_, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    accept_names();
    if (peer_.session_key.empty()) return;
    session_key_ = fmt::format("{}\n{}\n{}\n{}", peer_.session_key, peer_.name,
                               fmt::join(peer_.acceptable, " "), verify ? "verified" : "any");
    SSL_set_app_data(ssl_, &session_key_);
    SSL_SESSION* const session = context_->sessions().find(session_key_);
    if (session == nullptr) return;
    // Each resumption brings a new ticket, so only this ends what was verified once (RFC 8446 section 4.6.1).
    if (verify && has_ended(SSL_SESSION_get0_peer(session), Shard::current().wall_now())) return;
    // A copy: OpenSSL lets a TLS 1.3 ticket be used once, so that an observer cannot tell that two connections are the same
    // client's. Between mail servers the addresses tell that anyway, and many connections begin at the same time.
    SSL_SESSION* const copy = SSL_SESSION_dup(session);
    if (copy != nullptr) SSL_set_session(ssl_, copy);
    SSL_SESSION_free(copy);
}

// Whom we ask for, and whom the certificate must be for.
void TlsConnection::accept_names() {
    const bool address = IpAddress::parse(peer_.name).has_value();
    if (!address && !peer_.name.empty()) SSL_set_tlsext_host_name(ssl_, peer_.name.c_str());
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool taken = true;
    for (const auto& name : peer_.acceptable) taken = taken && SSL_add1_host(ssl_, name.c_str()) == 1;
    if (peer_.acceptable.empty() && address)
        taken = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), peer_.name.c_str()) == 1;
    else if (peer_.acceptable.empty() && !peer_.name.empty())
        taken = SSL_set1_host(ssl_, peer_.name.c_str()) == 1;
    ANGARIUM_ASSERT(taken);
}

std::size_t TlsConnection::take_ciphertext(char* to, std::size_t most) {
    const auto count = incoming_.copy(to, most);
    incoming_.remove_prefix(count);
    return count;
}

bool TlsConnection::add_ciphertext(std::string_view bytes) {
    if (outgoing_.size() > too_much) return false;
    outgoing_.append(bytes);
    return true;
}

// --- the handshake ---

Task<TlsResult> TlsConnection::handshake(MonoTime deadline) {
    ANGARIUM_ASSERT(state_ == State::fresh);
    state_ = State::shaking;
    if (!context_->is_server() && plain_->has_input())
        co_return refuse(TlsError::Kind::injected, IoError::failed,
                         "the server had sent more before TLS began");
    auto& shard = Shard::current();
    while (true) {
        co_await shard.heavy_work().place();
        const auto began = shard.exact_now();
        ERR_clear_error();
        const int done = SSL_do_handshake(ssl_);
        shard.heavy_work().done(shard.exact_now() - began);
        // In TLS 1.3 the last word (the client's Finished, the server's ticket) may wait for company; in 1.2 the peer
        // waits for it.
        if (done == 1 && SSL_version(ssl_) == TLS1_3_VERSION) break;
        TlsResult outcome;
        if (done != 1 && SSL_get_error(ssl_, done) != SSL_ERROR_WANT_READ) {
            const auto verdict = SSL_get_verify_result(ssl_);
            const bool refused = context_->is_server()
                                     ? ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED
                                     : peer_.verify != TlsVerify::none && verdict != X509_V_OK;
            if (refused)
                outcome = refuse(TlsError::Kind::certificate, IoError::failed,
                                 X509_verify_cert_error_string(verdict));
            else
                outcome = refuse(TlsError::Kind::protocol, IoError::failed, take_openssl_error());
        }
        if (!outgoing_.empty()) {  // also the alert that says why
            leaving_.swap(outgoing_);
            const auto sent = co_await plain_->write(leaving_, deadline);
            leaving_.clear();
            if (!sent && outcome)
                outcome =
                    refuse(TlsError::Kind::connection, sent.error(), std::string(to_string(sent.error())));
        }
        if (!outcome) co_return outcome;
        if (done == 1) break;
        const auto got = co_await plain_->read(deadline);
        if (!got)
            co_return refuse(TlsError::Kind::connection, got.error(), std::string(to_string(got.error())));
        incoming_ = *got;
    }
    state_ = State::ready;
    co_return TlsResult();
}

TlsResult TlsConnection::refuse(TlsError::Kind kind, IoError io, std::string cause) {
    state_ = State::broken;
    input_end_ = output_end_ = io;
    trouble_ = cause;
    // If it was the session that they did not like, the next try does without.
    if (!session_key_.empty()) context_->sessions().forget(session_key_);
    std::string text = kind == TlsError::Kind::certificate ? "the certificate is refused: " + cause : cause;
    return std::unexpected(TlsError{kind, io, "TLS handshake: " + std::move(text), std::move(cause)});
}

TlsFacts TlsConnection::facts() const {
    ANGARIUM_ASSERT(state_ == State::ready || state_ == State::broken);
    TlsFacts facts;
    facts.version = SSL_get_version(ssl_);
    facts.cipher = SSL_get_cipher_name(ssl_);
    facts.resumed = SSL_session_reused(ssl_) == 1;
    const auto verdict = SSL_get_verify_result(ssl_);
    const bool shown = SSL_get0_peer_certificate(ssl_) != nullptr;
    facts.verification = shown ? X509_verify_cert_error_string(verdict) : "no certificate";
    facts.verified = shown && verdict == X509_V_OK && (context_->is_server() || !peer_.name.empty());
    facts.summary.version = static_cast<std::uint16_t>(SSL_version(ssl_));
    if (const auto* const cipher = SSL_get_current_cipher(ssl_))
        facts.summary.cipher = SSL_CIPHER_get_protocol_id(cipher);
    const auto known = std::min<long>(verdict, TlsSummary::no_certificate - 1);
    facts.summary.verification = shown ? static_cast<std::uint8_t>(known) : TlsSummary::no_certificate;
    return facts;
}

std::optional<TlsCertificate> TlsConnection::verified_certificate() const {
    X509* const shown = SSL_get0_peer_certificate(ssl_);
    if (shown == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return std::nullopt;
    // A client that resumes and resumes shows what was verified long ago.
    if (has_ended(shown, Shard::current().wall_now())) return std::nullopt;
    return describe_certificate(shown);
}

// --- reading ---

bool TlsConnection::begin_read(Operation<std::string_view>& operation, MonoTime deadline) {
    ANGARIUM_ASSERT(state_ != State::fresh && state_ != State::shaking && reader_ == nullptr);
    return_view();
    if (aborted_) {
        operation.result = std::unexpected(*aborted_);
        return true;
    }
    reader_ = &operation;
    read_deadline_ = deadline;
    if (!outgoing_.empty()) drive_output();  // what the handshake left: the peer may wait for it
    drive_input();
    return reader_ == nullptr;
}

// Until the reader has something, or has to wait for the plain stream.
void TlsConnection::drive_input() {
    while (reader_ != nullptr) {
        if (const auto view = open_records(); !view.empty())
            finish_read(view);
        else if (input_end_)
            finish_read(std::unexpected(*input_end_));
        else if (fetching_ || !fetch(read_deadline_))
            break;
    }
    if (!outgoing_.empty()) drive_output();
}

bool TlsConnection::holds_ciphertext() const { return !incoming_.empty() || SSL_has_pending(ssl_) == 1; }

// As much plaintext as fits the buffer and has come; empty: nothing (then input_end_ may say why).
std::string_view TlsConnection::open_records() {
    if (state_ != State::ready || input_end_ || !holds_ciphertext()) return {};
    plaintext_ = context_->take_buffer();
    std::size_t filled = 0;
    while (filled < TlsContext::record) {
        std::size_t got = 0;
        ERR_clear_error();
        const int done = SSL_read_ex(ssl_, plaintext_.get() + filled, TlsContext::record - filled, &got);
        filled += got;
        if (done != 1) {
            note_openssl_end(SSL_get_error(ssl_, done));
            break;
        }
    }
    if (filled == 0) return_view();
    return {plaintext_.get(), filled};
}

void TlsConnection::note_openssl_end(int error) {
    if (error == SSL_ERROR_WANT_READ) return;
    if (error == SSL_ERROR_ZERO_RETURN)
        input_end_ = IoError::end_of_stream;
    else
        fail(take_openssl_error());
}

// More ciphertext from below. True: it came at once, or will not come.
bool TlsConnection::fetch(MonoTime deadline) {
    incoming_ = {};
    fetch_.waiter = {};
    if (plain_->begin_read(fetch_, deadline)) {
        note_fetched();
        return true;
    }
    fetching_ = true;
    fetch_.waiter = {[](void* self) { static_cast<TlsConnection*>(self)->on_fetched(); }, this};
    return false;
}

void TlsConnection::on_fetched() {
    fetching_ = false;
    note_fetched();
    if (let_go_) return end_if_quiet();
    drive_input();
}

void TlsConnection::note_fetched() {
    const auto& got = fetch_.result;
    if (got) {
        incoming_ = *got;
    } else if (aborted_) {
        input_end_ = *aborted_;
    } else if (got.error() == IoError::timed_out) {
        if (reader_ != nullptr) finish_read(std::unexpected(IoError::timed_out));  // and may be tried again
    } else {
        truncated_ = got.error() == IoError::end_of_stream;
        input_end_ = truncated_ ? IoError::reset : got.error();
    }
}

void TlsConnection::return_view() {
    if (plaintext_) context_->give_back(std::move(plaintext_));
}

void TlsConnection::finish_read(IoResult<std::string_view> result) {
    std::exchange(reader_, nullptr)->complete(std::move(result));
}

// Exact: whoever hears `true` may wait for a read before it answers. So records are opened here already; one that
// carries no plaintext (a ticket, a key update) does not count.
bool TlsConnection::has_input() {
    if (state_ != State::ready || aborted_ || reader_ != nullptr) return false;
    while (!input_end_) {
        if (holds_ciphertext()) {
            char first;
            std::size_t got = 0;
            ERR_clear_error();
            const int done = SSL_peek_ex(ssl_, &first, 1, &got);
            if (done == 1) return true;
            note_openssl_end(SSL_get_error(ssl_, done));
            if (!outgoing_.empty()) drive_output();
        }
        if (input_end_ || fetching_ || !plain_->has_input() || !fetch(no_deadline)) return false;
    }
    return false;
}

// --- writing ---

bool TlsConnection::begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                                MonoTime deadline) {
    ANGARIUM_ASSERT(state_ != State::fresh && state_ != State::shaking && writer_ == nullptr);
    if (aborted_ || output_end_ || closing_) {
        const auto closed = state_ == State::broken ? IoError::failed : IoError::canceled;
        operation.result = std::unexpected(aborted_ ? *aborted_ : output_end_.value_or(closed));
        return true;
    }
    pieces_ = pieces;
    offset_ = 0;
    written_ = 0;
    advance(0);
    if (pieces_.empty()) {
        operation.result = 0;
        return true;
    }
    writer_ = &operation;
    write_deadline_ = deadline;
    if (sending_) write_timer_.arm(Shard::current().timers(), deadline);
    drive_output();
    return writer_ == nullptr;
}

// Seals and sends by turns, until everything has left.
void TlsConnection::drive_output() {
    while (!sending_) {
        if (output_end_) {
            if (writer_ != nullptr) finish_write(std::unexpected(*output_end_));
            return;
        }
        if (writer_ != nullptr) seal_records();
        if (outgoing_.empty()) break;
        leaving_.swap(outgoing_);
        sent_piece_ = leaving_;
        send_.waiter = {};
        const auto deadline = writer_ != nullptr ? write_deadline_ : Shard::current().now() + farewell;
        if (!plain_->begin_write(send_, std::span(&sent_piece_, 1), deadline)) {
            sending_ = true;
            send_.waiter = {[](void* self) { static_cast<TlsConnection*>(self)->on_sent(); }, this};
            return;
        }
        note_sent();
    }
    if (sending_) return;
    give_memory_back(leaving_);
    give_memory_back(outgoing_);
    if (writer_ != nullptr) finish_write(written_);
    if (closing_ && !std::exchange(closed_, true)) plain_->half_close();
}

void TlsConnection::seal_records() {
    if (state_ == State::broken) return finish_write(std::unexpected(IoError::failed));
    while (!pieces_.empty() && outgoing_.size() < enough) {
        const auto plaintext = next_plaintext();
        std::size_t taken = 0;
        ERR_clear_error();
        if (SSL_write_ex(ssl_, plaintext.data(), plaintext.size(), &taken) != 1) {
            fail(take_openssl_error());
            return finish_write(std::unexpected(IoError::failed));
        }
        advance(taken);
    }
}

// The next record's: a large piece as it lies there, small ones put together.
std::string_view TlsConnection::next_plaintext() {
    const auto first = pieces_.front().substr(offset_);
    if (first.size() >= TlsContext::record || pieces_.size() == 1) return first.substr(0, TlsContext::record);
    char* const scratch = context_->scratch();
    std::size_t filled = 0;
    for (const auto& piece : pieces_) {
        const auto rest = &piece == &pieces_.front() ? first : piece;
        const auto count = std::min(rest.size(), TlsContext::record - filled);
        if (count > 0) std::memcpy(scratch + filled, rest.data(), count);
        filled += count;
        if (filled == TlsContext::record) break;
    }
    return {scratch, filled};
}

void TlsConnection::advance(std::size_t count) {
    written_ += count;
    count += offset_;
    while (!pieces_.empty() && count >= pieces_.front().size()) {
        count -= pieces_.front().size();
        pieces_ = pieces_.subspan(1);
    }
    offset_ = count;
}

void TlsConnection::on_sent() {
    sending_ = false;
    note_sent();
    drive_output();
    if (let_go_) end_if_quiet();
}

void TlsConnection::note_sent() {
    leaving_.clear();
    if (!send_.result && !output_end_) output_end_ = aborted_.value_or(send_.result.error());
}

void TlsConnection::finish_write(IoResult<std::size_t> result) {
    write_timer_.disarm();
    std::exchange(writer_, nullptr)->complete(std::move(result));
}

void TlsConnection::on_write_deadline() {
    if (writer_ == nullptr) return;
    if (!output_end_) output_end_ = IoError::timed_out;
    finish_write(std::unexpected(*output_end_));
}

// --- ends ---

void TlsConnection::say_goodbye() {
    if (state_ != State::ready || output_end_ || aborted_) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
}

void TlsConnection::half_close() {
    ANGARIUM_ASSERT(writer_ == nullptr);
    if (std::exchange(closing_, true)) return;
    say_goodbye();
    drive_output();
}

void TlsConnection::abort(IoError why) {
    if (aborted_) return;
    aborted_ = why;
    plain_->abort(why);  // what waits below returns with an error, and whoever waits for that with `why`
}

// OpenSSL can go on with neither direction. What it wants to tell the peer still leaves.
void TlsConnection::fail(std::string text) {
    state_ = State::broken;
    if (trouble_.empty()) trouble_ = std::move(text);
    input_end_ = IoError::failed;
    closing_ = true;
}

void TlsConnection::let_go() {
    ANGARIUM_ASSERT(reader_ == nullptr && writer_ == nullptr && state_ != State::shaking);
    let_go_ = true;
    return_view();
    if (!closing_ && !truncated_) say_goodbye();
    drive_output();
    if (fetching_) plain_->abort(IoError::canceled);
    if (!fetching_ && !sending_)
        delete this;
    else
        Shard::current().gate().hold(linger(this));
}

void TlsConnection::end_if_quiet() {
    if (!fetching_ && !sending_) quiet_.signal();
}

Task<void> TlsConnection::linger(TlsConnection* connection) {
    co_await connection->quiet_.wait();
    delete connection;
}

}  // namespace angarium::runtime

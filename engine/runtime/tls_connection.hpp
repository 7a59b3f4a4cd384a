// What is behind a TlsStream: OpenSSL between two directions of a plain stream. OpenSSL reads the ciphertext that the plain
// stream has handed out where it lies, and writes records to `outgoing_`; nothing else is buffered in between.
//
// Reading: records are opened until nothing is left, only then is more read from below, so flow control reaches the peer.
// Writing: plaintext is sealed until `enough_` records wait, these are sent, and only then is more sealed. What OpenSSL
// itself has to say (alerts, tickets, key updates, close_notify) takes the same way, between two sends of a write.
// One read and one write below, at most, are under way, each with the deadline of the caller's.
//
// It frees itself: after let_go() at once, or when the farewell has left. Owning thread: the shard's.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/runtime/event.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/tls_stream.hpp"

struct ssl_st;

namespace angarium::runtime {

class TlsConnection {
  public:
    TlsConnection(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> plain);
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    // A client's, before its handshake.
    void talk_to(TlsPeer peer);
    Task<TlsResult> handshake(MonoTime deadline);
    TlsFacts facts() const;
    std::optional<TlsCertificate> verified_certificate() const;
    bool truncated() const { return truncated_; }
    const std::string& trouble() const { return trouble_; }

    Stream& plain() { return *plain_; }
    bool begin_read(Operation<std::string_view>& operation, MonoTime deadline);
    bool begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                     MonoTime deadline);
    void half_close();
    void abort(IoError why);
    bool has_input();
    // The handle goes.
    void let_go();

    // Called by OpenSSL, through a BIO.
    std::size_t take_ciphertext(char* to, std::size_t most);
    bool add_ciphertext(std::string_view bytes);

  private:
    ~TlsConnection();
    // Reading.
    void drive_input();
    std::string_view open_records();
    bool holds_ciphertext() const;
    bool fetch(MonoTime deadline);
    void on_fetched();
    void note_fetched();
    void note_openssl_end(int error);
    void finish_read(IoResult<std::string_view> result);
    void return_view();
    // Writing.
    void drive_output();
    void seal_records();
    std::string_view next_plaintext();
    void advance(std::size_t count);
    void on_sent();
    void note_sent();
    void say_goodbye();
    void finish_write(IoResult<std::size_t> result);
    void on_write_deadline();

    TlsResult refuse(TlsError::Kind kind, IoError io, std::string cause);
    void accept_names();
    void fail(std::string text);
    void end_if_quiet();
    static Task<void> linger(TlsConnection* connection);

    enum class State : std::uint8_t {
        fresh,
        shaking,  // the handshake is under way
        ready,
        broken,  // OpenSSL must not be asked any more
    };

    std::shared_ptr<TlsContext> context_;
    std::unique_ptr<Stream> plain_;
    ssl_st* ssl_;
    State state_ = State::fresh;
    bool let_go_ = false;
    bool truncated_ = false;
    std::optional<IoError> aborted_;
    TlsPeer peer_;
    std::string session_key_;
    std::string trouble_;
    Event quiet_;  // after let_go(): nothing is under way below

    // Reading.
    std::string_view incoming_;         // ciphertext that OpenSSL has not taken, in the plain stream's buffer
    TlsContext::Buffer plaintext_;      // what the reader is looking at
    std::optional<IoError> input_end_;  // what a read says once everything has been read
    Operation<std::string_view>* reader_ = nullptr;
    MonoTime read_deadline_ = no_deadline;
    bool fetching_ = false;
    Operation<std::string_view> fetch_;

    // Writing.
    std::string outgoing_;  // records that wait
    std::string leaving_;   // records that are being sent
    std::optional<IoError> output_end_;
    bool closing_ = false;  // half_close() was called
    bool closed_ = false;   // and has been passed on
    Operation<std::size_t>* writer_ = nullptr;
    std::span<const std::string_view> pieces_;  // what remains; the first from `offset_`
    std::size_t offset_ = 0;
    std::size_t written_ = 0;
    MonoTime write_deadline_ = no_deadline;
    Timer write_timer_;  // armed only while a send that began before the write holds it up
    bool sending_ = false;
    std::string_view sent_piece_;
    Operation<std::size_t> send_;
};

}  // namespace angarium::runtime

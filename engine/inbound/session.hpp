// One inbound dialogue: a coroutine that reads commands and content, one that writes the replies in order, and one for the
// message that is being committed. While the queue syncs a message, the next transaction is already read; a further
// message waits until the first one's reply has its place filled.
//
//   session.cpp    its life: reading lines, writing replies, timeouts, the end
//   dialogue.cpp   what each command does
//   authentication.cpp   AUTH: the exchange, and what comes of it
//   secure.cpp     STARTTLS and implicit TLS: the handshake
//   transfer.cpp   content by DATA and BDAT, and the commit
//
// A flight of commands is answered with one send: replies leave when the input is used up. Owning thread: the shard's.
// Errors: a peer's faults are replies (policy.hpp); a lost connection ends the session quietly.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/inbound/policy.hpp"
#include "engine/inbound/reply_queue.hpp"
#include "engine/inbound/services.hpp"
#include "engine/inbound/transaction.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/stream.hpp"
#include "engine/runtime/timer.hpp"
#include "engine/runtime/tls_stream.hpp"
#include "engine/sasl/server.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/extensions.hpp"
#include "engine/smtp/line_reader.hpp"

namespace angarium::inbound {

class Session {
  public:
    Session(const Services& services, std::unique_ptr<runtime::Stream> stream,
            std::shared_ptr<const Terms> terms);

    // The whole dialogue; returns when nothing of it is left. Called once.
    runtime::Task<void> run();
    // 421 4.3.2 at once when the client is idle, else with its next command, or behind a handshake that ends soon.
    void drain();
    // Tears the connection down; run() returns soon.
    void abort() { stream_->abort(IoError::canceled); }

  private:
    // What the reader does after a command.
    enum class Next : std::uint8_t { command, data, bdat, auth, tls, stop };

    // session.cpp
    void greet();
    runtime::Task<void> read_commands();
    runtime::Task<void> discard_input();
    runtime::Task<void> write_replies();
    bool got(const IoResult<std::string_view>& read);
    bool may_wait_longer(const IoResult<std::string_view>& read, MonoTime& deadline) const;
    Duration patience() const;
    void flush();
    void stop(const smtp::FixedReply& last);
    void lose();
    void release_buffers();

    // dialogue.cpp
    Next line(const smtp::LineReader::Result& line);
    Next command(std::string_view text);
    Next hello(const smtp::Command& command);
    Next mail(std::string_view argument);
    Next recipient(std::string_view argument);
    Next data();
    Next bdat(std::string_view argument);
    smtp::Extensions offered() const;
    bool input_waits() const { return !input_.empty() || stream_->has_input(); }
    smtp::TraceFacts trace_facts() const;
    Next say(const smtp::FixedReply& reply);
    Next refuse(const smtp::FixedReply& reply, Reason reason);
    Next refuse_and_log(const smtp::FixedReply& reply, Reason reason, std::string_view recipient = {});
    // `tried_as`: whom the client has said to be, and could not show.
    void log(const smtp::FixedReply& reply, std::string_view recipient, std::string_view tried_as = {});
    void log(std::uint16_t code, std::string_view reply, std::string_view recipient,
             std::string_view tried_as = {});
    void count_reply(std::uint16_t code);

    // authentication.cpp
    bool may_authenticate() const;
    smtp::AuthMechanisms offered_mechanisms() const;
    Next auth(std::string_view argument);
    runtime::Task<void> authenticate();
    bool is_heard(const accounts::LoginOrigin& origin);
    runtime::Task<std::optional<std::string>> auth_response();
    Next end_exchange(const smtp::FixedReply& reply);
    void judged(const std::string& name, accounts::LoginResult result);

    // secure.cpp
    Next starttls();
    runtime::Task<void> all_said();
    runtime::Task<void> shake_hands();
    bool tls_is_due() const { return terms_->listener.require_tls && tls_ == nullptr; }
    void begin_anew();
    void note_handshake(const runtime::TlsResult& result, Duration took);

    // transfer.cpp
    MonoTime content_due(MonoTime began, std::uint64_t received) const;
    runtime::Task<void> receive_data();
    runtime::Task<void> receive_bdat();
    runtime::Task<bool> swallow(std::uint64_t octets, MonoTime began);
    runtime::Task<void> finish_message(smtp::ContentError fault);
    runtime::Task<void> commit(std::unique_ptr<queue::Incoming> message, smtp::Envelope envelope,
                               queue::Trace trace, std::unique_ptr<dkim::MessageSigner> signing);
    runtime::Task<bool> sign(queue::Incoming& message, dkim::MessageSigner& signing);
    bool may_write_as(const std::vector<std::string>& authors) const;
    void not_signed();
    std::optional<std::pair<smtp::FixedReply, Reason>> fault_of_chunk() const;
    void refuse_message(const smtp::FixedReply& reply, Reason reason);
    void committed(const queue::Durable& durable, std::uint64_t size, std::size_t recipients, MonoTime began);
    void not_committed(queue::Refusal why);
    smtp::ContentLimits content_limits() const;

    const Services& services_;
    const Limits& limits_;
    const std::shared_ptr<const Terms> terms_;
    std::unique_ptr<runtime::Stream> stream_;
    runtime::TlsStream* tls_ = nullptr;  // the stream, once its handshake has begun
    bool shaking_ = false;               // the handshake is under way
    const std::string peer_;             // "address:port"

    // The client, and what it may do.
    Client client_;
    RelayStanding
        standing_;  // the relay policy's judgement of client_: made anew whenever more is known of it

    // The dialogue.
    std::string helo_;  // empty: not yet
    bool extended_ = false;
    Transaction transaction_;
    smtp::BdatCommand chunk_;    // the BDAT command being received
    unsigned errors_ = 0;        // since the last accepted message
    bool limit_logged_ = false;  // too many recipients, in this transaction
    unsigned failed_logins_ = 0;
    std::unique_ptr<sasl::Server> exchange_;  // while AUTH goes on
    sasl::Server::Next exchange_next_{};
    std::uint64_t messages_ = 0;

    // Reading.
    std::string_view input_;  // read, not yet used; valid until the next read
    smtp::LineReader lines_;
    std::vector<std::string_view> pieces_;  // of the input that are content
    bool awaiting_command_ = false;
    bool input_ended_ = false;

    // Writing.
    ReplyQueue replies_;
    std::string out_;  // being written
    bool writing_ = false;
    MonoTime replied_at_{};    // when the last write ended
    runtime::Event wake_;      // for the writer: replies are ready, or it is the end
    runtime::Event progress_;  // for the reader: a reply's place was filled, or a write ended

    // The end.
    bool draining_ = false;
    bool closing_ = false;  // the last reply has been said
    bool lost_ = false;     // nobody hears us any more
    runtime::Timer linger_;
    runtime::Gate gate_;  // the writer and the commit
};

}  // namespace angarium::inbound

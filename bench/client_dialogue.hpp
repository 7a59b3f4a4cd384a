// The generator's side of one SMTP connection: says what to write next and reads the replies, no I/O. Owning thread: the
// shard's.
//
// One transaction: begin(); then, while it is under way, write flight() when there is one, else read and feed(). In
// lockstep a flight is one command; with PIPELINING it is MAIL, all RCPT and DATA (RFC 2920), with CHUNKING too (RFC
// 3030) the whole transaction. A transaction that fails before its content is ended with RSET where the server may still
// hold it open. With credentials a connection begins with AUTH (RFC 4954), by the mechanism that was asked for or the best that
// is offered; SCRAM hashes the password within feed(), once a session.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/message.hpp"
#include "bench/send.hpp"
#include "bench/send_errors.hpp"
#include "engine/sasl/client.hpp"
#include "engine/smtp/extensions.hpp"
#include "engine/smtp/reply.hpp"

namespace angarium::bench {

class ClientDialogue {
  public:
    // One recipient of the message under way.
    struct Target {
        unsigned number;  // of the recipient in its message
        unsigned domain;
        enum class Fate : std::uint8_t { open, taken, accepted, deferred, failed } fate = Fate::open;
    };
    // Counts every refusal in `errors`, except those that only follow from an earlier one.
    ClientDialogue(const SendOptions& options, const Domains& domains, SendErrors& errors);

    // A new connection: the greeting is awaited.
    void connected();
    // Greeted, and no transaction is under way.
    bool idle() const { return stage_ == Stage::idle; }
    // The connection is of no more use.
    bool over() const { return stage_ == Stage::over; }
    // Why no connection to this server can ever be of use: AUTH is not offered or was refused for good. Empty: nothing known.
    const std::string& hopeless() const { return hopeless_; }
    // What the next reply answers.
    Phase phase() const;
    // Starts a transaction for the targets that are open or deferred; others are dropped. Only when idle.
    // `due_microseconds`: what the message says when it was sent; 0: the moment its content goes out.
    void begin(std::uint64_t number, const MessageForm& form, std::vector<Target>& targets,
               std::uint64_t due_microseconds);
    void quit();

    // The server is ready for the handshake. When it is done: secured(), and the dialogue begins anew with EHLO.
    bool wants_tls() const { return stage_ == Stage::tls; }
    void secured();

    // What to write now; empty: nothing, read instead. Valid until the next call of anything here.
    std::span<const std::string_view> flight();
    // What was read. At most one transaction ends within; see ended().
    void feed(std::string_view input);

    // True once after a transaction has ended: the targets' fates are settled (accepted, deferred or failed).
    bool ended() { return std::exchange(ended_, false); }
    // begin() was called and the transaction has not ended.
    bool under_way() const { return targets_ != nullptr; }
    // The content has been handed out, and its reply has not come: if the connection is lost now, nobody knows.
    bool outcome_unknown() const { return content_out_; }
    // When the content was handed out, monotonic nanoseconds.
    std::uint64_t content_started() const { return content_started_; }

  private:
    enum class Stage : std::uint8_t {
        greeting,
        ehlo,
        helo,
        starttls,  // the reply to it
        tls,       // the handshake: no reply is awaited
        auth,      // the reply to AUTH or to one of its responses
        idle,
        mail,
        rcpt,
        data,
        content,
        reset,
        quit,
        over
    };
    void say(std::string_view command);
    void say_rcpt(const Target& target);
    void add_content();
    void on_reply(const smtp::Reply& reply);
    void say_ehlo();
    void on_hello(const smtp::Reply& reply);
    void on_starttls(const smtp::Reply& reply);
    bool follows_from_refusal() const;
    void on_auth(const smtp::Reply& reply);
    void authenticate(smtp::AuthMechanisms offered);
    void give_up(std::string why);
    void on_transaction(const smtp::Reply& reply);
    void next_flight();
    void first_flight();
    void after_recipients();
    void refuse(unsigned code);
    enum class After : std::uint8_t {
        reset,  // the transaction is ended with RSET if the server may hold it open
        close,  // so is the connection
    };
    void end(After after);
    void settle();

    const SendOptions& options_;
    const Domains& domains_;
    SendErrors& errors_;
    Composer composer_;
    smtp::ReplyParser replies_;
    Stage stage_ = Stage::over;                   // what the next reply answers
    unsigned awaited_ = 0;                        // replies
    bool pipelining_ = false, chunking_ = false;  // asked for and offered
    bool size_ = false, eight_bit_ = false;       // offered
    bool secure_ = false;                         // TLS has begun
    std::string hopeless_;
    std::optional<sasl::Client> login_;
    std::shared_ptr<const sasl::ScramKeys> scram_keys_;  // of the last login

    std::string commands_;
    std::vector<std::string_view> pieces_;
    bool flight_ready_ = false;

    // The transaction.
    const MessageForm* form_ = nullptr;
    std::uint64_t number_ = 0;
    std::uint64_t due_microseconds_ = 0;
    std::vector<Target>* targets_ = nullptr;
    std::size_t at_ = 0;         // the target that the next reply to RCPT is for
    std::size_t taken_ = 0;      // recipients that were accepted
    unsigned refusal_ = 0;       // the code that refused the whole; 0: none
    bool mail_open_ = false;     // MAIL was accepted and nothing has ended it
    bool intermediate_ = false;  // DATA got its 354
    bool content_out_ = false;
    bool with_content_ = false;   // the flight carries the content
    bool empty_content_ = false;  // only the end of data: nobody is left to send to
    bool ended_ = false;
    std::uint64_t content_started_ = 0;
};

}  // namespace angarium::bench

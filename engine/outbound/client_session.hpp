// ClientSession: our side of one SMTP dialogue (RFC 5321) over a Stream: greeting, EHLO with HELO as fallback, TLS as the
// protection demands (by STARTTLS, RFC 3207, with a second EHLO, or before the greeting, RFC 8314), a login, then one transaction after the other, in as few flights as the server's extensions allow:
//
//   PIPELINING and CHUNKING, small body   MAIL RCPT.. BDAT LAST + body                                1 round trip
//   PIPELINING and CHUNKING, else         [RSET] MAIL RCPT..  |  BDAT + part, BDAT + part, ..         2 round trips
//   PIPELINING                            [RSET] MAIL RCPT.. DATA  |  body and final dot              2 round trips
//   otherwise                             one command at a time
//
// A flight is one gathered write; the body is sent from the memory that holds it. RSET is sent only where a failed
// transaction left something to reset, and travels with the next flight.
//
// Reading never stops: a coroutine of its own takes every reply as it comes and gives it to whom it belongs, so a 421
// while the session is idle, or a refusal while the body is still on its way, is heard at once, and neither side can wait
// for the other. The caller's coroutine is woken when all replies of a flight are there, or none will come.
//
// One timer serves all deadlines of the session; moving a deadline later costs nothing.
//
// Owning thread: the shard's. Errors: loss() says why the session is of no more use.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/outbound/in_doubt.hpp"
#include "engine/outbound/options.hpp"
#include "engine/outbound/transaction.hpp"
#include "engine/outbound/verdict.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/stream.hpp"
#include "engine/smtp/data_encoder.hpp"
#include "engine/smtp/extensions.hpp"
#include "engine/smtp/reply.hpp"
#include "metrics/sheet.hpp"
#include "queue/body.hpp"
#include "queue/carrier.hpp"

namespace angarium::outbound {

// The content of a delivery: its first part, and where the others come from.
struct Content {
    queue::Outlet& outlet;
    const queue::Delivery& delivery;
    queue::BlockRef first;
    InDoubt* in_doubt = nullptr;  // asked before the body is sent; null: nobody counts
    bool admitted = false;        // it was, and counts this delivery
    std::uint32_t parts() const { return delivery.facts.parts; }
};

class ClientSession {
  public:
    // Shard, options and metrics outlive the session.
    ClientSession(runtime::Shard& shard, std::unique_ptr<runtime::Stream> stream, const Options& options,
                  metrics::Sheet& metrics, Security security = {});
    // After close().
    ~ClientSession();
    ClientSession(const ClientSession&) = delete;
    ClientSession& operator=(const ClientSession&) = delete;

    // Greeting, EHLO, and all that comes before mail. False: loss() says why.
    runtime::Task<bool> open();
    // Carries the attempt's batch to its end, unless the session is lost: then recipients may be without an end.
    runtime::Task<void> transact(Attempt& attempt, Content& content);
    // With `polite`, QUIT first where that still makes sense. Afterwards the session may go.
    runtime::Task<void> close(bool polite);

    // Ready for a transaction, as far as one can tell without asking.
    bool usable() const { return usable_; }
    // Why it is not; empty when it merely cannot be used any further.
    const std::optional<Judgement>& loss() const { return loss_; }
    // The last transaction's MAIL was answered.
    bool mail_answered() const { return mail_answered_; }
    // Why these recipients and this message cannot be sent here at all.
    std::optional<Judgement> obstacle(const queue::DeliveryFacts& facts) const;

    // Sleeps until the session changes or somebody nudges; a hint, look again. One waiter.
    runtime::Event::Awaiter changed() { return changed_.wait(); }
    void nudge() { changed_.signal(); }
    // The session ends at once; operations under way return.
    void abort(Fault why);

    const smtp::Extensions& offered() const { return offered_; }
    // Of an open session: nothing where TLS is not wanted, version 0 where it was not to be had.
    const std::optional<runtime::TlsSummary>& tls() const { return summary_; }
    const Endpoint& peer() const { return stream_->peer(); }
    std::uint32_t transactions() const { return transactions_; }  // begun

  private:
    struct Expected {
        Stage stage = Stage::banner;
        std::uint16_t position = 0;  // of the recipient in the batch
        bool chunk = false;          // a BDAT that is not the last
    };

    // Before mail.
    runtime::Task<bool> greeting();
    runtime::Task<bool> hello();
    runtime::Task<bool> start_tls();
    runtime::Task<bool> shake_hands();
    void note_handshake(const runtime::TlsFacts& facts);
    runtime::Task<void> log_in();
    runtime::Task<bool> log_in_with(sasl::Client& client);

    // Flights.
    void begin_flight();
    void expect(Stage stage, std::uint16_t position = 0, bool chunk = false);
    runtime::Task<bool> flight();  // sends pieces_, waits for all expected replies
    runtime::Task<bool> wait();
    runtime::Task<void> await_last_words();
    runtime::Task<bool> say(Stage stage, std::string_view line);
    void count_bytes();

    // The ways of a transaction.
    bool admits(Content& content);
    runtime::Task<void> admit(Content& content);
    void append_reset();
    void begin_envelope();
    runtime::Task<void> in_one_flight(queue::BlockRef body);
    runtime::Task<void> envelope_first();
    runtime::Task<void> one_by_one(bool with_data);
    runtime::Task<void> send_data(Content& content);
    runtime::Task<void> send_chunks(Content& content);
    void begin_chunk(std::string_view part, bool last);

    // Reading.
    void start_reading();
    runtime::Task<void> read_loop();
    Judgement broken(IoError error) const;
    void consume(std::string_view input);
    void on_reply();
    void dispatch(const Expected& expected, const smtp::Reply& reply);
    void on_end_reply(const smtp::Reply& reply);
    void lose(Judgement judgement);
    void stop();
    void part();
    Stage awaited_stage() const;
    void count_reply(const smtp::Reply& reply);

    // Deadlines.
    Duration timeout_of(Stage stage) const;
    void set_deadline(MonoTime deadline);
    void on_timer();

    bool all_answered() const { return next_expected_ == expected_.size(); }

    runtime::Shard& shard_;
    std::unique_ptr<runtime::Stream> stream_;
    const Options& options_;
    metrics::Sheet& metrics_;

    Security security_;
    runtime::TlsStream* tls_ = nullptr;  // what stream_ is, once TLS has begun
    bool tls_proven_ = false;            // and the peer has said something through it
    bool stops_reading_ = false;         // what comes next is not the dialogue's
    bool parted_ = false;                // QUIT was answered under TLS: the stream's end says so, too
    std::optional<runtime::TlsSummary> summary_;
    std::optional<std::string> challenge_;  // AUTH goes on with it
    bool writing_ = false;                  // a flight is leaving
    std::optional<smtp::Reply> held_end_;   // the 250 to content that is still leaving

    smtp::Extensions offered_;
    bool usable_ = false;
    bool hello_refused_ = false;
    bool needs_reset_ = false;
    std::uint32_t transactions_ = 0;
    std::optional<Judgement> loss_;

    // The transaction under way.
    Transaction* transaction_ = nullptr;
    bool mail_answered_ = false;
    bool content_sent_ = false;  // the end of the content was handed to the network

    std::vector<Expected> expected_;  // replies to come, from next_expected_ on
    std::size_t next_expected_ = 0;
    std::string commands_;
    std::vector<std::string_view> pieces_;
    smtp::ReplyParser parser_;
    runtime::Event changed_;

    MonoTime deadline_ = no_deadline;
    runtime::Timer timer_;
    bool reading_ = false;
    runtime::Gate gate_;
};

}  // namespace angarium::outbound

// A transaction: MAIL, RCPT and the content, inside a session. It collects the envelope and passes content on to the
// queue, behind our Received: field. It decides nothing and answers nothing. Owning thread: the shard's.
// Errors: queue::Refusal; faults of content are the checker's.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/dkim/signer.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/content.hpp"
#include "engine/smtp/received.hpp"
#include "queue/intake.hpp"

namespace angarium::inbound {

class Transaction {
  public:
    // Legal order: begin, add*, open, push*, take. reset() at any time.
    void begin(smtp::MailCommand mail);
    void add(smtp::Recipient recipient) { envelope_.recipients.push_back(std::move(recipient)); }
    void reset();

    bool begun() const { return begun_; }          // MAIL was accepted
    bool receiving() const { return receiving_; }  // content has begun
    const smtp::Envelope& envelope() const { return envelope_; }
    bool smtputf8() const { return envelope_.smtputf8; }

    // Begins the content: reserves room in the queue and writes the Received: field. `facts` without id and recipient. With a
    // signer, the content is also heard by a dkim::MessageSigner.
    std::expected<void, queue::Refusal> open(queue::Intake& intake, smtp::TraceFacts facts,
                                             const std::shared_ptr<const dkim::Signer>& signer);
    // Passes content on. False: await room() before more.
    bool push(std::string_view content);
    // After push() returned false. A refusal is remembered: what follows is dropped.
    runtime::Task<void> room();
    // Gives up what was received of the content; what follows is ignored, the envelope stays for the log.
    void drop();
    // Why the queue gave up, if it did.
    std::optional<queue::Refusal> refusal() const { return refusal_; }

    // Of the content that comes in BDAT chunks; fresh when the session begins the first one.
    smtp::ContentChecker checker;

    // The message and its envelope, to be committed; reset() follows.
    std::unique_ptr<queue::Incoming> take_message() { return std::move(incoming_); }
    // Null without a signer.
    std::unique_ptr<dkim::MessageSigner> take_signing() { return std::move(signing_); }
    smtp::Envelope take_envelope() { return std::exchange(envelope_, smtp::Envelope()); }

  private:
    smtp::Envelope envelope_;
    std::unique_ptr<queue::Incoming> incoming_;
    std::unique_ptr<dkim::MessageSigner> signing_;
    std::optional<queue::Refusal> refusal_;
    bool begun_ = false;
    bool receiving_ = false;
};

}  // namespace angarium::inbound

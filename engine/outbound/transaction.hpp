// Transaction: one mail transaction (RFC 5321 section 3.3) of an attempt's batch, as a state machine without I/O: it
// writes the commands and is told the replies, in whatever flights they travel. ClientSession moves the bytes.
// Owning thread: the shard's. Errors: what goes wrong ends recipients of the attempt.
#pragma once

#include <cstddef>
#include <string>

#include "engine/base/mistakes.hpp"
#include "engine/outbound/attempt.hpp"
#include "engine/smtp/extensions.hpp"
#include "engine/smtp/reply.hpp"

namespace angarium::outbound {

class Transaction {
  public:
    // The attempt has a batch; both outlive the transaction.
    Transaction(Attempt& attempt, const smtp::Extensions& offered) : attempt_(attempt), offered_(offered) {}

    // "MAIL FROM:<...> SIZE=... ...\r\n" with what the server understands (RFC 1870, 6152, 6531, 3461).
    void append_mail(std::string& out) const;
    std::size_t recipients() const { return attempt_.batch().size(); }
    std::size_t recipients_told() const {
        return recipients() - (makes(Mistake::skipped_recipient) && recipients() > 1 ? 1 : 0);
    }
    void append_rcpt(std::string& out, std::size_t position) const;

    // Replies; neither 421 nor misplaced ones (they are losses).
    void on_mail(const smtp::Reply& reply);
    void on_rcpt(std::size_t position, const smtp::Reply& reply);
    void on_data(const smtp::Reply& reply);
    void on_chunk(const smtp::Reply& reply);  // BDAT that was not the last
    void on_end(const smtp::Reply& reply);
    // We cannot go on ourselves.
    void obstruct(const Judgement& judgement) {
        obstructed_ = true;
        attempt_.end_batch(judgement);
    }

    bool mail_answered() const { return mail_answered_; }
    bool mail_accepted() const { return mail_accepted_; }
    // Somebody waits for the content.
    bool wants_content() const { return accepted_ > 0 && !obstructed_; }
    // The server waits for content (354), though perhaps nobody wants it.
    bool data_open() const { return data_open_; }
    // The server still holds a transaction that must be reset before the next.
    bool leaves_residue() const { return mail_accepted_ && !concluded_; }

  private:
    Attempt& attempt_;
    const smtp::Extensions& offered_;
    std::size_t accepted_ = 0;
    bool mail_answered_ = false;
    bool mail_accepted_ = false;
    bool data_open_ = false;
    bool obstructed_ = false;  // refused as a whole, after MAIL
    bool concluded_ = false;   // by a reply to the end of data that leaves the server without a transaction
};

}  // namespace angarium::outbound

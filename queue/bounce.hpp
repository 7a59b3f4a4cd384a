// Delivery status notifications: RFC 3464 (multipart/report) for failed and expired recipients. Pure text.
#pragma once

#include <string>
#include <vector>

#include "engine/base/time.hpp"
#include "engine/smtp/envelope.hpp"
#include "queue/delivery.hpp"

namespace angarium::queue {

struct FailedRecipient {
    smtp::Recipient recipient;
    Reason reason;
    std::string host;  // the exchanger that said so; empty when none was reached
    bool expired = false;
};

struct BounceFacts {
    std::string hostname;  // ours: Reporting-MTA and From: MAILER-DAEMON@
    std::string queue_id;  // of the bounce
    std::string about_queue_id;
    MessageOptions options;  // RET, ENVID, SMTPUTF8 of the message
    WallTime accepted_at{}, now{};
    std::vector<FailedRecipient> failed;  // at least one
    std::string_view original;  // from its first byte, as far as it is at hand; empty: nothing is returned
    bool original_complete = false;
};

// What RET=FULL may return; above it, and by default, the headers alone are returned.
inline constexpr std::size_t bounce_full_limit = 64 * 1024;

// The bounce to `sender`, with all headers; CRLF lines of at most 998 bytes. It is ASCII unless the original part needs 8 bits
// (the envelope then says BODY=8BITMIME) or SMTPUTF8 was used and something is non-ASCII (RFC 6533, SMTPUTF8).
std::string make_bounce(const smtp::Mailbox& sender, const BounceFacts& facts);

// Whether this failed recipient is to be told about: not for a null sender, nor with NOTIFY lacking FAILURE (RFC 3461).
bool wants_bounce(const smtp::ReversePath& sender, const smtp::Recipient& recipient);

}  // namespace angarium::queue

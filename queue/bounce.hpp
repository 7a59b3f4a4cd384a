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
    smtp::Mailbox sender;    // whom it goes to
    MessageOptions options;  // RET, ENVID, SMTPUTF8 of the message
    WallTime accepted_at{}, now{};
    std::vector<FailedRecipient> failed;  // at least one
    std::string_view
        original;  // the original from its first byte, as far as it is at hand (headers at least)
    bool original_complete = false;
};

// What RET=FULL may return; above it, and by default, the headers alone are returned.
inline constexpr std::size_t bounce_full_limit = 64 * 1024;

// The bounce's body with all headers; CRLF lines under 998 bytes, 7-bit unless the original part needs 8 bits.
std::string make_bounce(const BounceFacts& facts);

// Whether this failed recipient is to be told about: not for a null sender, nor with NOTIFY lacking FAILURE (RFC 3461).
bool wants_bounce(const smtp::ReversePath& sender, const smtp::Recipient& recipient);

}  // namespace angarium::queue

// What a client hears, and what it may do: all replies of the dialogue and every decision that is not mere syntax, in one
// place, except who may relay (relay_policy.hpp). Pure functions and constants; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/inbound/options.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/content.hpp"
#include "metrics/catalogue.hpp"
#include "queue/intake.hpp"

namespace angarium::inbound {

namespace replies {
using smtp::FixedReply;
inline constexpr FixedReply ok{250, {2, 0, 0}, "OK"};
inline constexpr FixedReply sender_ok{250, {2, 1, 0}, "OK"};
inline constexpr FixedReply recipient_ok{250, {2, 1, 5}, "OK"};
inline constexpr FixedReply go_on{354, {}, "End data with <CR><LF>.<CR><LF>"};
inline constexpr FixedReply chunk_ok{250, {2, 0, 0}, "Chunk received"};
inline constexpr FixedReply bye{221, {2, 0, 0}, "Bye"};
inline constexpr FixedReply help{
    214, {2, 0, 0}, "HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT, see RFC 5321"};
inline constexpr FixedReply cannot_verify{252, {2, 1, 5}, "Cannot verify, but will take mail for delivery"};

inline constexpr FixedReply hello_first{503, {5, 5, 1}, "Send HELO or EHLO first"};
inline constexpr FixedReply mail_first{503, {5, 5, 1}, "Send MAIL first"};
inline constexpr FixedReply recipient_first{503, {5, 5, 1}, "Send RCPT first, no recipient was accepted"};
inline constexpr FixedReply nested_mail{503, {5, 5, 1}, "A sender was already given"};
inline constexpr FixedReply within_bdat{503, {5, 5, 1}, "A message is being sent with BDAT"};
inline constexpr FixedReply not_implemented{502, {5, 5, 1}, "Command not implemented"};

inline constexpr FixedReply go_ahead_with_tls{220, {2, 0, 0}, "Ready to start TLS"};
inline constexpr FixedReply tls_first{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
inline constexpr FixedReply tls_active{554, {5, 5, 1}, "TLS is already active"};
inline constexpr FixedReply tls_unavailable{454, {4, 7, 0}, "TLS is not available now"};

inline constexpr FixedReply ehlo_first{503, {5, 5, 1}, "Send EHLO first"};
inline constexpr FixedReply already_authenticated{503, {5, 5, 1}, "Already authenticated"};
inline constexpr FixedReply auth_within_transaction{
    503, {5, 5, 1}, "AUTH is not allowed within a transaction"};
inline constexpr FixedReply auth_needs_tls{538, {5, 7, 11}, "Encryption required, send STARTTLS first"};
inline constexpr FixedReply auth_first{530, {5, 7, 0}, "Authentication required"};
inline constexpr FixedReply unknown_mechanism{504, {5, 5, 4}, "Authentication mechanism not offered"};
inline constexpr FixedReply bad_base64{501, {5, 5, 2}, "Cannot decode base64"};
inline constexpr FixedReply malformed_auth{501, {5, 5, 2}, "Malformed authentication message"};
inline constexpr FixedReply auth_too_long{500, {5, 5, 6}, "Authentication line too long"};
inline constexpr FixedReply auth_aborted{501, {5, 7, 0}, "Authentication aborted"};
inline constexpr FixedReply authenticated{235, {2, 7, 0}, "Authentication successful"};
inline constexpr FixedReply wrong_credentials{535, {5, 7, 8}, "Authentication credentials invalid"};
inline constexpr FixedReply too_many_logins{454, {4, 7, 0}, "Too many failed logins, try again later"};
inline constexpr FixedReply logins_busy{454, {4, 7, 0}, "Too many logins at once, try again later"};

inline constexpr FixedReply sender_not_allowed{553, {5, 7, 1}, "Not allowed to send as this address"};
inline constexpr FixedReply relaying_denied{550, {5, 7, 1}, "Relaying denied"};
inline constexpr FixedReply too_many_recipients{
    452, {4, 5, 3}, "Too many recipients, send the rest in another message"};
inline constexpr FixedReply too_large{552, {5, 3, 4}, "Message is larger than the limit"};

inline constexpr FixedReply premature_input{554, {5, 5, 0}, "Input before the reply to this command"};
inline constexpr FixedReply too_many_failures{421, {4, 7, 0}, "Too many failed logins"};
inline constexpr FixedReply too_many_errors{421, {4, 7, 0}, "Too many errors"};
inline constexpr FixedReply too_many_connections{421, {4, 7, 0}, "Too many connections, try again later"};
inline constexpr FixedReply too_slow{421, {4, 4, 2}, "Timeout"};
inline constexpr FixedReply going_down{421, {4, 3, 2}, "Service is shutting down"};
inline constexpr FixedReply out_of_room{452, {4, 3, 1}, "No room for the message, try again later"};
inline constexpr FixedReply cannot_sign{451, {4, 7, 0}, "The message cannot be signed now, try again later"};
inline constexpr FixedReply queue_failed{421, {4, 3, 0}, "The queue has failed"};
}  // namespace replies

// Why something was refused; each has its counter.
enum class Reason : std::uint8_t {
    relay,
    auth,
    tls,
    syntax,
    sequence,
    size,
    recipients,
    content,
    loop,
    storage,
    memory,
    signing,
    draining
};
metrics::Count counter(Reason reason);
Reason reason_of(smtp::ContentError error);
Reason reason_of(queue::Refusal refusal);

// The reply when the queue takes no new mail: 452 4.3.1 for want of room; 421 4.3.0 and 421 4.3.2 end the session.
smtp::FixedReply reply_for(queue::Refusal refusal);

// What MAIL's parameters break, if anything.
std::optional<smtp::FixedReply> check_mail(const Limits& limits, const smtp::MailCommand& mail);

// How much of refused content is read before we hang up instead: it is only read so that the reply is heard.
std::uint64_t most_to_swallow(const Limits& limits);

// How long a piece of content may take. `pressed`: nine tenths of the connections are taken.
Duration content_patience(const Limits& limits, bool pressed);
// When content must be there at the latest: each piece within `patience`, and all of it at the minimum rate.
MonoTime content_deadline(const Limits& limits, Duration patience, MonoTime now, MonoTime begin,
                          std::uint64_t received);

}  // namespace angarium::inbound

// What became of one attempt: a verdict for each recipient of the delivery, with the reply that caused it, and the facts
// that the delivery log tells. Outbound makes it, the origin's journal keeps it.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/time.hpp"
#include "engine/runtime/tls_summary.hpp"
#include "engine/smtp/reply.hpp"

namespace angarium::queue {

enum class Verdict : std::uint8_t {
    delivered,  // the peer took responsibility
    deferred,   // try again later
    failed,     // never; bounced where sender and NOTIFY allow
};

// A reply, or our own words for a failure without one (code 0).
struct Reason {
    std::uint16_t code = 0;         // SMTP reply code; 0: no reply (DNS, connection, timeout, policy)
    smtp::EnhancedStatus status{};  // always set: {4,4,1} for a refused connection and so on
    std::string text;               // one line, printable ASCII or UTF-8, at most 512 bytes
};
// "550 5.1.1 no such user"; without a reply "4.4.1 connection refused". One line, for people.
std::string text_of(const Reason& reason);

struct RecipientResult {
    std::uint16_t recipient = 0;  // index into Delivery::recipients
    Verdict verdict = Verdict::deferred;
    std::uint16_t reason = 0;  // index into Outcome::reasons
};

struct Outcome {
    absl::InlinedVector<RecipientResult, 1> results;  // exactly one per recipient of the delivery
    absl::InlinedVector<Reason, 1> reasons;           // what the results refer to: usually one for all
    std::string site;                                 // name of the site
    std::string host;                                 // exchanger's name, empty when none was reached
    std::string peer;                                 // "address:port", empty when none was reached
    std::uint32_t connect_us = 0;  // microseconds until the connection was ready; 0 for a reused one
    std::uint32_t attempt_us = 0;  // MAIL to the last reply
    bool remote_accepted = false;  // the peer has answered 250 to the end of data
    // Of the connection; nothing: TLS was not wanted. Version 0: it was wanted, and could not be had.
    std::optional<runtime::TlsSummary> tls;
};

}  // namespace angarium::queue

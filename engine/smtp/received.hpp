// The Received: field that we put in front of a message (RFC 5321 section 4.4), and dates as headers write them (RFC 5322
// section 3.3). Pure functions. The facts must be free of controls: names come from parse_helo, addresses from Mailbox.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"
#include "engine/smtp/mailbox.hpp"

namespace angarium::smtp {

struct TraceFacts {
    std::string_view helo;  // as parse_helo gave it
    IpAddress peer;
    std::string_view hostname;  // ours
    bool extended = true;       // EHLO rather than HELO
    std::string_view tls = {};  // its version, "TLSv1.3"; empty: none
    std::string_view cipher = {};
    bool authenticated = false;
    std::string_view identity = {};  // as whom, to be shown to every reader; empty: not to be shown
    bool smtputf8 = false;
    std::string_view id;                 // the queue id
    const Mailbox* recipient = nullptr;  // only when there is exactly one
    WallTime at;
};

// Appends the field with its CRLF, folded.
void append_received(std::string& out, const TraceFacts& facts);

// The protocol of "with": SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA and their UTF8 forms (RFC 3848, RFC 6531).
std::string_view trace_protocol(const TraceFacts& facts);

// "Tue, 24 Nov 2026 06:46:03 +0000".
void append_date(std::string& out, WallTime at);

}  // namespace angarium::smtp

// Commands of a client, one line each (RFC 5321 section 4.1). A line is first split into verb and argument without
// allocation; the arguments of MAIL, RCPT and BDAT are parsed by functions of their own. Every failure is the exact reply
// to send. Pure values, no owner; views point into the caller's line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "engine/smtp/envelope.hpp"
#include "engine/smtp/reply.hpp"

namespace angarium::smtp {

// The longest command line with its CRLF, octets: RFC 5321 section 4.5.3.1.4 plus what our extensions add to MAIL
// (SIZE 26, BODY 17, SMTPUTF8 10, RET and ENVID 107 + 8, AUTH 500) or RCPT (NOTIFY 28, ORCPT 500), whichever is more.
inline constexpr std::size_t max_command_line = 512 + 668;

enum class Verb : std::uint8_t {
    helo,
    ehlo,
    mail,
    rcpt,
    data,
    bdat,
    rset,
    noop,
    vrfy,
    expn,
    help,
    quit,
    starttls,
    auth,
    unknown,
};

using CommandError = FixedReply;

struct Command {
    Verb verb = Verb::unknown;
    std::string_view
        argument;  // for MAIL behind "FROM:", for RCPT behind "TO:", else behind the verb; trimmed
};

// `line` without its CRLF. Checked here: controls and NUL (500 5.5.2), 8-bit outside MAIL and RCPT (500 5.5.2), arguments
// where none may be (501 5.5.4), "FROM:" and "TO:" (501 5.5.4), a missing HELO, EHLO or VRFY argument (501 5.5.4).
// An unrecognised verb is Verb::unknown, not an error: the answer is `command_unknown`.
std::expected<Command, CommandError> parse_command(std::string_view line);

struct MailCommand {
    ReversePath sender;
    Body body = Body::seven_bit;
    bool smtputf8 = false;
    Ret ret = Ret::unspecified;
    std::optional<Xtext> envelope_id;
    std::optional<std::uint64_t> size;
};
// AUTH=, the sender whom somebody upstream has authenticated, must be well formed and is not trusted (RFC 4954 section 5).
// Errors: 501 5.1.7 (address), 553 5.6.7 (non-ASCII without SMTPUTF8), 501 5.5.4 (bad or doubled parameter), 555 5.5.4
// (unknown parameter).
std::expected<MailCommand, CommandError> parse_mail(std::string_view argument);

struct RcptCommand {
    std::optional<Mailbox> mailbox;  // empty: "<Postmaster>" without a domain (RFC 5321 section 4.5.1)
    Notify notify = Notify::unspecified;
    std::optional<OriginalRecipient> original;
};
// `utf8`: whether MAIL said SMTPUTF8. Errors: 501 5.1.3 (address), 553 5.6.7, 501 5.5.4, 555 5.5.4 as for MAIL.
std::expected<RcptCommand, CommandError> parse_rcpt(std::string_view argument, Utf8 utf8);

struct BdatCommand {
    std::uint64_t size = 0;  // octets that follow the line
    bool last = false;
};
// Error: 521 5.5.4; the connection cannot go on, since nobody knows how much follows.
std::expected<BdatCommand, CommandError> parse_bdat(std::string_view argument);

// The name behind HELO or EHLO: a domain or an address literal, loosely (underscores are common): letters, digits and
// ".-_:[]" up to 255 octets, so that it can stand in Received:. Error: 501 5.5.4.
std::expected<std::string_view, CommandError> parse_helo(std::string_view argument);

// A decimal number that fits 64 bits, and nothing else.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

inline constexpr FixedReply command_unknown{500, {5, 5, 2}, "Command not recognized"};
inline constexpr FixedReply command_too_long{500, {5, 5, 2}, "Line too long"};
inline constexpr FixedReply command_line_end{500, {5, 5, 2}, "Lines must end in CRLF"};

}  // namespace angarium::smtp

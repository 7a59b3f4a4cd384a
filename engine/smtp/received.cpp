// Trace fields and dates, appended to the caller's string.
#include "engine/smtp/received.hpp"

#include <array>
#include <chrono>

#include "engine/smtp/text.hpp"

namespace angarium::smtp {

std::string_view trace_protocol(const TraceFacts& facts) {
    // RFC 3848, RFC 6531 section 4.3; by TLS, then AUTH.
    static constexpr std::array<std::string_view, 4> plain{"ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"};
    static constexpr std::array<std::string_view, 4> utf8{"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"};
    if (!facts.extended) return "SMTP";
    const auto index = (facts.tls.empty() ? 0u : 2u) + (facts.authenticated ? 1u : 0u);
    return facts.smtputf8 ? utf8[index] : plain[index];
}

namespace {
// Inside parentheses (RFC 5322 section 3.2.2): a header that everybody must read is ASCII.
void append_comment(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '(' || c == ')' || c == '\\') out += '\\';
        out += c >= ' ' && c < '\x7f' ? c : '?';
    }
}
}  // namespace

void append_received(std::string& out, const TraceFacts& facts) {
    const auto peer = facts.peer.unmapped();
    out.append("Received: from ").append(facts.helo).append(peer.is_v4() ? " ([" : " ([IPv6:");
    out.append(peer.text()).append("])\r\n\t");
    if (!facts.tls.empty())
        out.append("(using ")
            .append(facts.tls)
            .append(" with cipher ")
            .append(facts.cipher)
            .append(")\r\n\t");
    if (!facts.identity.empty()) {
        out.append("(authenticated as ");
        append_comment(out, facts.identity);
        out.append(")\r\n\t");
    }
    out.append("by ").append(facts.hostname);
    out.append(" with ").append(trace_protocol(facts)).append(" id ").append(facts.id);
    if (facts.recipient != nullptr) out.append("\r\n\tfor <").append(facts.recipient->text()).append(">");
    out.append(";\r\n\t");
    append_date(out, facts.at);
    out.append("\r\n");
}

void append_date(std::string& out, WallTime at) {
    using namespace std::chrono;
    static constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = floor<std::chrono::days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(floor<seconds>(at - day));
    const auto two_digits = [&out](char before, auto value) {
        out += before;
        if (value < 10) out += '0';
        append_decimal(out, static_cast<std::uint64_t>(value));
    };
    out.append(days[weekday(day).c_encoding()]).append(", ");
    append_decimal(out, static_cast<unsigned>(date.day()));
    out.append(1, ' ').append(months[static_cast<unsigned>(date.month()) - 1]).append(1, ' ');
    append_decimal(out, static_cast<std::uint64_t>(static_cast<int>(date.year())));
    two_digits(' ', time.hours().count());
    two_digits(':', time.minutes().count());
    two_digits(':', time.seconds().count());
    out.append(" +0000");
}

}  // namespace angarium::smtp

#include "queue/bounce.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/smtp/content.hpp"
#include "engine/smtp/received.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::queue {
namespace {

constexpr std::string_view crlf = "\r\n";
constexpr std::size_t text_columns = 72;

// The part of the original that goes back with the bounce.
struct Returned {
    std::string text;
    bool whole = false;
};

// Up to `limit` bytes of whole lines, none longer than a line may be.
std::string sane_lines(std::string_view text, std::size_t limit, bool headers_only) {
    std::string out;
    out.reserve(std::min(text.size(), limit) + 2);
    while (!text.empty()) {
        const auto end = text.find(crlf);
        if (end == std::string_view::npos && headers_only) break;  // cut off in the middle of a line
        const auto line = text.substr(0, end);
        if (headers_only && line.empty()) break;
        if (out.size() + line.size() + crlf.size() > limit) break;
        out.append(line.substr(0, smtp::max_text_line)).append(crlf);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + crlf.size());
    }
    return out;
}

Returned returned_of(const BounceFacts& facts) {
    const bool whole = facts.options.ret == smtp::Ret::full && facts.original_complete &&
                       facts.original.size() <= bounce_full_limit;
    return {sane_lines(facts.original, whole ? bounce_full_limit + crlf.size() : bounce_full_limit, !whole),
            whole};
}

// Writes one bounce, part by part.
class Writer {
  public:
    Writer(const smtp::Mailbox& sender, const BounceFacts& facts)
        : sender_(sender),
          facts_(facts),
          returned_(returned_of(facts)),
          eight_bit_(!smtp::is_ascii(returned_.text)),
          global_(facts.options.smtputf8 && anything_non_ascii()),
          boundary_(free_boundary()) {
        out_.reserve(2048 + facts.failed.size() * 1024 + returned_.text.size());
    }

    std::string write() {
        headers();
        open_part();
        human_part();
        open_part();
        status_part();
        if (!returned_.text.empty()) {
            open_part();
            original_part();
        }
        out_.append("\r\n--").append(boundary_).append("--\r\n");
        return std::move(out_);
    }

  private:
    // RFC 6533 is for addresses and texts; an original with 8-bit content alone needs no more than 8BITMIME.
    bool anything_non_ascii() const {
        if (!sender_.is_ascii()) return true;
        if (facts_.options.envelope_id && !smtp::is_ascii(facts_.options.envelope_id->text())) return true;
        const auto headers = std::string_view(returned_.text).substr(0, returned_.text.find("\r\n\r\n"));
        if (!smtp::is_ascii(headers)) return true;
        return std::any_of(facts_.failed.begin(), facts_.failed.end(), [](const FailedRecipient& one) {
            return !one.recipient.mailbox.is_ascii() || !smtp::is_ascii(one.reason.text) ||
                   (one.recipient.original && !smtp::is_ascii(one.recipient.original->text()));
        });
    }

    // The queue id is not to be guessed, so this is the first candidate unless someone already knows it.
    std::string free_boundary() const {
        std::string boundary = "=_" + facts_.queue_id;
        while (returned_.text.find(boundary) != std::string::npos) boundary += "=";
        return boundary;
    }

    // Text from outside in a line of ours: no controls; ASCII alone where UTF-8 may not stand.
    std::string clean(std::string_view text) const {
        std::string cleaned;
        smtp::append_cleaned(cleaned, text);
        if (!global_)
            std::replace_if(cleaned.begin(), cleaned.end(), [](char c) { return (c & 0x80) != 0; }, '?');
        return cleaned;
    }

    void field(std::string_view name, std::string_view value) {
        out_.append(name)
            .append(": ")
            .append(value.substr(0, smtp::max_text_line - name.size() - 2))
            .append(crlf);
    }
    void date(std::string_view name, WallTime at) {
        out_.append(name).append(": ");
        smtp::append_date(out_, at);
        out_.append(crlf);
    }

    void headers() {
        out_.append("From: Mail Delivery System <MAILER-DAEMON@").append(facts_.hostname).append(">\r\n");
        out_.append("To: <").append(sender_.text()).append(">\r\n");
        field("Subject", "Undelivered: your message to " + whom());
        date("Date", facts_.now);
        field("Message-ID", "<" + facts_.queue_id + "@" + facts_.hostname + ">");
        out_.append(
            "Auto-Submitted: auto-replied\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=");
        out_.append(global_ ? "global-delivery-status" : "delivery-status");
        out_.append(";\r\n boundary=\"").append(boundary_).append("\"\r\n");
        if (eight_bit_ || global_) out_.append("Content-Transfer-Encoding: 8bit\r\n");
        out_.append("\r\nThis is a delivery report in MIME format.\r\n");
    }

    std::string whom() const {
        if (facts_.failed.size() == 1) return facts_.failed.front().recipient.mailbox.text();
        return std::to_string(facts_.failed.size()) + " recipients";
    }

    void open_part() { out_.append("\r\n--").append(boundary_).append(crlf); }

    // ---- for people ----

    void human_part() {
        out_.append("Content-Description: Notification\r\nContent-Type: text/plain; charset=");
        out_.append(global_ ? "utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" : "us-ascii\r\n\r\n");
        out_.append("This is the mail system at ").append(facts_.hostname).append(".\r\n\r\n");
        std::string date;
        smtp::append_date(date, facts_.accepted_at);
        paragraph("Your message of " + date + " could not be delivered to " +
                      (facts_.failed.size() == 1 ? "the recipient below." : "the recipients below.") +
                      " No further attempts will be made. If it still matters, please check the address or "
                      "reach the "
                      "recipient in another way.",
                  "");
        for (const auto& one : facts_.failed) {
            out_.append("\r\n<").append(one.recipient.mailbox.text()).append(">\r\n");
            paragraph(why(one), "    ");
        }
        out_.append("\r\nIf you ask for help, please name the queue id ")
            .append(facts_.about_queue_id)
            .append(".\r\n");
    }

    std::string why(const FailedRecipient& one) const {
        const auto reason = clean(text_of(one.reason));
        const bool replied = one.reason.code != 0 && !one.host.empty();
        const auto said = replied ? "the server " + clean(one.host) + " answered: " + reason : reason;
        if (one.expired)
            return "It was tried for as long as this server keeps mail, and could not be delivered. At "
                   "last, " +
                   said;
        return replied ? "The server " + clean(one.host) + " refused it: " + reason : "Reason: " + reason;
    }

    // Wrapped at spaces; a word that is too long stands alone.
    void paragraph(std::string_view text, std::string_view indent) {
        while (!text.empty()) {
            auto end = text.size();
            if (end > text_columns) {
                end = text.rfind(' ', text_columns);
                if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
            }
            end = std::min(end, smtp::max_text_line - indent.size());
            out_.append(indent).append(text.substr(0, end)).append(crlf);
            text.remove_prefix(end);
            if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
        }
    }

    // ---- for programs: RFC 3464 section 2, RFC 6533 section 3 ----

    void status_part() {
        out_.append("Content-Description: Delivery report\r\nContent-Type: message/");
        out_.append(global_ ? "global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                            : "delivery-status\r\n\r\n");
        field("Reporting-MTA", "dns; " + facts_.hostname);
        field("X-Angarium-Queue-ID", facts_.about_queue_id);
        if (facts_.options.envelope_id)
            field("Original-Envelope-Id", clean(facts_.options.envelope_id->text()));
        date("Arrival-Date", facts_.accepted_at);
        for (const auto& one : facts_.failed) recipient_fields(one);
    }

    void recipient_fields(const FailedRecipient& one) {
        const auto& mailbox = one.recipient.mailbox;
        out_.append(crlf);
        if (one.recipient.original) field("Original-Recipient", clean(one.recipient.original->text()));
        field("Final-Recipient", (mailbox.is_ascii() ? "rfc822; " : "utf-8; ") + clean(mailbox.text()));
        field("Action", "failed");
        field("Status", one.reason.status ? one.reason.status.text() : one.expired ? "4.4.7" : "5.0.0");
        if (!one.host.empty()) field("Remote-MTA", "dns; " + clean(one.host));
        field("Diagnostic-Code",
              (one.reason.code != 0 ? "smtp; " : "x-angarium; ") + clean(text_of(one.reason)));
        date("Last-Attempt-Date", facts_.now);
    }

    void original_part() {
        out_.append("Content-Description: ")
            .append(returned_.whole ? "Undelivered message" : "Undelivered headers");
        out_.append("\r\nContent-Type: ");
        if (returned_.whole)
            out_.append(global_ ? "message/global" : "message/rfc822");
        else
            out_.append(global_ ? "message/global-headers" : "text/rfc822-headers");
        out_.append(eight_bit_ ? "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" : "\r\n\r\n");
        out_.append(returned_.text);
    }

    const smtp::Mailbox& sender_;
    const BounceFacts& facts_;
    const Returned returned_;
    const bool eight_bit_, global_;  // what is returned holds 8-bit octets; RFC 6533 applies
    const std::string boundary_;
    std::string out_;
};

}  // namespace

std::string make_bounce(const smtp::Mailbox& sender, const BounceFacts& facts) {
    ANGARIUM_ASSERT(!facts.failed.empty());
    return Writer(sender, facts).write();
}

bool wants_bounce(const smtp::ReversePath& sender, const smtp::Recipient& recipient) {
    return !sender.is_null() && smtp::wants_failure(recipient.notify);
}

}  // namespace angarium::queue

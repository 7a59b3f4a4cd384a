// The inbound line reader and the command parser: a client's bytes, in any pieces, become the lines that a plain reading of
// the rules finds; what MAIL and RCPT accept has no control in it and says the same again when it is written out.
#include <optional>
#include <vector>

#include "engine/smtp/command.hpp"
#include "engine/smtp/line_reader.hpp"
#include "engine/smtp/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using smtp::LineReader;
using Kind = LineReader::Kind;

struct Line {
    Kind kind;
    std::string text;
    friend bool operator==(const Line&, const Line&) = default;
};

std::vector<Line> plainly(std::string_view input) {
    std::vector<Line> lines;
    bool tainted = false;
    for (std::size_t end; (end = input.find('\n')) != std::string_view::npos; input.remove_prefix(end + 1)) {
        const bool crlf = end > 0 && input[end - 1] == '\r';
        if (!crlf || tainted)
            lines.push_back({Kind::bad_end, {}});
        else if (end + 1 > smtp::max_command_line)
            lines.push_back({Kind::too_long, {}});
        else
            lines.push_back({Kind::line, std::string(input.substr(0, end - 1))});
        tainted = !crlf;
    }
    return lines;
}

std::vector<Line> by_reader(std::string_view input, std::size_t most) {
    LineReader reader(smtp::max_command_line);
    std::vector<Line> lines;
    for (Pieces pieces(input, most); !pieces.empty();) {
        const std::string piece = pieces.next();
        std::string_view left = piece;
        while (!left.empty()) {
            const auto result = reader.next(left);
            if (result.kind == Kind::need_more) break;
            lines.push_back({result.kind, std::string(result.text)});
            reader.release();
        }
        require(left.empty(), "a reader that wants more has taken all");
    }
    return lines;
}

void check_error(const smtp::CommandError& error) {
    std::string reply;
    error.append_to(reply);
    require(error.code >= 500 && error.code < 600, "a syntax error is permanent");
    require(reply.ends_with("\r\n") && !has_control(std::string_view(reply).substr(0, reply.size() - 2)),
            "a reply is one line");
}

void check_mail(std::string_view argument) {
    const auto mail = smtp::parse_mail(argument);
    if (!mail) return check_error(mail.error());
    const std::string sender(mail->sender.text());
    require(!has_control(sender), "no controls in a sender");
    require(mail->smtputf8 || smtp::is_ascii(sender), "non-ASCII needs SMTPUTF8");
    std::string again = "<" + sender + ">";
    if (mail->size) again += " SIZE=" + std::to_string(*mail->size);
    if (mail->body == smtp::Body::eight_bit_mime) again += " BODY=8BITMIME";
    if (mail->smtputf8) again += " SMTPUTF8";
    if (mail->ret != smtp::Ret::unspecified)
        again += mail->ret == smtp::Ret::full ? " RET=FULL" : " RET=HDRS";
    if (mail->envelope_id) again += " ENVID=" + mail->envelope_id->encoded();
    // An empty ENVID cannot be written, nor read.
    const auto second = smtp::parse_mail(again);
    require(second.has_value(), "what was accepted can be said");
    require(second->sender == mail->sender && second->size == mail->size && second->body == mail->body &&
                second->smtputf8 == mail->smtputf8 && second->ret == mail->ret &&
                second->envelope_id == mail->envelope_id,
            "and means the same");
}

void check_rcpt(std::string_view argument, smtp::Utf8 utf8) {
    const auto rcpt = smtp::parse_rcpt(argument, utf8);
    if (!rcpt) return check_error(rcpt.error());
    const std::string mailbox = rcpt->mailbox ? rcpt->mailbox->text() : "Postmaster";
    require(!has_control(mailbox), "no controls in a recipient");
    require(utf8 == smtp::Utf8::allowed || smtp::is_ascii(mailbox), "non-ASCII needs SMTPUTF8");
    std::string again = "<" + mailbox + ">";
    if (rcpt->notify != smtp::Notify::unspecified) again += " NOTIFY=" + smtp::notify_text(rcpt->notify);
    if (rcpt->original) again += " ORCPT=" + rcpt->original->encoded();
    require(!has_control(again), "no controls in what goes out");
    const auto second = smtp::parse_rcpt(again, utf8);
    require(second.has_value(), "what was accepted can be said");
    require(second->mailbox == rcpt->mailbox && second->notify == rcpt->notify &&
                second->original == rcpt->original,
            "and means the same");
}

void check_line(std::string_view line) {
    const auto command = smtp::parse_command(line);
    if (!command) return check_error(command.error());
    require(!has_control(command->argument), "no controls in an argument");
    switch (command->verb) {
        case smtp::Verb::mail:
            return check_mail(command->argument);
        case smtp::Verb::rcpt:
            check_rcpt(command->argument, smtp::Utf8::refused);
            return check_rcpt(command->argument, smtp::Utf8::allowed);
        case smtp::Verb::bdat:
            if (const auto chunk = smtp::parse_bdat(command->argument); !chunk) check_error(chunk.error());
            return;
        case smtp::Verb::helo:
        case smtp::Verb::ehlo:
            if (const auto name = smtp::parse_helo(command->argument); !name) check_error(name.error());
            return;
        default:
            return;
    }
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium::fuzz;
    const auto input = text_of(data, size);
    const auto lines = plainly(input);
    require(by_reader(input, input.size() + 1) == lines, "in one piece");
    require(by_reader(input, 1) == lines, "octet by octet");
    require(by_reader(input, 40) == lines, "in pieces");
    for (const auto& line : lines)
        if (line.kind == Kind::line) check_line(line.text);
    check_line(input);
    return 0;
}

// A line is split without allocation; parameters are taken one by one and none may come twice.
#include "engine/smtp/command.hpp"

#include <algorithm>
#include <limits>

#include "engine/smtp/text.hpp"

namespace angarium::smtp {
namespace {

constexpr CommandError bad_control{500, {5, 5, 2}, "Control characters are not allowed in commands"};
constexpr CommandError bad_8bit{500, {5, 5, 2}, "Non-ASCII characters are not allowed here"};
constexpr CommandError needs_argument{501, {5, 5, 4}, "This command needs an argument"};
constexpr CommandError takes_no_argument{501, {5, 5, 4}, "This command takes no argument"};
constexpr CommandError bad_mail_syntax{501, {5, 5, 4}, "Syntax: MAIL FROM:<address> [parameters]"};
constexpr CommandError bad_rcpt_syntax{501, {5, 5, 4}, "Syntax: RCPT TO:<address> [parameters]"};
constexpr CommandError bad_sender{501, {5, 1, 7}, "Bad sender address syntax"};
constexpr CommandError bad_recipient{501, {5, 1, 3}, "Bad recipient address syntax"};
constexpr CommandError needs_smtputf8{553, {5, 6, 7}, "Non-ASCII addresses need SMTPUTF8"};
constexpr CommandError bad_parameter{501, {5, 5, 4}, "Bad parameter value"};
constexpr CommandError doubled_parameter{501, {5, 5, 4}, "A parameter was given twice"};
constexpr CommandError unknown_parameter{555, {5, 5, 4}, "Parameter not recognized or not implemented"};
constexpr CommandError bad_bdat{521, {5, 5, 4}, "Syntax: BDAT size [LAST]"};
constexpr CommandError bad_helo{501, {5, 5, 4}, "Bad domain name or address literal"};

constexpr std::uint32_t packed(std::string_view four) {
    std::uint32_t value = 0;
    for (const char c : four) value = value << 8 | static_cast<unsigned char>(to_upper(c));
    return value;
}

Verb verb_of(std::string_view word) {
    if (word.size() == 8) return equals_ignoring_case(word, "STARTTLS") ? Verb::starttls : Verb::unknown;
    if (word.size() != 4) return Verb::unknown;
    switch (packed(word)) {
        case packed("HELO"):
            return Verb::helo;
        case packed("EHLO"):
            return Verb::ehlo;
        case packed("MAIL"):
            return Verb::mail;
        case packed("RCPT"):
            return Verb::rcpt;
        case packed("DATA"):
            return Verb::data;
        case packed("BDAT"):
            return Verb::bdat;
        case packed("RSET"):
            return Verb::rset;
        case packed("NOOP"):
            return Verb::noop;
        case packed("VRFY"):
            return Verb::vrfy;
        case packed("EXPN"):
            return Verb::expn;
        case packed("HELP"):
            return Verb::help;
        case packed("QUIT"):
            return Verb::quit;
        case packed("AUTH"):
            return Verb::auth;
        default:
            return Verb::unknown;
    }
}

// Checks what the verb says about its argument; takes "FROM:" and "TO:" off.
std::expected<Command, CommandError> with_argument(Command command) {
    const auto path_behind = [&](std::string_view keyword) {
        const bool there = starts_with_ignoring_case(command.argument, keyword);
        if (there) command.argument = trim(command.argument.substr(keyword.size()));
        return there;
    };
    switch (command.verb) {
        case Verb::mail:
            if (!path_behind("FROM:")) return std::unexpected(bad_mail_syntax);
            break;
        case Verb::rcpt:
            if (!path_behind("TO:")) return std::unexpected(bad_rcpt_syntax);
            break;
        case Verb::helo:
        case Verb::ehlo:
        case Verb::vrfy:
        case Verb::expn:
        case Verb::auth:
            if (command.argument.empty()) return std::unexpected(needs_argument);
            break;
        case Verb::data:
        case Verb::rset:
        case Verb::quit:
        case Verb::starttls:
            if (!command.argument.empty()) return std::unexpected(takes_no_argument);
            break;
        case Verb::bdat:
        case Verb::noop:
        case Verb::help:
        case Verb::unknown:
            break;
    }
    return command;
}

bool is_keyword(std::string_view text) {
    if (text.empty() || text.front() == '-') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-';
    });
}

// One esmtp-param (RFC 5321 section 4.1.2).
struct Parameter {
    std::string_view keyword;
    std::optional<std::string_view> value;
    bool is(std::string_view name) const { return equals_ignoring_case(keyword, name); }
};

// Takes the next parameter off the front of `text`, which is not empty.
std::expected<Parameter, CommandError> take_parameter(std::string_view& text) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text = trim(text.substr(end));
    const auto equals = word.find('=');
    Parameter parameter{word.substr(0, equals), {}};
    if (!is_keyword(parameter.keyword)) return std::unexpected(bad_parameter);
    if (equals != std::string_view::npos) {
        parameter.value = word.substr(equals + 1);
        if (parameter.value->empty()) return std::unexpected(bad_parameter);
    }
    return parameter;
}

// The parameters seen so far; remembers which, so that none is given twice.
template <class Kind>
class Seen {
  public:
    bool again(Kind kind) {
        const auto bit = 1u << static_cast<unsigned>(kind);
        const bool before = (bits_ & bit) != 0;
        bits_ |= bit;
        return before;
    }

  private:
    unsigned bits_ = 0;
};

enum class MailParameter { size, body, smtputf8, ret, envelope_id, auth };

std::optional<MailParameter> mail_parameter(const Parameter& parameter) {
    if (parameter.is("SIZE")) return MailParameter::size;
    if (parameter.is("BODY")) return MailParameter::body;
    if (parameter.is("SMTPUTF8")) return MailParameter::smtputf8;
    if (parameter.is("RET")) return MailParameter::ret;
    if (parameter.is("ENVID")) return MailParameter::envelope_id;
    if (parameter.is("AUTH")) return MailParameter::auth;
    return std::nullopt;
}

// False: the value is bad.
bool set_body(MailCommand& mail, std::string_view value) {
    const bool eight = equals_ignoring_case(value, "8BITMIME");
    mail.body = eight ? Body::eight_bit_mime : Body::seven_bit;
    return eight || equals_ignoring_case(value, "7BIT");
}

bool set_ret(MailCommand& mail, std::string_view value) {
    const bool full = equals_ignoring_case(value, "FULL");
    mail.ret = full ? Ret::full : Ret::headers;
    return full || equals_ignoring_case(value, "HDRS");
}

bool set_envelope_id(MailCommand& mail, std::string_view value) {
    if (value.size() > max_envelope_id) return false;
    mail.envelope_id = Xtext::decode(value);
    return mail.envelope_id.has_value();
}

bool set(MailCommand& mail, MailParameter kind, const Parameter& parameter) {
    if (kind == MailParameter::smtputf8) {
        mail.smtputf8 = true;
        return !parameter.value;
    }
    if (!parameter.value) return false;
    switch (kind) {
        case MailParameter::size:
            mail.size = parse_decimal(*parameter.value);
            return mail.size.has_value();
        case MailParameter::body:
            return set_body(mail, *parameter.value);
        case MailParameter::ret:
            return set_ret(mail, *parameter.value);
        case MailParameter::envelope_id:
            return set_envelope_id(mail, *parameter.value);
        case MailParameter::auth:
            return *parameter.value == "<>" || Xtext::decode(*parameter.value).has_value();
        case MailParameter::smtputf8:
            break;
    }
    return false;
}

enum class RcptParameter { notify, original };

bool set(RcptCommand& rcpt, RcptParameter kind, const Parameter& parameter, Utf8 utf8) {
    if (!parameter.value) return false;
    if (kind == RcptParameter::notify) {
        const auto notify = parse_notify(*parameter.value);
        rcpt.notify = notify.value_or(Notify::unspecified);
        return notify.has_value();
    }
    if (parameter.value->size() > max_original_recipient) return false;
    rcpt.original = OriginalRecipient::decode(*parameter.value, utf8);
    return rcpt.original.has_value();
}

// Splits "<path> parameters"; empty when no path stands in front or something clings to it.
std::optional<std::string_view> take_path(std::string_view& argument) {
    const auto length = path_length(argument);
    if (length == 0 || (length < argument.size() && argument[length] != ' ')) return std::nullopt;
    const auto path = argument.substr(0, length);
    argument = trim(argument.substr(length));
    return path;
}

}  // namespace

std::expected<Command, CommandError> parse_command(std::string_view line) {
    if (has_control(line)) return std::unexpected(bad_control);
    const auto end = std::min(line.find(' '), line.size());
    Command command{verb_of(line.substr(0, end)), trim(line.substr(end))};
    const bool has_address = command.verb == Verb::mail || command.verb == Verb::rcpt;
    if (!has_address && !is_ascii(line)) return std::unexpected(bad_8bit);
    return with_argument(command);
}

std::expected<MailCommand, CommandError> parse_mail(std::string_view argument) {
    const auto path = take_path(argument);
    if (!path) return std::unexpected(bad_sender);
    auto sender = parse_reverse_path(*path, Utf8::allowed);
    if (!sender) return std::unexpected(bad_sender);
    MailCommand mail;
    mail.sender = std::move(*sender);
    Seen<MailParameter> seen;
    while (!argument.empty()) {
        const auto parameter = take_parameter(argument);
        if (!parameter) return std::unexpected(parameter.error());
        const auto kind = mail_parameter(*parameter);
        if (!kind) return std::unexpected(unknown_parameter);
        if (seen.again(*kind)) return std::unexpected(doubled_parameter);
        if (*kind == MailParameter::body && parameter->value &&
            equals_ignoring_case(*parameter->value, "BINARYMIME"))
            return std::unexpected(unknown_parameter);
        if (!set(mail, *kind, *parameter)) return std::unexpected(bad_parameter);
    }
    if (!mail.smtputf8 && !mail.sender.is_ascii()) return std::unexpected(needs_smtputf8);
    return mail;
}

std::expected<RcptCommand, CommandError> parse_rcpt(std::string_view argument, Utf8 utf8) {
    const auto path = take_path(argument);
    if (!path) return std::unexpected(bad_recipient);
    RcptCommand rcpt;
    if (!equals_ignoring_case(*path, "<postmaster>")) {
        auto mailbox = parse_forward_path(*path, Utf8::allowed);
        if (!mailbox) return std::unexpected(bad_recipient);
        if (utf8 == Utf8::refused && !is_ascii(*path)) return std::unexpected(needs_smtputf8);
        rcpt.mailbox = std::move(*mailbox);
    }
    Seen<RcptParameter> seen;
    while (!argument.empty()) {
        const auto parameter = take_parameter(argument);
        if (!parameter) return std::unexpected(parameter.error());
        const bool notify = parameter->is("NOTIFY");
        if (!notify && !parameter->is("ORCPT")) return std::unexpected(unknown_parameter);
        const auto kind = notify ? RcptParameter::notify : RcptParameter::original;
        if (seen.again(kind)) return std::unexpected(doubled_parameter);
        if (!set(rcpt, kind, *parameter, utf8)) return std::unexpected(bad_parameter);
    }
    return rcpt;
}

std::expected<BdatCommand, CommandError> parse_bdat(std::string_view argument) {
    const auto end = std::min(argument.find(' '), argument.size());
    const auto size = parse_decimal(argument.substr(0, end));
    const auto rest = trim(argument.substr(end));
    const bool last = equals_ignoring_case(rest, "LAST");
    if (!size || (!rest.empty() && !last)) return std::unexpected(bad_bdat);
    return BdatCommand{*size, last};
}

std::expected<std::string_view, CommandError> parse_helo(std::string_view argument) {
    const bool good = !argument.empty() && argument.size() <= max_domain &&
                      std::all_of(argument.begin(), argument.end(), [](char c) {
                          return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
                                 std::string_view(".-_:[]").find(c) != std::string_view::npos;
                      });
    if (!good) return std::unexpected(bad_helo);
    return argument;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (most - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

}  // namespace angarium::smtp

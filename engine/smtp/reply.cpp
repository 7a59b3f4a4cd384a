// Rendering of replies, and the client's parser with its caps.
#include "engine/smtp/reply.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <iterator>

#include "engine/smtp/text.hpp"

namespace angarium::smtp {
namespace {

// What a reply's text grew beyond this is given back with the next reply.
constexpr std::size_t kept_capacity = 512;

// Up to three digits at the front; moves past them.
std::optional<std::uint16_t> take_number(std::string_view& text) {
    std::size_t digits = 0;
    unsigned value = 0;
    while (digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9')
        value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
    if (digits == 0 || digits > 3) return std::nullopt;
    text.remove_prefix(digits);
    return static_cast<std::uint16_t>(value);
}

bool take_dot(std::string_view& text) {
    if (text.empty() || text.front() != '.') return false;
    text.remove_prefix(1);
    return true;
}

// An enhanced status at the front, followed by a space or the end; moves past it and the space.
std::optional<EnhancedStatus> take_enhanced(std::string_view& text) {
    auto rest = text;
    const auto status_class = take_number(rest);
    if (!status_class || (*status_class != 2 && *status_class != 4 && *status_class != 5) || !take_dot(rest))
        return std::nullopt;
    const auto subject = take_number(rest);
    if (!subject || !take_dot(rest)) return std::nullopt;
    const auto detail = take_number(rest);
    if (!detail || (!rest.empty() && rest.front() != ' ')) return std::nullopt;
    if (!rest.empty()) rest.remove_prefix(1);
    text = rest;
    return EnhancedStatus{static_cast<std::uint8_t>(*status_class), *subject, *detail};
}

void append_line(std::string& out, unsigned code, char separator, EnhancedStatus enhanced,
                 std::string_view text) {
    append_decimal(out, code);
    out += separator;
    if (enhanced) {
        append_decimal(out, enhanced.status_class);
        append_decimal(out += '.', enhanced.subject);
        append_decimal(out += '.', enhanced.detail);
        if (!text.empty()) out += ' ';
    }
    append_cleaned(out, text);
    out += "\r\n";
}

}  // namespace

std::optional<EnhancedStatus> EnhancedStatus::parse(std::string_view text) {
    if (text.ends_with(' ')) return std::nullopt;
    const auto status = take_enhanced(text);
    if (!status || !text.empty()) return std::nullopt;
    return status;
}

std::string EnhancedStatus::text() const {
    if (!*this) return {};
    return fmt::format(FMT_COMPILE("{}.{}.{}"), static_cast<unsigned>(status_class), subject, detail);
}

void FixedReply::append_to(std::string& out) const { append_line(out, code, ' ', enhanced, text); }

void Reply::append_to(std::string& out) const {
    for (std::string_view rest = text;;) {
        const auto newline = rest.find('\n');
        const bool last = newline == std::string_view::npos;
        append_line(out, code, last ? ' ' : '-', enhanced, rest.substr(0, newline));
        if (last) return;
        rest.remove_prefix(newline + 1);
    }
}

std::string Reply::one_line() const {
    auto out = fmt::format(FMT_COMPILE("{}"), code);
    if (enhanced) out.append(1, ' ').append(enhanced.text());
    if (!text.empty()) out += ' ';
    for (const char c : text) {
        if (c == '\n')
            out += " / ";
        else
            out += c;
    }
    return out;
}

std::expected<bool, ReplyError> ReplyParser::feed(std::string_view& input) {
    while (!failed_ && !input.empty()) {
        if (!within_) {
            reply_.code = 0;
            reply_.enhanced = {};
            reply_.text.clear();  // its memory serves the next one
            if (reply_.text.capacity() > kept_capacity) std::string().swap(reply_.text);
            lines_ = bytes_ = 0;
            within_ = true;
        }
        const auto newline = input.find('\n');
        const auto piece = input.substr(0, newline == std::string_view::npos ? newline : newline + 1);
        input.remove_prefix(piece.size());
        bytes_ += piece.size();
        if (partial_.size() + piece.size() > limits_.line || bytes_ > limits_.bytes ||
            lines_ >= limits_.lines) {
            failed_ = true;
            failure_ = ReplyError::too_long;
            break;
        }
        if (newline == std::string_view::npos) {
            partial_.append(piece);
            return false;
        }
        const bool complete = partial_.empty() ? line(piece) : line(partial_.append(piece));
        partial_.clear();
        if (complete) {
            within_ = false;
            return true;
        }
    }
    if (failed_) return std::unexpected(failure_);
    return false;
}

// One line with its end. True: the reply's last. A fault is noted in failed_.
bool ReplyParser::line(std::string_view text) {
    text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    ++lines_;
    auto rest = text;
    const auto code = take_number(rest);
    const bool last = rest.empty() || rest.front() == ' ';
    if (!code || *code < 200 || *code > 599 || (!last && rest.front() != '-') ||
        (lines_ > 1 && *code / 100 != reply_.code / 100)) {
        failed_ = true;
        failure_ = ReplyError::malformed;
        return false;
    }
    if (!rest.empty()) rest.remove_prefix(1);
    reply_.code = *code;
    auto behind = rest;
    const auto enhanced = take_enhanced(behind);
    if (enhanced && enhanced->status_class == *code / 100) {
        rest = behind;
        reply_.enhanced = *enhanced;
    }
    if (lines_ > 1) reply_.text += '\n';
    append_cleaned(reply_.text, rest);
    return last;
}

}  // namespace angarium::smtp

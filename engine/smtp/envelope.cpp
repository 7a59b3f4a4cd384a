// DSN values, there and back (RFC 3461).
#include "engine/smtp/envelope.hpp"

#include <algorithm>

#include "engine/smtp/text.hpp"

namespace angarium::smtp {
namespace {

int hex_value(char c) {  // RFC 3461 allows upper case only
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_printable(std::string_view text, Utf8 utf8) {
    if (is_ascii(text)) return !has_control(text);
    return utf8 == Utf8::allowed && is_clean_utf8(text);
}

std::optional<std::string> decode_xtext(std::string_view encoded) {
    std::string out;
    out.reserve(encoded.size());
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        const auto c = static_cast<unsigned char>(encoded[i]);
        if (c == '+') {
            if (i + 2 >= encoded.size()) return std::nullopt;
            const int high = hex_value(encoded[i + 1]), low = hex_value(encoded[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out.push_back(static_cast<char>(high << 4 | low));
            i += 2;
        } else if (c <= 0x20 || c == 0x7f || c == '=') {
            return std::nullopt;
        } else {
            out.push_back(encoded[i]);
        }
    }
    return out;
}

void append_xtext(std::string& out, std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet <= 0x20 || octet == 0x7f || c == '+' || c == '=') {
            out.push_back('+');
            out.push_back(digits[octet >> 4]);
            out.push_back(digits[octet & 15]);
        } else {
            out.push_back(c);  // UTF-8 stays as it is (RFC 6533 utf-8-addr-unitext)
        }
    }
}

bool is_address_type(std::string_view text) {  // an atom: "rfc822", "utf-8", "x400"
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
               c == '_' || c == '.';
    });
}

Notify notify_flag(std::string_view word) {
    if (equals_ignoring_case(word, "SUCCESS")) return Notify::success;
    if (equals_ignoring_case(word, "FAILURE")) return Notify::failure;
    if (equals_ignoring_case(word, "DELAY")) return Notify::delay;
    return Notify::unspecified;
}

}  // namespace

std::optional<Notify> parse_notify(std::string_view text) {
    if (equals_ignoring_case(text, "NEVER")) return Notify::never;
    auto set = Notify::unspecified;
    for (;;) {
        const auto comma = text.find(',');
        const auto flag = notify_flag(text.substr(0, comma));
        if (flag == Notify::unspecified) return std::nullopt;
        set = set | flag;
        if (comma == std::string_view::npos) return set;
        text.remove_prefix(comma + 1);
    }
}

std::string notify_text(Notify set) {
    if (contains(set, Notify::never)) return "NEVER";
    std::string out;
    const auto add = [&](Notify flag, std::string_view word) {
        if (!contains(set, flag)) return;
        if (!out.empty()) out += ',';
        out += word;
    };
    add(Notify::success, "SUCCESS");
    add(Notify::failure, "FAILURE");
    add(Notify::delay, "DELAY");
    return out;
}

std::optional<Xtext> Xtext::decode(std::string_view encoded, Utf8 utf8) {
    const auto decoded = decode_xtext(encoded);
    if (!decoded) return std::nullopt;
    return make(*decoded, utf8);
}

std::optional<Xtext> Xtext::make(std::string_view decoded, Utf8 utf8) {
    if (!is_printable(decoded, utf8)) return std::nullopt;
    return Xtext(std::string(decoded));
}

std::string Xtext::encoded() const {
    std::string out;
    append_xtext(out, text_);
    return out;
}

std::optional<OriginalRecipient> OriginalRecipient::decode(std::string_view encoded, Utf8 utf8) {
    const auto semicolon = encoded.find(';');
    if (semicolon == std::string_view::npos) return std::nullopt;
    const auto address = decode_xtext(encoded.substr(semicolon + 1));
    if (!address) return std::nullopt;
    return make(std::string(encoded.substr(0, semicolon + 1)) + *address, utf8);
}

std::optional<OriginalRecipient> OriginalRecipient::make(std::string_view decoded, Utf8 utf8) {
    const auto semicolon = decoded.find(';');
    if (semicolon == std::string_view::npos || !is_address_type(decoded.substr(0, semicolon)))
        return std::nullopt;
    const auto address = decoded.substr(semicolon + 1);
    if (address.empty() || !is_printable(address, utf8)) return std::nullopt;
    return OriginalRecipient(std::string(decoded), semicolon);
}

std::string OriginalRecipient::encoded() const {
    std::string out(text_, 0, semicolon_ + 1);
    append_xtext(out, address());
    return out;
}

}  // namespace angarium::smtp

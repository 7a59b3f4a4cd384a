// Characters: ASCII case, UTF-8 checking and the punycode of internationalised labels. Pure functions; locale plays no part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace angarium::smtp {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);  // spaces and tabs at both ends

bool is_ascii(std::string_view text);
// An ASCII control, DEL included.
constexpr bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }
bool has_control(std::string_view text);

// One code point at the front of well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
// size 0: not well-formed.
struct CodePoint {
    char32_t value = 0;
    unsigned size = 0;
};
CodePoint next_code_point(std::string_view text);

// Well-formed UTF-8 without controls (C0, DEL, C1).
bool is_clean_utf8(std::string_view text);
// Replaces every control (a tab becomes a space) and every octet that is not well-formed UTF-8 by '?'.
void append_cleaned(std::string& out, std::string_view text);

void append_decimal(std::string& out, std::uint64_t value);

// RFC 3492, without the "xn--". The label must be well-formed UTF-8.
std::string punycode(std::string_view label);

}  // namespace angarium::smtp

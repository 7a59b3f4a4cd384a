// Octets and code points; punycode follows RFC 3492 section 6.3.
#include "engine/smtp/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <vector>

namespace angarium::smtp {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return to_lower(x) == to_lower(y); });
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::string_view trim(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

bool is_ascii(std::string_view text) {
    std::uint64_t seen = 0;
    while (text.size() >= 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data(), 8);
        seen |= word;
        text.remove_prefix(8);
    }
    for (const char c : text) seen |= static_cast<unsigned char>(c);
    return (seen & 0x8080808080808080ull) == 0;
}

bool has_control(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    while (text.size() >= 8) {  // an octet's top bit is set when it is a control, or only behind one
        std::uint64_t word;
        std::memcpy(&word, text.data(), 8);
        const auto del = word ^ ones * 0x7f;
        const auto controls = ((word - ones * 0x20) & ~word) | ((del - ones) & ~del);
        if ((controls & ones << 7) != 0) return true;
        text.remove_prefix(8);
    }
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return is_control(c); });
}

CodePoint next_code_point(std::string_view text) {
    if (text.empty()) return {};
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = at(0);
    if (first < 0x80) return {first, 1};
    const unsigned size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return {};
    char32_t value = first & (0xffu >> (size + 1));
    for (unsigned i = 1; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) return {};
        value = value << 6 | (at(i) & 0x3f);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (overlong || surrogate || value > 0x10ffff) return {};
    return {value, size};
}

namespace {
bool is_clean(CodePoint point) {
    if (point.size == 0) return false;
    return point.value >= 0xa0 || (point.value >= 0x20 && point.value < 0x7f);
}
}  // namespace

bool is_clean_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto point = next_code_point(text);
        if (!is_clean(point)) return false;
        text.remove_prefix(point.size);
    }
    return true;
}

void append_cleaned(std::string& out, std::string_view text) {
    const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
    while (true) {
        // Nearly all text is plain ASCII: what needs no look at code points goes in one piece.
        const auto plain = static_cast<std::size_t>(std::ranges::find_if_not(text, printable) - text.begin());
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) return;
        const auto point = next_code_point(text);
        if (is_clean(point))
            out.append(text.substr(0, point.size));
        else
            out.push_back(point.value == '\t' && point.size == 1 ? ' ' : '?');
        text.remove_prefix(std::max(point.size, 1u));
    }
}

void append_decimal(std::string& out, std::uint64_t value) {
    char digits[20];
    out.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
}

namespace {
// RFC 3492 section 6.1.
std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) {
    delta = first ? delta / 700 : delta / 2;
    delta += delta / points;
    std::uint32_t k = 0;
    for (; delta > 455; k += 36) delta /= 35;
    return k + 36 * delta / (delta + 38);
}

void append_variable_length(std::string& out, std::uint32_t q, std::uint32_t bias) {
    const auto digit = [](std::uint32_t d) { return static_cast<char>(d < 26 ? 'a' + d : '0' + (d - 26)); };
    for (std::uint32_t k = 36;; k += 36) {
        const std::uint32_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        if (q < threshold) break;
        out.push_back(digit(threshold + (q - threshold) % (36 - threshold)));
        q = (q - threshold) / (36 - threshold);
    }
    out.push_back(digit(q));
}
}  // namespace

std::string punycode(std::string_view label) {
    std::vector<std::uint32_t> points;
    std::string out;
    while (!label.empty()) {
        const auto point = next_code_point(label);
        if (point.size == 0) return {};
        points.push_back(point.value);
        if (point.value < 0x80) out.push_back(static_cast<char>(point.value));
        label.remove_prefix(point.size);
    }
    const auto basic = static_cast<std::uint32_t>(out.size());
    if (basic > 0) out.push_back('-');
    std::uint32_t n = 0x80, delta = 0, bias = 72;
    // A label has at most 63 octets, so nothing here can overflow 32 bits.
    for (std::uint32_t handled = basic; handled < points.size(); ++delta, ++n) {
        std::uint32_t least = 0x110000;
        for (const auto point : points)
            if (point >= n) least = std::min(least, point);
        delta += (least - n) * (handled + 1);
        n = least;
        for (const auto point : points) {
            if (point < n) ++delta;
            if (point != n) continue;
            append_variable_length(out, delta, bias);
            bias = adapt(delta, handled + 1, handled == basic);
            delta = 0;
            ++handled;
        }
    }
    return out;
}

}  // namespace angarium::smtp

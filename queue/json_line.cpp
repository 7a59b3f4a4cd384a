#include "queue/json_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "engine/smtp/text.hpp"

namespace angarium::queue {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// What may stand in a JSON string as it is. Everything above 0x7f is looked at as UTF-8.
constexpr auto plain = [] {
    std::array<bool, 256> table{};
    for (unsigned c = 0x20; c < 0x7f; ++c) table[c] = c != '"' && c != '\\';
    return table;
}();

// All eight octets are plain. May say no where it is so only behind an octet that is not.
bool all_plain(std::uint64_t eight) {
    constexpr std::uint64_t ones = 0x0101010101010101, highs = ones << 7;
    const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word; };
    const auto below_blank = (eight - ones * 0x20) & ~eight;
    const auto special = eight | below_blank | has_zero(eight ^ ones * '"') | has_zero(eight ^ ones * '\\') |
                         has_zero(eight ^ ones * 0x7f);
    return (special & highs) == 0;
}

char* put(char* to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

char* put_escaped(char* to, unsigned code) {
    static constexpr char digits[] = "0123456789abcdef";
    const char text[] = {'\\', 'u', '0', '0', digits[code >> 4 & 15], digits[code & 15]};
    return put(to, {text, sizeof text});
}

// One character that is not plain, off the front of `text`.
char* put_special(char* to, std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80) {
        text.remove_prefix(1);
        if (first != '"' && first != '\\') return put_escaped(to, first);
        to[0] = '\\';
        to[1] = static_cast<char>(first);
        return to + 2;
    }
    const auto point = smtp::next_code_point(text);
    const auto character = text.substr(0, std::max(point.size, 1u));
    text.remove_prefix(character.size());
    if (point.size == 0) return put(to, replacement);
    return point.value < 0xa0 ? put_escaped(to, point.value) : put(to, character);  // C1 controls are escaped
}

// The longest front of at most `most` bytes that does not end inside a character.
std::string_view cut(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    auto end = most;
    for (unsigned back = 0; back < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80;
         ++back)
        --end;
    return text.substr(0, end);
}

void put_digits(char* at, unsigned width, unsigned value) {
    for (unsigned i = width; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

char* put_json_text(char* to, std::string_view text, std::size_t most) {
    text = cut(text, most);
    while (!text.empty()) {
        std::uint64_t eight = 0;
        if (text.size() >= sizeof eight) {
            std::memcpy(&eight, text.data(), sizeof eight);
            if (all_plain(eight)) {
                std::memcpy(to, &eight, sizeof eight);
                to += sizeof eight;
                text.remove_prefix(sizeof eight);
                continue;
            }
        }
        if (plain[static_cast<unsigned char>(text.front())]) {
            *to++ = text.front();
            text.remove_prefix(1);
        } else {
            to = put_special(to, text);
        }
    }
    return to;
}

char* TimeText::put(char* to, WallTime at) {
    using namespace std::chrono;
    const auto whole = floor<std::chrono::seconds>(at);
    if (whole.time_since_epoch().count() != second_) {
        second_ = whole.time_since_epoch().count();
        const auto day = floor<days>(whole);
        const year_month_day date(day);
        const hh_mm_ss clock(whole - day);
        std::memcpy(text_, "0000-00-00T00:00:00.", sizeof text_);
        put_digits(text_, 4, static_cast<unsigned>(static_cast<int>(date.year())));
        put_digits(text_ + 5, 2, static_cast<unsigned>(date.month()));
        put_digits(text_ + 8, 2, static_cast<unsigned>(date.day()));
        put_digits(text_ + 11, 2, static_cast<unsigned>(clock.hours().count()));
        put_digits(text_ + 14, 2, static_cast<unsigned>(clock.minutes().count()));
        put_digits(text_ + 17, 2, static_cast<unsigned>(clock.seconds().count()));
    }
    std::memcpy(to, text_, sizeof text_);
    put_digits(to + sizeof text_, 3, static_cast<unsigned>((at - whole).count()));
    to[size - 1] = 'Z';
    return to + size;
}

void JsonLine::grow(std::size_t bytes) {
    constexpr std::size_t usual = 1024;
    const auto used = static_cast<std::size_t>(at_ - scratch_.data());
    scratch_.resize(std::max({used + bytes, 2 * scratch_.size(), usual}));
    at_ = scratch_.data() + used;
    end_ = scratch_.data() + scratch_.size();
}

void JsonLine::quote(std::string_view value, std::size_t most) {
    char* to = room(2 + json_growth * std::min(value.size(), most));
    *to++ = '"';
    to = put_json_text(to, value, most);
    *to++ = '"';
    at_ = to;
}

JsonLine& JsonLine::decimal(std::uint64_t value) {
    constexpr std::size_t longest = 20;
    char* const to = room(longest);
    at_ = std::to_chars(to, to + longest, value).ptr;
    return *this;
}

JsonLine& JsonLine::seconds(std::string_view name, std::uint64_t microseconds) {
    number(name, microseconds / 1'000'000);
    char fraction[7] = {'.'};
    put_digits(fraction + 1, 6, static_cast<unsigned>(microseconds % 1'000'000));
    std::size_t length = sizeof fraction;
    while (length > 2 && fraction[length - 1] == '0') --length;
    std::memcpy(room(length), fraction, length);
    at_ += length;
    return *this;
}

JsonLine& JsonLine::time(std::string_view name, WallTime at) {
    open_text(name);
    at_ = times_.put(room(TimeText::size), at);
    return close_text();
}

}  // namespace angarium::queue

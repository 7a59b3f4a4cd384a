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

void append_escaped(std::string& out, unsigned code) {
    static constexpr char digits[] = "0123456789abcdef";
    const char text[] = {'\\', 'u', '0', '0', digits[code >> 4 & 15], digits[code & 15]};
    out.append(text, sizeof text);
}

// One character that is not plain; how many bytes of `text` it takes.
std::size_t append_special(std::string& out, std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first == '"' || first == '\\') {
        out.push_back('\\');
        out.push_back(text.front());
        return 1;
    }
    if (first < 0x80) return append_escaped(out, first), 1;
    const auto point = smtp::next_code_point(text);
    if (point.size == 0) {
        out.append(replacement);
        return 1;
    }
    if (point.value < 0xa0)
        append_escaped(out, point.value);  // C1 controls
    else
        out.append(text.substr(0, point.size));
    return point.size;
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

void append_number(std::string& out, std::uint64_t value) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, static_cast<std::size_t>(end - digits));
}

void put_digits(char* at, unsigned width, unsigned value) {
    for (unsigned i = width; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

void append_json_text(std::string& out, std::string_view text, std::size_t most) {
    text = cut(text, most);
    while (!text.empty()) {
        std::size_t run = 0;
        while (run < text.size() && plain[static_cast<unsigned char>(text[run])]) ++run;
        out.append(text.data(), run);
        text.remove_prefix(run);
        if (!text.empty()) text.remove_prefix(append_special(out, text));
    }
}

void TimeText::append(std::string& out, WallTime at) {
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
    char milliseconds[4];
    put_digits(milliseconds, 3, static_cast<unsigned>((at - whole).count()));
    milliseconds[3] = 'Z';
    out.append(text_, sizeof text_).append(milliseconds, sizeof milliseconds);
}

void JsonLine::comma() {
    const char last = out_.back();
    if (last != '{' && last != '[') out_.push_back(',');
}

std::string& JsonLine::raw(std::string_view name) {
    comma();
    out_.push_back('"');
    return out_.append(name).append("\":");
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value, std::size_t most) {
    if (value.empty()) return *this;
    raw(name).push_back('"');
    append_json_text(out_, value, most);
    out_.push_back('"');
    return *this;
}

JsonLine& JsonLine::number(std::string_view name, std::uint64_t value) {
    append_number(raw(name), value);
    return *this;
}

JsonLine& JsonLine::seconds(std::string_view name, std::uint64_t microseconds) {
    append_number(raw(name), microseconds / 1'000'000);
    char fraction[7] = {'.'};
    put_digits(fraction + 1, 6, static_cast<unsigned>(microseconds % 1'000'000));
    std::size_t length = sizeof fraction;
    while (length > 2 && fraction[length - 1] == '0') --length;
    out_.append(fraction, length);
    return *this;
}

JsonLine& JsonLine::time(std::string_view name, WallTime at) {
    raw(name).push_back('"');
    times_.append(out_, at);
    out_.push_back('"');
    return *this;
}

JsonLine& JsonLine::flag(std::string_view name) {
    raw(name).append("true");
    return *this;
}

JsonLine& JsonLine::open(std::string_view name) {
    raw(name).push_back('{');
    return *this;
}

JsonLine& JsonLine::close() {
    out_.push_back('}');
    return *this;
}

JsonLine& JsonLine::open_list(std::string_view name) {
    raw(name).push_back('[');
    return *this;
}

JsonLine& JsonLine::item(std::string_view value, std::size_t most) {
    comma();
    out_.push_back('"');
    append_json_text(out_, value, most);
    out_.push_back('"');
    return *this;
}

JsonLine& JsonLine::close_list() {
    out_.push_back(']');
    return *this;
}

}  // namespace angarium::queue

// Parsing and printing of durations and sizes. See units.hpp.
#include "engine/app/units.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <span>

namespace angarium::app {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// In milliseconds, large to small.
constexpr Unit time_units[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr std::uint64_t most_milliseconds = 100ull * 366 * 86'400'000;

constexpr Unit size_units[] = {{"TiB", 1ull << 40},
                               {"TB", 1'000'000'000'000},
                               {"GiB", 1ull << 30},
                               {"GB", 1'000'000'000},
                               {"MiB", 1ull << 20},
                               {"MB", 1'000'000},
                               {"KiB", 1ull << 10},
                               {"KB", 1000},
                               {"B", 1}};

std::size_t digits_in_front(std::string_view text) {
    std::size_t n = 0;
    while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
    return n;
}

const Unit* find(std::span<const Unit> units, std::string_view name) {
    for (const auto& unit : units)
        if (unit.name == name) return &unit;
    return nullptr;
}

std::optional<std::uint64_t> product(std::string_view digits, std::uint64_t factor) {
    std::uint64_t number = 0, result = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || __builtin_mul_overflow(number, factor, &result)) return std::nullopt;
    return result;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    const auto wrong = [text](std::string_view what) {
        return failure(fmt::format(
            "\"{}\" {}; write a duration such as \"250ms\", \"30s\", \"5m\", \"4h\" or \"5d\"", text, what));
    };
    std::uint64_t total = 0, last_factor = UINT64_MAX;
    std::string_view rest = text;
    do {
        const auto digits = digits_in_front(rest);
        if (digits == 0) return wrong("is no duration");
        auto end = digits;
        while (end < rest.size() && (rest[end] < '0' || rest[end] > '9')) ++end;
        const auto name = rest.substr(digits, end - digits);
        if (name.empty()) return wrong("has no unit");
        const Unit* unit = find(time_units, name);
        if (unit == nullptr) return wrong("has an unknown unit");
        if (unit->factor >= last_factor) return wrong("repeats or disorders its units");
        const auto part = product(rest.substr(0, digits), unit->factor);
        if (!part || *part > most_milliseconds || total + *part > most_milliseconds)
            return wrong("is too long");
        total += *part;
        last_factor = unit->factor;
        rest.remove_prefix(end);
    } while (!rest.empty());
    return Duration(std::chrono::milliseconds(total));
}

std::string format_duration(Duration duration) {
    auto rest = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, duration_cast<std::chrono::milliseconds>(duration).count()));
    if (rest == 0) return "0s";
    std::string out;
    for (const auto& unit : time_units) {
        if (rest >= unit.factor) out += fmt::format("{}{}", rest / unit.factor, unit.name);
        rest %= unit.factor;
    }
    return out;
}

Result<Bytes> parse_size(std::string_view text) {
    const auto wrong = [text](std::string_view what) {
        return failure(fmt::format(
            "\"{}\" {}; write a size such as \"512B\", \"64KiB\", \"50MB\" or \"1GiB\"", text, what));
    };
    const auto digits = digits_in_front(text);
    if (digits == 0) return wrong("is no size");
    if (digits == text.size()) return wrong("has no unit");
    const Unit* unit = find(size_units, text.substr(digits));
    if (unit == nullptr) return wrong("has an unknown unit");
    const auto bytes = product(text.substr(0, digits), unit->factor);
    if (!bytes || *bytes > INT64_MAX) return wrong("is too large");
    return Bytes{*bytes};
}

std::string format_size(Bytes size) {
    if (size.count == 0) return "0B";
    const Unit* best = &size_units[std::size(size_units) - 1];
    for (const auto& unit : size_units)
        if (size.count % unit.factor == 0 && unit.factor > best->factor) best = &unit;
    return fmt::format("{}{}", size.count / best->factor, best->name);
}

}  // namespace angarium::app

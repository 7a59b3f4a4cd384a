// Durations and sizes as people write them in the configuration: a number always carries its unit ("30s", "64MiB").
// Pure functions; errors are sentences with the remedy.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.hpp"
#include "engine/base/time.hpp"

namespace angarium::app {

struct Bytes {
    std::uint64_t count = 0;
    friend bool operator==(const Bytes&, const Bytes&) = default;
    friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

constexpr Bytes kib(std::uint64_t n) { return {n << 10}; }
constexpr Bytes mib(std::uint64_t n) { return {n << 20}; }
constexpr Bytes gib(std::uint64_t n) { return {n << 30}; }

// "250ms", "30s", "5m", "4h", "5d", or several from large to small ("1h30m"). At most 100 years.
Result<Duration> parse_duration(std::string_view text);
// Reads back to the same duration; whole milliseconds (less is rounded down).
std::string format_duration(Duration duration);

// "512B", "64KiB", "50MB", "1GiB", "2TiB": powers of 1024 with an i, of 1000 without.
Result<Bytes> parse_size(std::string_view text);
// In the largest unit that divides it; reads back to the same size.
std::string format_size(Bytes size);

}  // namespace angarium::app

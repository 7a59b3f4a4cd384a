// The buckets of histograms: three fixed scales, chosen by what is observed, and an index that costs a table
// look-up and at most three comparisons. Values are integers: nanoseconds, bytes or a number. No state; any
// thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "metrics/catalogue.hpp"

namespace angarium::metrics {

enum class Unit : std::uint8_t { seconds, bytes, number };

constexpr Unit unit(const Entry& entry) {
    if (entry.name.ends_with("_seconds") || entry.name.ends_with("_seconds_total")) return Unit::seconds;
    return entry.name.ends_with("_bytes") ? Unit::bytes : Unit::number;
}
constexpr Unit unit(Spread id) { return unit(entry(id)); }

namespace detail {

inline constexpr std::uint64_t us = 1'000, ms = 1'000 * us, s = 1'000 * ms;

// 100 us to an hour, about six a decade where mail is fast, round numbers where people wait.
inline constexpr std::uint64_t second_bounds[] = {
    100 * us, 150 * us, 200 * us, 300 * us, 500 * us, 700 * us, 1 * ms,  1500 * us, 2 * ms,
    3 * ms,   5 * ms,   7 * ms,   10 * ms,  15 * ms,  20 * ms,  30 * ms, 50 * ms,   70 * ms,
    100 * ms, 150 * ms, 200 * ms, 300 * ms, 500 * ms, 700 * ms, 1 * s,   1500 * ms, 2 * s,
    3 * s,    5 * s,    7 * s,    10 * s,   15 * s,   20 * s,   30 * s,  60 * s,    120 * s,
    300 * s,  600 * s,  1200 * s, 1800 * s, 3600 * s};
// 1 KiB to 64 MiB, by two.
inline constexpr std::uint64_t byte_bounds[] = {1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15,
                                                1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21,
                                                1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 26};
inline constexpr std::uint64_t number_bounds[] = {1,  2,  3,  4,   6,   8,   12,   16,   24,  32,
                                                  48, 64, 96, 128, 256, 512, 1024, 2048, 4096};

// For each bit width of a value, the first bucket that such a value may be in.
template <std::size_t N>
constexpr std::array<std::uint8_t, 65> first_buckets(const std::uint64_t (&bounds)[N]) {
    std::array<std::uint8_t, 65> first{};
    for (unsigned width = 0; width <= 64; ++width) {
        const std::uint64_t least = width == 0 ? 0 : std::uint64_t{1} << (width - 1);
        std::size_t bucket = 0;
        while (bucket < N && bounds[bucket] < least) ++bucket;
        first[width] = static_cast<std::uint8_t>(bucket);
    }
    return first;
}

inline constexpr auto second_first = first_buckets(second_bounds);
inline constexpr auto byte_first = first_buckets(byte_bounds);
inline constexpr auto number_first = first_buckets(number_bounds);

template <std::size_t N>
constexpr std::size_t find_bucket(const std::uint64_t (&bounds)[N], const std::array<std::uint8_t, 65>& first,
                                  std::uint64_t value) {
    std::size_t bucket = first[std::bit_width(value)];
    while (bucket < N && bounds[bucket] < value) ++bucket;
    return bucket;
}

}  // namespace detail

// Upper bounds (inclusive) of all buckets but the last, which has none.
constexpr std::span<const std::uint64_t> bucket_bounds(Unit unit) {
    switch (unit) {
        case Unit::seconds:
            return detail::second_bounds;
        case Unit::bytes:
            return detail::byte_bounds;
        case Unit::number:
            break;
    }
    return detail::number_bounds;
}

inline constexpr std::size_t most_buckets =
    1 + std::max({std::size(detail::second_bounds), std::size(detail::byte_bounds),
                  std::size(detail::number_bounds)});

constexpr std::size_t bucket_of(Unit unit, std::uint64_t value) {
    switch (unit) {
        case Unit::seconds:
            return detail::find_bucket(detail::second_bounds, detail::second_first, value);
        case Unit::bytes:
            return detail::find_bucket(detail::byte_bounds, detail::byte_first, value);
        case Unit::number:
            break;
    }
    return detail::find_bucket(detail::number_bounds, detail::number_first, value);
}

}  // namespace angarium::metrics

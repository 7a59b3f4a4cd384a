#include "bench/text.hpp"

#include <fmt/core.h>

namespace angarium::bench {
namespace {

// Three digits that count.
std::string three_digits(double value) {
    return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

}  // namespace

std::string time_text(std::uint64_t nanoseconds) {
    const auto value = static_cast<double>(nanoseconds);
    if (value < 1e6) return three_digits(value / 1e3) + " us";
    if (value < 1e9) return three_digits(value / 1e6) + " ms";
    return three_digits(value / 1e9) + " s";
}

std::string size_text(double bytes) {
    if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
    for (const char* unit : {"KiB", "MiB", "GiB"}) {
        bytes /= 1024;
        if (bytes < 1024) return fmt::format("{} {}", three_digits(bytes), unit);
    }
    return three_digits(bytes / 1024) + " TiB";
}

std::string latency_text(const Histogram& histogram) {
    return fmt::format("p50 {}   p90 {}   p99 {}   p99.9 {}   max {}", time_text(histogram.percentile(50)),
                       time_text(histogram.percentile(90)), time_text(histogram.percentile(99)),
                       time_text(histogram.percentile(99.9)), time_text(histogram.max()));
}

double ratio(double a, double b) { return b == 0 ? 0 : a / b; }

}  // namespace angarium::bench

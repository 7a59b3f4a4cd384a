// How results are written for people: numbers with units that fit their size. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "bench/histogram.hpp"

namespace angarium::bench {

// Nanoseconds as "850 us", "4.21 ms", "1.30 s".
std::string time_text(std::uint64_t nanoseconds);
// "4.0 KiB", "100 MiB".
std::string size_text(double bytes);
// "p50 4.21 ms   p90 ...   p99 ...   p99.9 ...   max ..."
std::string latency_text(const Histogram& histogram);
// a / b, or 0.
double ratio(double a, double b);

}  // namespace angarium::bench

// When to try again: first, then times factor, up to cap, give or take jitter; until the lifetime is over.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/base/random.hpp"
#include "engine/base/time.hpp"

namespace angarium::queue {

struct RetryOptions {
    Duration first = 5min;
    double factor = 2.0;
    Duration cap = 4h;
    double jitter = 0.2;  // share of the delay, both ways
    Duration lifetime = 120h;
};

// The delay after `attempts` failed attempts (1: after the first). At least a millisecond, so that a new due time always
// differs from the old one.
inline std::chrono::milliseconds retry_delay(const RetryOptions& options, std::uint32_t attempts,
                                             Random& random) {
    const double growth =
        std::pow(options.factor, static_cast<double>(std::min<std::uint32_t>(attempts, 64)) - 1.0);
    const double base = std::min(static_cast<double>(options.first.count()) * growth,
                                 static_cast<double>(options.cap.count()));
    const double delay = base * (1.0 + options.jitter * (2.0 * random.unit() - 1.0)) / 1e6;
    return std::chrono::milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(delay)));
}

inline bool expired(const RetryOptions& options, WallTime accepted, WallTime now) {
    return now - accepted >= options.lifetime;
}

}  // namespace angarium::queue

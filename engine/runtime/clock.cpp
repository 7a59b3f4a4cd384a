// The kernel's clocks (through the vDSO: no system call).
#include <time.h>

#include "engine/runtime/ring_shard.hpp"

namespace angarium::runtime {

MonoTime SystemClock::mono() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return MonoTime{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

WallTime SystemClock::wall() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return WallTime{std::chrono::milliseconds{now.tv_sec * 1000 + now.tv_nsec / 1'000'000}};
}

}  // namespace angarium::runtime

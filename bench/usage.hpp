// What the tools measure about themselves and the machine: processor time and exact clocks. (A shard's own clocks are read
// once a turn of its loop; latencies need the moment.) Any thread.
#pragma once

#include <cstdint>
#include <ctime>

namespace angarium::bench {

inline std::uint64_t read_clock(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}
// Nanoseconds that only grow.
inline std::uint64_t mono_nanoseconds() { return read_clock(CLOCK_MONOTONIC); }
// Microseconds since 1970.
inline std::uint64_t wall_microseconds() { return read_clock(CLOCK_REALTIME) / 1000; }

// Processor time of this process so far, all threads, in seconds.
struct CpuTime {
    double user = 0;
    double system = 0;
    double total() const { return user + system; }
    static CpuTime now();
    friend CpuTime operator-(const CpuTime& a, const CpuTime& b) {
        return {a.user - b.user, a.system - b.system};
    }
};

// What the shards' rings did, all together.
struct RingUse {
    std::uint64_t enters = 0;       // io_uring_enter calls
    std::uint64_t completions = 0;  // operations that the kernel finished
};

// What this process has handed to block devices so far, bytes.
std::uint64_t written_bytes();

// The largest resident size of this process so far, bytes.
std::uint64_t peak_resident_bytes();

}  // namespace angarium::bench

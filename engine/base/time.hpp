// Two clocks that never mix. MonoTime drives timers and deadlines; WallTime stamps messages, keys and log lines. A step
// of the wall clock therefore moves no timer.
#pragma once

#include <chrono>
#include <cstdint>

namespace angarium {

using Duration = std::chrono::nanoseconds;
using std::chrono::duration_cast;
using namespace std::chrono_literals;

struct MonoClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = Duration;
    using time_point = std::chrono::time_point<MonoClock>;
    static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;
inline constexpr MonoTime no_deadline = MonoTime::max();

// Milliseconds since 1970, UTC: the unit of everything that is kept on disk.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

// The seam to time: the real clock reads the kernel, the simulated one a variable.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual MonoTime mono() = 0;
    virtual WallTime wall() = 0;
};

}  // namespace angarium

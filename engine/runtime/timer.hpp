// The timing wheel of one shard: all timeouts, armed and disarmed in constant time and without allocation.
// A Timer is a member of whoever waits; it disarms itself when it goes. Timers never fire early; they fire at most one
// tick (`TimerWheel::tick`) late, through the ready list's turn. Owning thread: the shard's.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/base/time.hpp"

namespace angarium::runtime {

class TimerWheel;

class Timer {
  public:
    using Callback = void (*)(void* argument);

    Timer(Callback callback, void* argument) : callback_(callback), argument_(argument) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { disarm(); }

    // Arms, or moves an armed timer. A deadline in the past fires in the next turn; no_deadline disarms.
    void arm(TimerWheel& wheel, MonoTime when);
    void disarm();
    bool armed() const { return wheel_ != nullptr; }
    MonoTime when() const { return when_; }

  private:
    friend class TimerWheel;
    Timer* next_ = nullptr;
    Timer** link_ = nullptr;  // what points at us
    TimerWheel* wheel_ = nullptr;
    std::uint16_t slot_ =
        0;  // where we hang (level * slots + slot, or `off_wheel`), for the occupancy bitmaps
    MonoTime when_{};
    Callback callback_;
    void* argument_;
};

class TimerWheel {
  public:
    static constexpr Duration tick = 1ms;

    explicit TimerWheel(MonoTime now);
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;
    ~TimerWheel();

    // Fires everything due at `now`. Callbacks may arm and disarm any timer. Returns how many fired.
    std::size_t advance(MonoTime now);
    // When the loop must wake at the latest; no_deadline when nothing is armed. May be early (cascades), never late.
    MonoTime next() const;
    std::size_t armed() const { return armed_; }

  private:
    friend class Timer;
    // Seven levels of 64 slots: 1 ms resolution, 2^42 ms (139 years) range. A timer hangs at the level of the highest
    // digit (base 64) in which its tick differs from now, so every slot in use lies ahead of now's own digit: the
    // lowest set bit of the lowest occupied level is what comes next, and nothing wraps.
    static constexpr unsigned levels = 7, bits = 6, slots = 1u << bits;
    static constexpr std::uint64_t last_tick = (std::uint64_t{1} << (levels * bits)) - 1;
    static constexpr std::uint16_t off_wheel = levels * slots;
    void insert(Timer& timer);
    void remove(Timer& timer);
    void hang(Timer& timer, Timer*& head, std::uint16_t slot);
    Timer* take(unsigned level, unsigned slot);
    // Moves what is due up to `target` to `due`, in order of ticks.
    void collect(std::uint64_t target, Timer** due_tail);
    std::uint64_t ticks(MonoTime when) const;  // rounded up

    MonoTime start_;
    std::uint64_t now_ = 0;  // in ticks since start_
    std::size_t armed_ = 0;
    Timer* wheel_[levels][slots] = {};
    std::uint64_t occupied_[levels] = {};
};

}  // namespace angarium::runtime

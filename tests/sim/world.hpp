// The simulated world's time: one list of events, in order of time, then of their making. Whatever happens is an event; all
// dice are thrown here. The same seed therefore gives the same world, event by event, and a trace with the same hash.
// One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/base/time.hpp"

namespace angarium::sim {

// Events of this process so far, for whoever wonders whether a story goes on: a signal handler.
inline std::atomic<std::uint64_t> steps_made = 0;

class World final : public Clock {
  public:
    explicit World(std::uint64_t seed) : random_(seed) {}

    MonoTime mono() override { return now_; }
    WallTime wall() override {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(
            start_of_wall + std::chrono::duration_cast<std::chrono::milliseconds>(now_ - start) +
            wall_shift_);
    }
    MonoTime now() const { return now_; }
    Duration elapsed() const { return now_ - start; }
    // The wall clock is set, forward or back; timers do not move.
    void shift_wall(Duration by) {
        latest_wall_ = latest_wall();
        wall_shift_ += duration_cast<std::chrono::milliseconds>(by);
    }
    // The latest that it has ever shown.
    WallTime latest_wall() { return std::max(latest_wall_, wall()); }

    // --- dice ---
    Random& random() { return random_; }
    std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) {
        return least + random_.below(most - least + 1);
    }
    Duration between(Duration least, Duration most) {
        return Duration(static_cast<std::int64_t>(
            between(static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count()))));
    }
    bool chance(double probability) { return random_.unit() < probability; }
    // Mostly short, now and then a hundred times as long: what latencies look like.
    Duration latency(Duration usual) {
        const auto base = between(usual / 4, usual * 2);
        return chance(0.02) ? base * 50 : base;
    }

    // --- events ---
    void at(MonoTime when, std::function<void()> what) {
        events_.push(Event{std::max(when, now_), ++made_, std::move(what)});
    }
    void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
    // Runs the next event; false when there is none, or none until `until`.
    bool step(MonoTime until) {
        if (events_.empty() || events_.top().when > until) return false;
        auto what = std::move(const_cast<Event&>(events_.top()).what);
        now_ = events_.top().when;
        events_.pop();
        ++steps_;
        steps_made.fetch_add(1, std::memory_order_relaxed);
        what();
        return true;
    }
    std::uint64_t steps() const { return steps_; }

    // --- the story ---
    // Every line goes into the hash; the last ones are kept, all are printed where somebody wants to see them.
    void tell(std::string_view line);
    bool loud = false;
    std::uint64_t hash() const { return hash_; }
    const std::deque<std::string>& last_lines() const { return story_; }

  private:
    struct Event {
        MonoTime when;
        std::uint64_t number;
        std::function<void()> what;
        bool operator<(const Event& other) const {  // the queue's top is the greatest
            return when != other.when ? when > other.when : number > other.number;
        }
    };
    static constexpr MonoTime start{1s};
    static constexpr WallTime start_of_wall{std::chrono::sys_days(std::chrono::year(2026) / 11 / 26)};
    static constexpr std::size_t kept_lines = 400;

    Random random_;
    MonoTime now_ = start;
    std::chrono::milliseconds wall_shift_{0};
    WallTime latest_wall_{};
    std::priority_queue<Event> events_;
    std::uint64_t made_ = 0, steps_ = 0;
    std::uint64_t hash_ = 0xcbf29ce484222325ull;
    std::deque<std::string> story_;
};

}  // namespace angarium::sim

// A shard for unit tests that need coroutines and timers but no kernel: time stands still until the test moves it, and
// nothing runs until the test says so. The test's thread is the shard's.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "engine/runtime/shard.hpp"

namespace angarium::support {

class ManualClock final : public Clock {
  public:
    MonoTime mono() override { return mono_; }
    WallTime wall() override { return wall_; }
    void advance(Duration step) {
        mono_ += step;
        step_wall(step);
    }
    void step_wall(Duration step) { wall_ += std::chrono::duration_cast<std::chrono::milliseconds>(step); }

  private:
    MonoTime mono_{1s};
    WallTime wall_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 24)};
};

class ManualShard final : private std::unique_ptr<ManualClock>, public runtime::Shard {
  public:
    explicit ManualShard(std::uint64_t seed = 1)
        : std::unique_ptr<ManualClock>(std::make_unique<ManualClock>()),
          Shard(ShardId{0}, 1, *this->get(), Random(seed)) {
        enter();
    }
    ~ManualShard() override { leave(); }

    // Runs everything that is ready, until nothing is. Time does not pass.
    void settle() {
        while (turn(1000) || !letters_.empty()) {
            for (auto letters = std::exchange(letters_, {}); !letters.empty(); letters.pop_front())
                letters.front().release()->arrive();
        }
    }
    // Lets time pass, firing timers on the way in steps of at most a second.
    void advance(Duration time) {
        while (time > 0s) {
            const auto step = std::min<Duration>(time, 1s);
            this->get()->advance(step);
            time -= step;
            settle();
        }
    }

    // Only the wall clock moves.
    void step_wall(Duration step) {
        this->get()->step_wall(step);
        settle();
    }

    void send(ShardId, std::unique_ptr<runtime::Letter> letter) override {
        letters_.push_back(std::move(letter));
    }
    bool congested(ShardId) const override { return false; }

  private:
    std::deque<std::unique_ptr<runtime::Letter>> letters_;
};

}  // namespace angarium::support

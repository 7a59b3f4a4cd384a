// The schedule of an open loop: slots at a fixed rate, handed to whoever waits first. A slot keeps its due time even when
// it is taken late, so that latencies measured from it are not flattered by a slow server (coordinated omission). The
// schedule begins when somebody first asks, so that nobody is charged for the first connections' set-up. Kept by
// a timerfd, since the shard's timers are as coarse as a millisecond. Owning thread: the shard's.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "engine/base/result.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::bench {

class Pacer {
  public:
    // `rate`: slots a second; the first is due `offset` nanoseconds after somebody has asked for it.
    static Result<std::unique_ptr<Pacer>> open(runtime::Poller& poller, double rate, std::uint64_t offset);
    ~Pacer();
    Pacer(const Pacer&) = delete;
    Pacer& operator=(const Pacer&) = delete;

    class Awaiter {
      public:
        explicit Awaiter(Pacer& pacer) : pacer_(pacer) {}
        bool await_ready() { return pacer_.take_now(slot_); }
        void await_suspend(std::coroutine_handle<> waiter) {
            waiter_ = waiter;
            pacer_.wait(*this);
        }
        std::optional<std::uint64_t> await_resume() const { return slot_; }

      private:
        friend class Pacer;
        Pacer& pacer_;
        std::coroutine_handle<> waiter_;
        std::optional<std::uint64_t> slot_;
    };
    // The next slot's due time (monotonic nanoseconds), once it has come; nothing after stop().
    Awaiter next() { return Awaiter(*this); }
    // Slots that were due by then (monotonic nanoseconds) and that nobody has taken.
    std::uint64_t behind(std::uint64_t when) const;
    // Everybody who waits, and everybody who comes, gets nothing.
    void stop();

  private:
    Pacer(int descriptor, double interval, std::uint64_t offset)
        : descriptor_(descriptor), interval_(interval), offset_(offset) {}
    std::uint64_t due() const {
        return first_ + static_cast<std::uint64_t>(interval_ * static_cast<double>(taken_));
    }
    bool take_now(std::optional<std::uint64_t>& slot);
    void wait(Awaiter& awaiter);
    void arm();
    void fire();

    int descriptor_;
    double interval_;  // nanoseconds
    std::uint64_t offset_;
    std::uint64_t first_ = 0;  // when the first slot is due; 0: nobody has asked
    std::uint64_t taken_ = 0;  // slots
    std::deque<Awaiter*> waiting_;
    bool stopped_ = false;
    std::unique_ptr<runtime::Poll> poll_;
};

}  // namespace angarium::bench

// The schedule of an open loop: slots at a fixed rate, handed to whoever waits first. A slot keeps its due time even when
// it is taken late, so that latencies measured from it are not flattered by a slow server (coordinated omission). Kept by
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
    // `rate`: slots a second; the first is due `offset` nanoseconds from now.
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
    // Everybody who waits, and everybody who comes, gets nothing.
    void stop();

  private:
    Pacer(int descriptor, double interval, std::uint64_t first)
        : descriptor_(descriptor), interval_(interval), first_(first) {}
    std::uint64_t due() const {
        return first_ + static_cast<std::uint64_t>(interval_ * static_cast<double>(taken_));
    }
    bool take_now(std::optional<std::uint64_t>& slot);
    void wait(Awaiter& awaiter);
    void arm();
    void fire();

    int descriptor_;
    double interval_;  // nanoseconds
    std::uint64_t first_;
    std::uint64_t taken_ = 0;  // slots
    std::deque<Awaiter*> waiting_;
    bool stopped_ = false;
    std::unique_ptr<runtime::Poll> poll_;
};

}  // namespace angarium::bench

// A shard: one core's thread, its ready list, timers, mailbox and event source. Shards share nothing and pass values.
// Everything here is called on the shard's own thread unless it says otherwise.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/random.hpp"
#include "engine/base/result.hpp"
#include "engine/base/time.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/heavy_work.hpp"
#include "engine/runtime/letter.hpp"
#include "engine/runtime/ready.hpp"
#include "engine/runtime/task.hpp"
#include "engine/runtime/timer.hpp"

namespace angarium::runtime {

class Job;

class Shard {
  public:
    // The shard that runs on this thread; aborts where there is none.
    static Shard& current();

    Shard(ShardId id, unsigned shards, Clock& clock, Random random);
    virtual ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    ShardId id() const { return id_; }
    unsigned shards() const { return shards_; }
    // Both clocks are read once a turn.
    MonoTime now() const { return now_; }
    WallTime wall_now() const { return wall_now_; }
    // Read now: to measure what is done within a turn.
    MonoTime exact_now() { return clock_.mono(); }
    HeavyWork& heavy_work() { return heavy_work_; }
    Random& random() { return random_; }
    TimerWheel& timers() { return timers_; }
    ReadyList& ready() { return ready_; }
    const ReadyList& ready() const { return ready_; }
    // Holds tasks that live as long as the shard.
    Gate& gate() { return gate_; }
    const Gate& gate() const { return gate_; }

    // Sends to another shard, or to this one (then it arrives in the next turn). Order is kept per target.
    // Never fails and never blocks: what the lane cannot take waits here, so senders look at congested() first.
    virtual void send(ShardId to, std::unique_ptr<Letter> letter) = 0;
    // The lane to that shard is full: hold back what can wait.
    virtual bool congested(ShardId to) const = 0;

    // For Workers on threads: a job of this shard is out; it is finished, and done() must run here (any thread calls).
    // Shards without threads of their own (simulated ones) run jobs themselves and need neither.
    virtual void job_out();
    virtual void job_back(Job& job);

    class SleepAwaiter {
      public:
        SleepAwaiter(Shard& shard, MonoTime until);
        bool await_ready() const { return until_ <= shard_.now(); }
        void await_suspend(std::coroutine_handle<> waiter);
        void await_resume() {}

      private:
        Shard& shard_;
        MonoTime until_;
        std::coroutine_handle<> waiter_;
        Timer timer_;
    };
    SleepAwaiter sleep(Duration duration) { return {*this, now_ + duration}; }

  protected:
    // Reads the clocks, fires due timers and runs the ready list until it is empty (bounded by `most` rounds, so that I/O
    // is never starved). True when something is still ready.
    bool turn(unsigned most_rounds);
    void enter();  // makes this the current shard of the thread
    void leave();

  private:
    ShardId id_;
    unsigned shards_;
    Clock& clock_;
    MonoTime now_;
    WallTime wall_now_;
    Random random_;
    TimerWheel timers_;
    ReadyList ready_;
    HeavyWork heavy_work_{ready_};
    Gate gate_;
};

// A poll on a foreign library's descriptor (c-ares). Callbacks come through the ready list.
class Poll {
  public:
    virtual ~Poll() = default;  // cancels: the callback will not run again
};
class Poller {
  public:
    virtual ~Poller() = default;
    struct Ready {
        bool readable, writable;
    };
    // Reports readiness until the Poll goes (level-triggered by re-arming after each callback).
    virtual std::unique_ptr<Poll> watch(int descriptor, bool read, bool write,
                                        std::function<void(Ready)> callback) = 0;
};

}  // namespace angarium::runtime

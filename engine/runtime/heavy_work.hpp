// Work that holds a shard up for longer than it should: the public-key operations of a TLS handshake, some 0.3 ms. A turn
// does so much of it, what comes later waits for the next turns, in order, and in between the ring is served: a thousand
// clients that connect at once do not stop the mail of the others. Owning thread: the shard's.
#pragma once

#include <coroutine>
#include <deque>

#include "engine/base/time.hpp"
#include "engine/runtime/ready.hpp"

namespace angarium::runtime {

class HeavyWork {
  public:
    explicit HeavyWork(ReadyList& ready) : ready_(ready) {}

    class [[nodiscard]] Awaiter {
      public:
        explicit Awaiter(HeavyWork& work) : work_(work) {}
        bool await_ready() const { return work_.spent_ < a_turn && work_.waiting_.empty(); }
        void await_suspend(std::coroutine_handle<> waiter) { work_.waiting_.push_back(waiter); }
        void await_resume() const {}

      private:
        HeavyWork& work_;
    };
    // Resumes when it may be done: at once, without suspending before it, and done() follows.
    Awaiter place() { return Awaiter(*this); }
    void done(Duration took) {
        spent_ += took;
        if (spent_ < a_turn) let_one_in();
    }

    // Called by the shard.
    void begin_turn() {
        spent_ = {};
        let_one_in();
    }
    bool waiting() const { return !waiting_.empty(); }

  private:
    // What is begun within it is ended; one handshake takes longer.
    static constexpr Duration a_turn = 200us;

    void let_one_in() {
        if (waiting_.empty()) return;
        ready_.push(resume_of(waiting_.front()));
        waiting_.pop_front();
    }

    ReadyList& ready_;
    Duration spent_{};  // in this turn
    std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace angarium::runtime

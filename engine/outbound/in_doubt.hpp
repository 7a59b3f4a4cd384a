// Deliveries in doubt: those whose body is on its way, which the peer may take at any moment, and those that it took and
// that are not on record yet. A crash would deliver each of them again. There are never more of them than open sessions: whoever
// is one too many waits for a record before it sends a body. Owning thread: the shard's.
#pragma once

#include <algorithm>
#include <coroutine>
#include <deque>

#include "engine/base/assert.hpp"
#include "engine/runtime/task.hpp"

namespace angarium::outbound {

class InDoubt {
  public:
    void session_opened() {
        ++sessions_;
        wake_next();
    }
    void session_closed() {
        ANGARIUM_ASSERT(sessions_ > 0);
        --sessions_;
    }
    // True: one more is in doubt; ended by one leave(). False: wait() and try again.
    bool enter() {
        if (count_ >= std::max(sessions_, 1u)) return false;
        ++count_;
        return true;
    }
    void leave() {
        ANGARIUM_ASSERT(count_ > 0);
        --count_;
        wake_next();
    }
    // For a waiter that was woken and needs no place any more.
    void wake_next() {
        if (waiting_.empty()) return;
        runtime::current_ready_list().push(runtime::resume_of(waiting_.front()));
        waiting_.pop_front();
    }
    unsigned count() const { return count_; }

    class Awaiter {
      public:
        explicit Awaiter(InDoubt& in_doubt) : in_doubt_(in_doubt) {}
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { in_doubt_.waiting_.push_back(waiter); }
        void await_resume() {}

      private:
        InDoubt& in_doubt_;
    };
    // First come, first served; a hint: somebody else may have been quicker.
    Awaiter wait() { return Awaiter(*this); }

  private:
    unsigned sessions_ = 0, count_ = 0;
    std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace angarium::outbound

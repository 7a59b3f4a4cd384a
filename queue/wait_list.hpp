// Several coroutines that wait for the same change. Owning thread: the shard's.
#pragma once

#include <coroutine>
#include <vector>

#include "engine/runtime/task.hpp"

namespace angarium::queue {

class WaitList {
  public:
    class Awaiter {
      public:
        explicit Awaiter(WaitList& list) : list_(list) {}
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { list_.waiters_.push_back(waiter); }
        void await_resume() {}

      private:
        WaitList& list_;
    };
    // Check the condition again afterwards.
    Awaiter wait() { return Awaiter(*this); }
    void wake_all() {
        for (const auto waiter : waiters_) runtime::current_ready_list().push(runtime::resume_of(waiter));
        waiters_.clear();
    }
    bool empty() const { return waiters_.empty(); }

  private:
    std::vector<std::coroutine_handle<>> waiters_;
};

}  // namespace angarium::queue

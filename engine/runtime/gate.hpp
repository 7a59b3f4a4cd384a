// Background work that may not outlive its owner: whoever starts a task without awaiting it hands it to a Gate, and the
// owner awaits `closed()` before it goes. Owning thread: the shard's.
#pragma once

#include <coroutine>
#include <cstddef>

#include "engine/runtime/task.hpp"

namespace angarium::runtime {

class Gate {
  public:
    Gate() = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    ~Gate() { ANGARIUM_ASSERT(inside_ == 0); }

    // Holds the task until it is done. Its result must be void.
    void hold(Task<void> task) {
        const auto handle = task.release();
        if (handle.promise().done) {
            handle.destroy();
            return;
        }
        ++inside_;
        handle.promise().detached_owner = this;
        handle.promise().detached_done = [](void* gate) { static_cast<Gate*>(gate)->leave(); };
    }
    std::size_t inside() const { return inside_; }

    class ClosedAwaiter {
      public:
        explicit ClosedAwaiter(Gate& gate) : gate_(gate) {}
        bool await_ready() const { return gate_.inside_ == 0; }
        void await_suspend(std::coroutine_handle<> waiter) { gate_.waiter_ = waiter; }
        void await_resume() {}

      private:
        Gate& gate_;
    };
    // Resumes when nothing is inside; one waiter at a time.
    ClosedAwaiter closed() { return ClosedAwaiter(*this); }

  private:
    void leave() {
        if (--inside_ == 0 && waiter_) current_ready_list().push(resume_of(std::exchange(waiter_, {})));
    }
    std::size_t inside_ = 0;
    std::coroutine_handle<> waiter_;
};

}  // namespace angarium::runtime

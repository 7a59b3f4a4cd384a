// Event: lets one coroutine sleep until another says that something changed. Signals do not queue: a signal before the
// wait lets the next wait pass at once. Owning thread: the shard's.
#pragma once

#include <coroutine>

#include "engine/runtime/task.hpp"

namespace angarium::runtime {

class Event {
  public:
    Event() = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void signal() {
        if (waiter_)
            current_ready_list().push(resume_of(std::exchange(waiter_, {})));
        else
            signaled_ = true;
    }

    class Awaiter {
      public:
        explicit Awaiter(Event& event) : event_(event) {}
        bool await_ready() const { return std::exchange(event_.signaled_, false); }
        void await_suspend(std::coroutine_handle<> waiter) {
            ANGARIUM_ASSERT(!event_.waiter_);
            event_.waiter_ = waiter;
        }
        void await_resume() {}

      private:
        Event& event_;
    };
    // One waiter at a time. Check the condition again afterwards: a wake-up is a hint.
    Awaiter wait() { return Awaiter(*this); }

  private:
    std::coroutine_handle<> waiter_;
    bool signaled_ = false;
};

}  // namespace angarium::runtime

// A job that one coroutine waits for: submit it, then co_await it; afterwards its result is there. Owning thread: the shard's.
#pragma once

#include <coroutine>

#include "engine/runtime/ready.hpp"
#include "engine/runtime/task.hpp"
#include "engine/runtime/workers.hpp"

namespace angarium::runtime {

class AwaitedJob : public Job {
  public:
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
    void await_resume() const {}
    void done() final { current_ready_list().push(resume_of(waiter_)); }

  private:
    std::coroutine_handle<> waiter_;
};

}  // namespace angarium::runtime

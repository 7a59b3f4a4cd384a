// Task<T>: a coroutine that starts at once, belongs to whoever holds the Task, and completes through its shard's ready
// list (never by recursion, never by symmetric transfer).
//
// Rules, each paid for once under g++ 12:
//   * a Task is awaited or handed to a Gate; dropping an unfinished one is a bug and ends the process;
//   * arguments go by value, or outlive the task;
//   * no capturing lambda temporaries, no braced aggregate temporaries and no `?:` inside a co_await expression:
//     name the temporary first;
//   * an exception that leaves a task ends the process: expected failures are returned values.
// Owning thread: the shard's on which it was started.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "engine/base/assert.hpp"
#include "engine/runtime/frames.hpp"
#include "engine/runtime/ready.hpp"

namespace angarium::runtime {

// The ready list of the shard that runs on this thread (see shard.hpp).
ReadyList& current_ready_list();

namespace detail {

struct PromiseBase : FrameMemory {
    std::coroutine_handle<> continuation;
    void (*detached_done)(void*) = nullptr;  // set by a Gate: the frame frees itself, then this runs
    void* detached_owner = nullptr;
    bool done = false;

    std::suspend_never initial_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { std::terminate(); }

    struct FinalAwaiter {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
            PromiseBase& promise = handle.promise();
            promise.done = true;
            if (promise.detached_done != nullptr) {
                const auto tell = promise.detached_done;
                const auto owner = promise.detached_owner;
                handle.destroy();
                tell(owner);
            } else if (promise.continuation) {
                current_ready_list().push(resume_of(promise.continuation));
            }
        }
        void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
};

template <class T>
struct Promise : PromiseBase {
    std::optional<T> value;
    template <class U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
    void return_void() {}
    void take() {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
  public:
    struct promise_type : detail::Promise<T> {
        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    };

    Task() = default;
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            drop();
            handle_ = std::exchange(other.handle_, {});
        }
        return *this;
    }
    ~Task() { drop(); }

    bool valid() const { return static_cast<bool>(handle_); }
    bool done() const { return handle_.promise().done; }

    class Awaiter {
      public:
        explicit Awaiter(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
        bool await_ready() const { return handle_.promise().done; }
        void await_suspend(std::coroutine_handle<> waiter) { handle_.promise().continuation = waiter; }
        T await_resume() { return handle_.promise().take(); }

      private:
        std::coroutine_handle<promise_type> handle_;
    };
    // The Task keeps the frame alive until it goes itself; await it once.
    Awaiter operator co_await() const { return Awaiter(handle_); }

    // For Gate: gives the frame to itself.
    std::coroutine_handle<promise_type> release() { return std::exchange(handle_, {}); }

  private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    void drop() {
        if (!handle_) return;
        ANGARIUM_ASSERT(handle_.promise().done);
        handle_.destroy();
        handle_ = {};
    }
    std::coroutine_handle<promise_type> handle_;
};

}  // namespace angarium::runtime

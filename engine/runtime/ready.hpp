// What a shard runs next. Completions are collected here and run by the loop, never from inside the call that found
// them: a coroutine is resumed with an empty stack below it, and a million awaits that finish at once recurse nowhere.
// Owning thread: the shard's.
#pragma once

#include <coroutine>
#include <cstddef>
#include <vector>

namespace angarium::runtime {

struct Ready {
    void (*run)(void*) = nullptr;
    void* argument = nullptr;
};

inline Ready resume_of(std::coroutine_handle<> handle) {
    return {[](void* frame) { std::coroutine_handle<>::from_address(frame).resume(); }, handle.address()};
}

class ReadyList {
  public:
    void push(Ready ready) { waiting_.push_back(ready); }
    bool empty() const { return waiting_.empty(); }
    // Runs what was ready at the call; what becomes ready meanwhile waits for the next call. Returns how many ran.
    std::size_t run() {
        running_.swap(waiting_);
        for (const auto& ready : running_) ready.run(ready.argument);
        const auto count = running_.size();
        running_.clear();
        return count;
    }

  private:
    std::vector<Ready> waiting_, running_;
};

}  // namespace angarium::runtime

#include "engine/runtime/lane.hpp"

#include "engine/base/assert.hpp"

namespace angarium::runtime {

Lane::~Lane() {
    // Letters that nobody waits for any more: the shards have stopped.
    for (auto left = available(); left > 0; --left) delete &pop();
    while (overflow_first_ != nullptr) {
        Letter* const letter = overflow_first_;
        overflow_first_ = letter->next_;
        delete letter;
    }
}

bool Lane::full() const {
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ < capacity) return false;
    head_seen_ = head_.load(std::memory_order_acquire);
    return tail - head_seen_ >= capacity;
}

bool Lane::put(Letter& letter) {
    if (!slots_) slots_ = std::make_unique_for_overwrite<Letter*[]>(capacity);
    if (full()) return false;
    const auto tail = tail_.load(std::memory_order_relaxed);
    slots_[tail % capacity] = &letter;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
}

bool Lane::push(Letter& letter) {
    if (overflow_first_ == nullptr && put(letter)) return true;
    letter.next_ = nullptr;
    if (overflow_first_ == nullptr)
        overflow_first_ = &letter;
    else
        overflow_last_->next_ = &letter;
    overflow_last_ = &letter;
    return false;
}

bool Lane::flush() {
    bool moved = false;
    while (overflow_first_ != nullptr) {
        Letter& letter = *overflow_first_;
        Letter* const next = letter.next_;
        if (!put(letter)) {
            // Say that we wait, then look again: the receiver makes room first and looks at the flag afterwards.
            if (sender_waits_.exchange(true, std::memory_order_seq_cst)) break;
            std::atomic_thread_fence(std::memory_order_seq_cst);
            if (full()) break;
            continue;
        }
        overflow_first_ = next;
        moved = true;
    }
    return moved;
}

std::size_t Lane::available() const {
    return static_cast<std::size_t>(tail_.load(std::memory_order_acquire) -
                                    head_.load(std::memory_order_relaxed));
}

Letter& Lane::pop() {
    const auto head = head_.load(std::memory_order_relaxed);
    Letter& letter = *slots_[head % capacity];
    head_.store(head + 1, std::memory_order_release);
    return letter;
}

bool Lane::sender_waits() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return sender_waits_.load(std::memory_order_relaxed) &&
           sender_waits_.exchange(false, std::memory_order_seq_cst);
}

}  // namespace angarium::runtime

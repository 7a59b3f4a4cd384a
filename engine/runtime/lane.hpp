// Lane: letters from one shard to another, first in, first out: a bounded ring that one thread fills and another
// empties, without locks. What does not fit waits in the sender's overflow list, in order; the receiver then wakes the
// sender once it has made room.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/runtime/letter.hpp"

namespace angarium::runtime {

class Lane {
  public:
    static constexpr std::size_t capacity = 1024;

    Lane() = default;
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;
    ~Lane();

    // Sender's side. Takes the letter; false when it had to go to the overflow list.
    bool push(Letter& letter);
    // Moves what fits from the overflow list; true when something moved.
    bool flush();
    bool overflowing() const { return overflow_first_ != nullptr; }
    bool full() const;

    // Receiver's side: how many letters are there, and the next of them.
    std::size_t available() const;
    Letter& pop();
    // After popping: true once when the sender waits for room.
    bool sender_waits();

  private:
    bool put(Letter& letter);

    std::unique_ptr<Letter*[]> slots_;  // made by the sender at the first letter, published by tail_

    // The sender's.
    alignas(64) std::atomic<std::uint64_t> tail_{0};
    mutable std::uint64_t head_seen_ = 0;
    Letter* overflow_first_ = nullptr;
    Letter* overflow_last_ = nullptr;

    // The receiver's.
    alignas(64) std::atomic<std::uint64_t> head_{0};

    // Set by the sender, cleared by the receiver.
    alignas(64) std::atomic<bool> sender_waits_{false};
};

}  // namespace angarium::runtime

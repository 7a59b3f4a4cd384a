// The shard's receive buffers: memory that the kernel fills (IORING_REGISTER_PBUF_RING), lent to whichever socket has
// data. A socket queues what it received by buffer number, without allocating; the buffer comes back with the next read.
//
// Few buffers circulate at first, so that the same warm ones are used again; each time they run out, twice as many do,
// up to all of them. Made at the first use. Owning thread: the shard's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/runtime/ring.hpp"

namespace angarium::runtime {

class ReceiveBuffers {
  public:
    // `count`: a power of two up to 32768; `size` bytes each.
    ReceiveBuffers(Ring& ring, unsigned count, unsigned size);
    ~ReceiveBuffers();
    ReceiveBuffers(const ReceiveBuffers&) = delete;
    ReceiveBuffers& operator=(const ReceiveBuffers&) = delete;

    // The kernel has at least one: a multishot receive may be armed. False for ever where it refuses provided buffers.
    bool available();
    // How many unread ones a socket may queue before it must pause: fewer while many are out.
    unsigned budget() const;
    // Few are left: what is small should be copied, so that a slow reader does not keep a whole buffer.
    bool scarce() const { return idle() < count_ / 4; }
    unsigned idle() const { return posted_ + static_cast<unsigned>(spare_.size()); }
    unsigned count() const { return count_; }

    // The kernel has filled buffer `id`.
    void taken(std::uint16_t id, std::uint32_t length) {
        --posted_;
        slots_[id].length = length;
    }
    // The kernel had none left.
    void exhausted();
    std::string_view view(std::uint16_t id) const { return {address(id), slots_[id].length}; }
    void give_back(std::uint16_t id);
    // Once a turn: makes what was given back visible to the kernel.
    void publish() { ring_.publish_buffers(); }

    // A socket's unread buffers, oldest first, linked through the slots.
    class Queue {
      public:
        bool empty() const { return count_ == 0; }
        unsigned count() const { return count_; }
        void push(ReceiveBuffers& buffers, std::uint16_t id) {
            if (count_++ == 0)
                first_ = id;
            else
                buffers.slots_[last_].next = id;
            last_ = id;
        }
        std::uint16_t pop(ReceiveBuffers& buffers) {
            const auto id = first_;
            first_ = buffers.slots_[id].next;
            --count_;
            return id;
        }

      private:
        std::uint16_t first_ = 0, last_ = 0;
        unsigned count_ = 0;
    };

  private:
    struct Slot {
        std::uint32_t length = 0;
        std::uint16_t next = 0;
    };
    void make();
    void post(std::uint16_t id);
    char* address(std::uint16_t id) const { return memory_ + std::size_t{id} * stride_; }

    Ring& ring_;
    unsigned count_;
    unsigned size_;
    std::size_t stride_;
    char* memory_ = nullptr;
    bool refused_ = false;
    unsigned posted_ = 0;  // with the kernel
    unsigned target_;      // how many should be
    std::vector<Slot> slots_;
    std::vector<std::uint16_t> spare_;  // last in, first out: the warm ones
};

}  // namespace angarium::runtime

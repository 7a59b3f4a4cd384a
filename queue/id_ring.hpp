// The ids of messages that wait for their turn, in order: a ring that takes no memory while it is empty and never had any, since
// there are as many as destinations. Owning thread: the shard's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "engine/base/ids.hpp"

namespace angarium::queue {

class IdRing {
  public:
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    // Of a ring that is not empty.
    const MessageId& front() const { return ids_[first_]; }
    void push_back(const MessageId& id) {
        make_room();
        ids_[(first_ + size_++) & (capacity_ - 1)] = id;
    }
    void push_front(const MessageId& id) {
        make_room();
        first_ = (first_ - 1) & (capacity_ - 1);
        ids_[first_] = id;
        ++size_;
    }
    void pop_front() {
        first_ = (first_ + 1) & (capacity_ - 1);
        --size_;
    }

  private:
    void make_room() {
        if (size_ < capacity_) return;
        const std::size_t more = std::max<std::size_t>(2, capacity_ * 2);
        auto ids = std::make_unique<MessageId[]>(more);
        for (std::size_t i = 0; i < size_; ++i) ids[i] = ids_[(first_ + i) & (capacity_ - 1)];
        ids_ = std::move(ids);
        capacity_ = more;
        first_ = 0;
    }

    std::unique_ptr<MessageId[]> ids_;
    std::size_t capacity_ = 0;  // a power of two, or none
    std::size_t first_ = 0, size_ = 0;
};

}  // namespace angarium::queue

// ClockMap: a bounded map from names to values with CLOCK eviction: a find marks the entry, the hand passes marked
// entries once and takes the first unmarked one. Pinned entries (`value.pinned()`) are never evicted; a map full of them
// grows, so their number must be bounded elsewhere. References stay valid until the entry is evicted, which only
// insert() does. Owning thread: the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/assert.hpp"

namespace angarium::dns {

template <class Value>
class ClockMap {
  public:
    explicit ClockMap(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

    // nullptr when there is none.
    Value* find(std::string_view key) {
        const auto found = index_.find(key);
        if (found == index_.end()) return nullptr;
        found->second->used = true;
        return &found->second->value;
    }

    // A new entry; the key must not be there yet.
    Value& insert(std::string key, Value value) {
        if (ring_.size() >= capacity_) make_room();
        auto slot = std::make_unique<Slot>(std::move(key), std::move(value));
        auto& result = slot->value;
        const bool is_new = index_.emplace(slot->key, slot.get()).second;
        ANGARIUM_ASSERT(is_new);
        ring_.push_back(std::move(slot));
        return result;
    }

    template <class Function>
    void each(Function function) {
        for (auto& slot : ring_) function(slot->value);
    }
    std::size_t size() const { return ring_.size(); }

  private:
    // Steps of the hand for one insert: bounds the work, at the price of sometimes taking a marked entry.
    static constexpr std::size_t most_steps = 64;

    struct Slot {
        Slot(std::string k, Value v) : key(std::move(k)), value(std::move(v)) {}
        std::string key;
        Value value;
        bool used = false;
    };

    void make_room() {
        const std::size_t none = ring_.size();
        std::size_t fallback = none;
        for (std::size_t step = 0; step < std::min(most_steps, 2 * ring_.size()); ++step) {
            if (hand_ >= ring_.size()) hand_ = 0;
            auto& slot = *ring_[hand_];
            if (!slot.value.pinned()) {
                if (!std::exchange(slot.used, false)) return evict(hand_);
                fallback = hand_;
            }
            ++hand_;
        }
        if (fallback != none) evict(fallback);
    }

    void evict(std::size_t position) {
        index_.erase(ring_[position]->key);
        std::swap(ring_[position], ring_.back());
        ring_.pop_back();
    }

    std::size_t capacity_;
    absl::flat_hash_map<std::string_view, Slot*> index_;  // keys lie in the slots
    std::vector<std::unique_ptr<Slot>> ring_;
    std::size_t hand_ = 0;
};

}  // namespace angarium::dns

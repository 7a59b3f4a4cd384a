// IdlePool: a shard's connections that wait for their next delivery, to be found by what makes them exchangeable, and the
// longest idle one when room is needed. Owning thread: the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/base/chain.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/outbound/options.hpp"

namespace angarium::outbound {

class Connection;

// Connections with the same key serve the same mail.
struct ReuseKey {
    Endpoint host;
    std::optional<IpAddress> source;
    ProtectionId protection = 0;
    std::string name;  // whom the certificate was verified to belong to; empty: nobody was asked

    friend bool operator==(const ReuseKey&, const ReuseKey&) = default;
    template <class H>
    friend H AbslHashValue(H h, const ReuseKey& key) {
        return H::combine(std::move(h), key.host, key.source.value_or(IpAddress()), key.protection, key.name);
    }
};

class IdlePool {
  public:
    // A connection's place in the pool.
    struct Place {
        explicit Place(Connection& owner) : by_age(owner), by_key(owner) {}
        Link<Connection> by_age, by_key;
    };

    void add(Place& place, const ReuseKey& key) {
        by_age_.push_back(place.by_age);
        auto& same = by_key_[key];
        if (!same) same = std::make_unique<Chain<Connection>>();
        same->push_back(place.by_key);
        ++size_;
        // Empty entries stay for the next time, within reason.
        if (by_key_.size() > 2 * size_ + 64)
            absl::erase_if(by_key_, [](const auto& e) { return e.second->empty(); });
    }
    void remove(Place& place) {
        place.by_age.leave();
        place.by_key.leave();
        --size_;
    }
    // The one used last, or nullptr.
    Connection* find(const ReuseKey& key) const {
        const auto found = by_key_.find(key);
        return found == by_key_.end() || found->second->empty() ? nullptr : &found->second->back();
    }
    Connection* oldest() const { return by_age_.empty() ? nullptr : &by_age_.front(); }
    std::size_t size() const { return size_; }

  private:
    Chain<Connection> by_age_;
    absl::flat_hash_map<ReuseKey, std::unique_ptr<Chain<Connection>>> by_key_;
    std::size_t size_ = 0;
};

}  // namespace angarium::outbound

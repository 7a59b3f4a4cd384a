// AddressBook: which addresses failed a moment ago, so that new connections go to their living siblings first; and which
// failed at TLS. What failed under one protection says nothing about another. Shared by all sites of a shard, bounded.
// Owning thread: the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <utility>

#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"
#include "engine/outbound/protection.hpp"

namespace angarium::outbound {

class AddressBook {
  public:
    explicit AddressBook(Duration rest) : rest_(rest) {}

    void failed(const Endpoint& address, ProtectionId protection, MonoTime now) {
        if (resting_.size() >= most) sweep(now);
        if (resting_.size() < most) resting_[{address, protection}] = now + rest_;
    }
    void works(const Endpoint& address, ProtectionId protection) {
        if (!resting_.empty()) resting_.erase({address, protection});
    }
    bool rests(const Endpoint& address, ProtectionId protection, MonoTime now) const {
        if (resting_.empty()) return false;
        const auto found = resting_.find({address, protection});
        return found != resting_.end() && found->second > now;
    }
    std::size_t size() const { return resting_.size(); }

  private:
    static constexpr std::size_t most = 20'000;  // some 60 bytes each; beyond, failures are not remembered

    void sweep(MonoTime now) {
        absl::erase_if(resting_, [now](const auto& entry) { return entry.second <= now; });
    }

    Duration rest_;
    absl::flat_hash_map<std::pair<Endpoint, ProtectionId>, MonoTime> resting_;
};

}  // namespace angarium::outbound

// Which endpoints this process listens on. Shards share a port (SO_REUSEPORT), and the kernel would let a second process
// of the same user join them: half the connections would go there unnoticed. So the first listener on an endpoint makes
// sure that nobody else is there. Any thread; used when listeners come and go.
#pragma once

#include <map>
#include <mutex>

#include "engine/base/endpoint.hpp"

namespace angarium::runtime {

class ListenClaims {
  public:
    // Held from the check to the bind, so that two shards do not meet each other's check.
    std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

    // Under lock(): true when a listener of this process has the endpoint's port.
    bool ours(const Endpoint& endpoint) const {
        for (const auto& [claimed, count] : counts_)
            if (claimed.port == endpoint.port) return true;
        return false;
    }
    // Under lock().
    void add(const Endpoint& endpoint) { ++counts_[endpoint]; }
    void remove(const Endpoint& endpoint) {
        const auto held = lock();
        if (const auto found = counts_.find(endpoint); found != counts_.end() && --found->second == 0)
            counts_.erase(found);
    }

  private:
    std::mutex mutex_;
    std::map<Endpoint, unsigned> counts_;
};

}  // namespace angarium::runtime

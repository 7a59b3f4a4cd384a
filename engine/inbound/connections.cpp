// A total without a lock, and a map per address behind one.
#include "engine/inbound/connections.hpp"

#include <absl/container/flat_hash_map.h>

#include <mutex>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"

namespace angarium::inbound {

struct Connections::PerAddress {
    std::mutex mutex;
    absl::flat_hash_map<IpAddress, std::size_t> open;  // only addresses with a connection
};

Connections::Connections(std::size_t total, std::size_t per_address)
    : total_(total), per_address_(per_address), addresses_(std::make_unique<PerAddress>()) {}

Connections::~Connections() = default;

std::optional<ConnectionRefusal> Connections::open(const IpAddress& client, bool exempt) {
    if (count_.fetch_add(1, std::memory_order_relaxed) >= (exempt ? total_ : nine_tenths())) {
        count_.fetch_sub(1, std::memory_order_relaxed);
        return ConnectionRefusal::total;
    }
    if (exempt) return std::nullopt;
    const std::lock_guard lock(addresses_->mutex);
    auto& open = addresses_->open[client];
    if (open >= per_address_) {
        if (open == 0) addresses_->open.erase(client);  // a limit of none
        count_.fetch_sub(1, std::memory_order_relaxed);
        return ConnectionRefusal::address;
    }
    ++open;
    return std::nullopt;
}

void Connections::close(const IpAddress& client, bool exempt) {
    if (!makes(Mistake::connection_never_closed)) count_.fetch_sub(1, std::memory_order_relaxed);
    if (exempt) return;
    const std::lock_guard lock(addresses_->mutex);
    const auto found = addresses_->open.find(client);
    ANGARIUM_ASSERT(found != addresses_->open.end());
    if (--found->second == 0) addresses_->open.erase(found);
}

}  // namespace angarium::inbound

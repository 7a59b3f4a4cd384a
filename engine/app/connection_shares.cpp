#include "engine/app/connection_shares.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/inbound/options.hpp"
#include "engine/runtime/network.hpp"
#include "queue/store.hpp"

namespace angarium::app {
namespace {

// Standard streams, configuration and keys while they are read, eventfds, worker threads' files.
constexpr std::size_t of_the_process = 64;
// Ring, wake-up, delivery log, sockets to name servers.
constexpr std::size_t of_a_shard = 32;
// Itself, and a crowd that comes at once: the kernel hands all of it over before any of it can be turned away.
constexpr std::size_t of_a_listener = 1 + runtime::listen_backlog;

std::size_t own_descriptors(const Config& config) {
    const auto segments =
        config.queue.journal.count / std::max<std::uint64_t>(config.queue.segment.count, 1) +
        std::size_t{least_segments} * config.runtime.shards;
    const auto pages = config.http.address ? config.http.connections + of_a_listener : 0;
    const auto shard = of_a_shard + inbound::most_turned_away + config.listeners.size() * of_a_listener;
    return of_the_process + queue::most_store_descriptors + segments + pages + config.runtime.shards * shard;
}

}  // namespace

ConnectionShares connection_shares(const Config& config, std::size_t descriptors) {
    const std::size_t inbound = config.limits.connections, outbound = config.delivery.connections;
    const auto own = std::min(own_descriptors(config), descriptors / 2);
    const auto left = descriptors - own;
    if (inbound + outbound <= left) return {inbound, outbound};
    const auto share = std::max<std::size_t>(left * inbound / (inbound + outbound), 1);
    return {share, std::max<std::size_t>(left - share, 1)};
}

std::optional<std::string> shortage(const Config& config, const ConnectionShares& shares,
                                    std::size_t descriptors) {
    if (shares.inbound >= config.limits.connections && shares.outbound >= config.delivery.connections)
        return std::nullopt;
    return fmt::format(
        "this process may have only {} file descriptors: {} inbound connections instead of {} "
        "(limits.connections) "
        "and {} outbound ones instead of {} (delivery.connections); raise the limit (ulimit -n, or "
        "LimitNOFILE= of the "
        "service), or lower those",
        descriptors, shares.inbound, config.limits.connections, shares.outbound, config.delivery.connections);
}

}  // namespace angarium::app

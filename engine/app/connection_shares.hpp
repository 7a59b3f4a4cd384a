// How many connections there may be at a time: what is configured, or what the process's file descriptors leave. What the
// queue, the pages and the shards need comes first, so that clients, however many, never take the descriptor with which
// the store would go on. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "engine/app/config.hpp"

namespace angarium::app {

struct ConnectionShares {
    std::size_t inbound = 0, outbound = 0;
};

// In the proportion of the configured limits where there is not room for both. `descriptors`: that the process may have.
ConnectionShares connection_shares(const Config& config, std::size_t descriptors);

// What the operator should know of it, with the remedy; nothing where all that is configured is possible.
std::optional<std::string> shortage(const Config& config, const ConnectionShares& shares,
                                    std::size_t descriptors);

}  // namespace angarium::app

#include "engine/app/memory_shares.hpp"

#include <algorithm>

namespace angarium::app {
namespace {

// Measured under a backlog that grows and is delivered: what is resident beyond what is charged, freed memory included that
// the allocator keeps.
constexpr std::size_t of_the_process = 24u << 20, of_a_shard = 36u << 20;
constexpr std::size_t least_rest = 32u << 20;
// More cache than this does not help a queue, whose old mail is read once.
constexpr std::size_t most_store_memory = 1u << 30;

std::size_t fixed_memory(const Config& config) { return of_the_process + of_a_shard * config.runtime.shards; }

}  // namespace

MemoryShares memory_shares(const Config& config) {
    const auto budget = static_cast<std::size_t>(config.limits.memory.count);
    const auto fixed = std::min(fixed_memory(config), budget / 4 * 3);
    const auto rest = budget - fixed;
    return {fixed, rest / 2, std::min(rest / 4, most_store_memory), rest / 8, rest / 16};
}

std::size_t least_memory(const Config& config) { return fixed_memory(config) + least_rest; }

}  // namespace angarium::app

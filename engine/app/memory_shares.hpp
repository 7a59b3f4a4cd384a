// How the one memory budget is shared out. What the process takes in any case, full or empty, comes first. Pure functions.
#pragma once

#include <cstddef>

#include "engine/app/config.hpp"

namespace angarium::app {

struct MemoryShares {
    std::size_t fixed;   // program, receive buffers, journal groups, batches on their way into the store
    std::size_t bodies;  // half of the rest: bodies on their way in and waiting to be sent
    std::size_t store;   // a quarter: RocksDB's cache, memtables and table readers
    std::size_t young;   // an eighth: the young table
    std::size_t
        windows;  // a sixteenth: ready deliveries without their bodies; what is left is for connections
};
MemoryShares memory_shares(const Config& config);

// With less than this the process does not keep within its budget.
std::size_t least_memory(const Config& config);

}  // namespace angarium::app

// A seed's story: which world it makes, what goes wrong when, and how it ends. The dice are thrown once, at the beginning of each
// part; a story can be told again by its seed alone. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/judge.hpp"

namespace angarium::sim {

struct Outcome {
    std::string faults;  // empty: all promises were kept
    std::string story;   // the last lines of the trace, when there are faults
    // RocksDB's threads, one that flushes and one that compacts, may change the disk in another order next time: where a crash
    // fell on the n-th change, what is left may not be the same.
    bool repeats = false;
    std::uint64_t hash = 0, steps = 0, disk_changes = 0, lost_pages = 0;
    unsigned lives = 0, kills = 0, power_cuts = 0;
    unsigned ends_in_start = 0,
             ends_in_stop = 0;  // of the crashes: while it was starting, while it was stopping
    unsigned reloads = 0;
    Duration simulated{};
    // What the relay did, over all lives: messages moved into the store, loads from it, journal segments used again.
    std::uint64_t retired = 0, loads = 0, journal_bytes = 0;
    Judge::Totals totals;
};

// Runs the whole story. `loud`: prints every line of the trace.
Outcome play(std::uint64_t seed, bool loud);

}  // namespace angarium::sim

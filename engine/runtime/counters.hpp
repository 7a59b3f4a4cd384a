// What a shard's loop has done since its start. Owning thread: the shard's.
#pragma once

#include <cstdint>

#include "engine/base/time.hpp"

namespace angarium::runtime {

struct RingCounters {
    std::uint64_t turns = 0;        // of the loop
    std::uint64_t enters = 0;       // io_uring_enter calls
    std::uint64_t submissions = 0;  // operations handed to the kernel
    std::uint64_t completions = 0;
    std::uint64_t letters = 0;       // sent to other shards
    std::uint64_t letters_held = 0;  // of those, found the lane full
    Duration busy{};                 // from a wake-up to the next wait
};

}  // namespace angarium::runtime

// A sequence of batches whose every prefix can be recognised, for tests that cut a store off at any point.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "queue/store.hpp"
#include "tests/unit/queue/samples.hpp"

namespace angarium::queue::steps {

inline StoreMeta two_shards() {
    StoreMeta meta;
    meta.shards = 2;
    meta.tails = {0, 0};
    return meta;
}

inline std::string domain_of(unsigned shard) { return "shard" + std::to_string(shard) + ".example"; }

// Batch number `step` of a shard: puts message `step`, ends message step-10, moves the tail to `step`. So after any prefix
// of the batches the messages (tail-10, tail] are there, and no other.
inline StoreBatch step_of(unsigned shard, std::uint64_t step) {
    StoreBatch batch;
    const auto recipient = "x@" + domain_of(shard);
    batch.survivors.push_back(
        samples::survivor(samples::id(step, shard), {recipient}, std::string(9000, 'b')));
    if (step > 10)
        batch.effects.push_back(samples::outcome(samples::facts(samples::id(step - 10, shard), {recipient}),
                                                 {}, Verdict::delivered));
    batch.tail = {static_cast<ShardId>(shard), step};
    return batch;
}

inline void expect_prefix(Store& store) {
    for (unsigned shard = 0; shard < 2; ++shard) {
        const auto tail = store.meta().tails[shard];
        const auto loaded = store.load_ready({"default", domain_of(shard)}, MessageId(), 1000);
        ASSERT_TRUE(loaded);
        ASSERT_EQ(loaded->entries.size(), std::min<std::uint64_t>(tail, 10)) << "tail " << tail;
        for (std::size_t i = 0; i < loaded->entries.size(); ++i) {
            const auto number = tail - (loaded->entries.size() - 1 - i);
            EXPECT_EQ(loaded->entries[i].facts.id, samples::id(number, shard));
            EXPECT_TRUE(store.read_body(samples::id(number, shard), 0));
        }
        if (tail > 10) {
            EXPECT_FALSE(store.read_body(samples::id(tail - 10, shard), 0));
        }
    }
}

}  // namespace angarium::queue::steps

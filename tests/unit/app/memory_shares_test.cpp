// How the memory budget is shared out, and when there is too little of it.
#include "engine/app/memory_shares.hpp"

#include <gtest/gtest.h>

namespace angarium::app {
namespace {

Config with(const std::string& memory, unsigned shards) {
    const auto config =
        parse_config("[[listener]]\naddress = \"127.0.0.1:2525\"\n[limits]\nmemory = \"" + memory + "\"\n",
                     "test.toml", {"relay.example.net", 8ull << 30, shards});
    EXPECT_TRUE(config.has_value());
    return config.value_or(Config{});
}

TEST(MemoryShares, ComeToNoMoreThanTheBudget) {
    for (const unsigned shards : {1, 2, 16, 64})
        for (const auto* memory : {"64MiB", "96MiB", "128MiB", "512MiB", "2GiB", "64GiB"}) {
            const auto config = with(memory, shards);
            const auto shares = memory_shares(config);
            const auto sum = shares.fixed + shares.bodies + shares.store + shares.young + shares.windows;
            EXPECT_LT(sum, config.limits.memory.count) << memory << " " << shards;
            EXPECT_GE(shares.bodies, config.limits.memory.count / 8) << memory << " " << shards;
        }
}

TEST(MemoryShares, TooLittleIsWarnedOf) {
    const auto warnings = with("96MiB", 2).warnings;
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings.front().find("limits.memory: 96MiB is less than 2 shard(s) need"), std::string::npos)
        << warnings.front();
    EXPECT_NE(warnings.front().find("128MiB"), std::string::npos) << warnings.front();
    EXPECT_TRUE(with("128MiB", 2).warnings.empty());
}

}  // namespace
}  // namespace angarium::app

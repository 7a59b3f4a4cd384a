// What the process's descriptors leave for connections.
#include "engine/app/connection_shares.hpp"

#include <gtest/gtest.h>

namespace angarium::app {
namespace {

Config configured() {
    const auto config = parse_config("[[listener]]\naddress = \"127.0.0.1:2525\"\n", "test.toml",
                                     {"relay.example.net", 8ull << 30, 2});
    EXPECT_TRUE(config.has_value());
    return config.value_or(Config{});
}

TEST(ConnectionShares, AsConfiguredWhereThereIsRoom) {
    const auto config = configured();
    const auto shares = connection_shares(config, 1'048'576);
    EXPECT_EQ(shares.inbound, config.limits.connections);
    EXPECT_EQ(shares.outbound, config.delivery.connections);
    EXPECT_FALSE(shortage(config, shares, 1'048'576));
}

TEST(ConnectionShares, TheQueueComesFirst) {
    const auto config = configured();
    const auto shares = connection_shares(config, 10'000);
    // Of two shards' listeners and that of the pages a thousand each may come at once; the store, the journal and the rest.
    EXPECT_LT(shares.inbound + shares.outbound + 3 * 1024 + 640 + 16 + 64, 10'000u);
    EXPECT_GT(shares.inbound + shares.outbound, 5'500u);
    EXPECT_NEAR(static_cast<double>(shares.inbound) / static_cast<double>(shares.outbound), 4, 0.1);
    const auto words = shortage(config, shares, 10'000);
    ASSERT_TRUE(words);
    EXPECT_NE(words->find("10000 file descriptors"), std::string::npos);
    EXPECT_NE(words->find("LimitNOFILE"), std::string::npos);
}

TEST(ConnectionShares, SomeAreLeftEvenOfVeryFew) {
    const auto config = configured();
    for (const std::size_t descriptors : {2, 64, 256, 1024}) {
        const auto shares = connection_shares(config, descriptors);
        EXPECT_GE(shares.inbound, 1u);
        EXPECT_GE(shares.outbound, 1u);
        EXPECT_LE(shares.inbound + shares.outbound, std::max<std::size_t>(descriptors / 2 + 1, 2));
    }
}

}  // namespace
}  // namespace angarium::app

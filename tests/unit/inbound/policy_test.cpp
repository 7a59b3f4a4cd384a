// Deadlines of content, limits on connections.
#include "engine/inbound/policy.hpp"

#include <gtest/gtest.h>

#include "engine/inbound/connections.hpp"

namespace angarium::inbound {
namespace {

IpAddress address(const char* text) { return *IpAddress::parse(text); }

TEST(Policy, ContentHasADeadlineAndARate) {
    Limits limits;
    limits.data_timeout = 300s;
    limits.minimum_rate = 1000;
    limits.pressure_timeout = 30s;
    const MonoTime begin(1s);
    const auto usual = content_patience(limits, false), pressed = content_patience(limits, true);
    EXPECT_EQ(content_deadline(limits, usual, begin, begin, 0), begin + 300s);
    // The rate decides, then the pause.
    EXPECT_EQ(content_deadline(limits, usual, begin + 200s, begin, 10'000), begin + 310s);
    EXPECT_EQ(content_deadline(limits, usual, begin + 5s, begin, 1'000'000), begin + 305s);
    // When connections are short, slow content has less time.
    EXPECT_EQ(content_deadline(limits, pressed, begin, begin, 0), begin + 30s);
    EXPECT_EQ(content_deadline(limits, pressed, begin + 35s, begin, 10'000), begin + 40s);
    EXPECT_EQ(content_deadline(limits, pressed, begin + 5s, begin, 1'000'000), begin + 35s);
}

TEST(Connections, AreLimitedInAllAndPerAddress) {
    Connections connections(3, 2);
    const auto a = address("192.0.2.1"), b = address("192.0.2.2"), c = address("192.0.2.3");
    EXPECT_FALSE(connections.open(a, false));
    EXPECT_FALSE(connections.open(a, false));
    EXPECT_EQ(connections.open(a, false), ConnectionRefusal::address);
    EXPECT_FALSE(connections.open(b, false));
    EXPECT_EQ(connections.open(c, false), ConnectionRefusal::total);
    EXPECT_EQ(connections.open(c, true), ConnectionRefusal::total);
    EXPECT_TRUE(connections.pressed());
    connections.close(a, false);
    EXPECT_FALSE(connections.open(a, true));  // exempt from the limit per address
    connections.close(a, true);
    connections.close(a, false);
    connections.close(b, false);
    EXPECT_EQ(connections.count(), 0u);
    EXPECT_FALSE(connections.open(a, false));
    connections.close(a, false);
}

// Strangers, however many addresses they have, never shut out the clients that we relay for.
TEST(Connections, TheLastTenthIsForRelayNetworks) {
    Connections connections(20, 100);
    const auto stranger = address("192.0.2.1"), ours = address("198.51.100.1");
    for (int i = 0; i < 18; ++i) EXPECT_FALSE(connections.open(stranger, false));
    EXPECT_TRUE(connections.pressed());
    EXPECT_EQ(connections.open(stranger, false), ConnectionRefusal::total);
    EXPECT_FALSE(connections.open(ours, true));
    EXPECT_FALSE(connections.open(ours, true));
    EXPECT_EQ(connections.open(ours, true), ConnectionRefusal::total);
    EXPECT_EQ(connections.count(), 20u);
}

}  // namespace
}  // namespace angarium::inbound

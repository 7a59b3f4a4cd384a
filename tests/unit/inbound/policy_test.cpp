// Who may relay, deadlines of content, limits on connections.
#include "engine/inbound/policy.hpp"

#include <gtest/gtest.h>

#include "engine/inbound/connections.hpp"

namespace angarium::inbound {
namespace {

IpAddress address(const char* text) { return *IpAddress::parse(text); }

TEST(Policy, RelaysForItsNetworksOnly) {
    const std::vector<IpNetwork> networks{*IpNetwork::parse("192.0.2.0/24"), *IpNetwork::parse("::1/128")};
    EXPECT_TRUE(may_relay(networks, address("192.0.2.7")));
    EXPECT_TRUE(may_relay(networks, address("::ffff:192.0.2.7")));
    EXPECT_TRUE(may_relay(networks, address("::1")));
    EXPECT_FALSE(may_relay(networks, address("192.0.3.7")));
    EXPECT_FALSE(may_relay(networks, address("::2")));
    EXPECT_FALSE(may_relay({}, address("127.0.0.1")));
}

TEST(Policy, ContentHasADeadlineAndARate) {
    Limits limits;
    limits.data_timeout = 300s;
    limits.minimum_rate = 1000;
    const MonoTime begin(1s);
    EXPECT_EQ(content_deadline(limits, begin, begin, 0), begin + 300s);
    EXPECT_EQ(content_deadline(limits, begin + 200s, begin, 10'000), begin + 310s);   // the rate decides
    EXPECT_EQ(content_deadline(limits, begin + 5s, begin, 1'000'000), begin + 305s);  // the pause decides
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

}  // namespace
}  // namespace angarium::inbound

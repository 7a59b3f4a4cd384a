// Addresses, endpoints and networks: what is parsed, what is refused, what is inside.
#include "engine/base/endpoint.hpp"

#include <gtest/gtest.h>

namespace angarium {
namespace {

TEST(IpAddress, ParsesAndPrints) {
    EXPECT_EQ(IpAddress::parse("192.0.2.1")->text(), "192.0.2.1");
    EXPECT_EQ(IpAddress::parse("2001:DB8:0::1")->text(), "2001:db8::1");
    EXPECT_EQ(IpAddress::v4(0xC0000201).text(), "192.0.2.1");
    EXPECT_EQ(IpAddress::parse("192.0.2.1"), IpAddress::v4(0xC0000201));
    for (const char* wrong : {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "[::1]", "fe80::1%eth0", "::g",
                              "1111:2222:3333:4444:5555:6666:7777:8888:9999"})
        EXPECT_FALSE(IpAddress::parse(wrong)) << wrong;
}

TEST(IpAddress, UnmapsOnlyMappedOnes) {
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1")->unmapped(), IpAddress::parse("192.0.2.1"));
    EXPECT_EQ(IpAddress::parse("::192.0.2.1")->unmapped(), IpAddress::parse("::192.0.2.1"));
    EXPECT_EQ(IpAddress::parse("192.0.2.1")->unmapped(), IpAddress::parse("192.0.2.1"));
}

TEST(IpAddress, FamiliesDiffer) { EXPECT_NE(*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")); }

TEST(Endpoint, ParsesAndPrints) {
    for (const char* text : {"192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:0", "[::]:65535"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->text(), text);
    }
    for (const char* wrong :
         {"", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1:25x",
          "2001:db8::1:25", "[192.0.2.1]:25", "[::1]25", "[]:25", ":25"})
        EXPECT_FALSE(Endpoint::parse(wrong)) << wrong;
}

TEST(IpNetwork, ContainsByPrefix) {
    const auto network = IpNetwork::parse("192.0.2.128/25");
    ASSERT_TRUE(network);
    EXPECT_TRUE(network->contains(*IpAddress::parse("192.0.2.128")));
    EXPECT_TRUE(network->contains(*IpAddress::parse("192.0.2.255")));
    EXPECT_FALSE(network->contains(*IpAddress::parse("192.0.2.127")));
    EXPECT_TRUE(network->contains(*IpAddress::parse("::ffff:192.0.2.200")));
    EXPECT_FALSE(network->contains(*IpAddress::parse("2001:db8::1")));
    EXPECT_EQ(network->text(), "192.0.2.128/25");
}

TEST(IpNetwork, EverythingAndOneHost) {
    EXPECT_TRUE(IpNetwork::parse("0.0.0.0/0")->contains(*IpAddress::parse("255.255.255.255")));
    EXPECT_FALSE(IpNetwork::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
    const auto host = IpNetwork::parse("::1");
    ASSERT_TRUE(host);
    EXPECT_EQ(host->text(), "::1/128");
    EXPECT_TRUE(host->contains(*IpAddress::parse("::1")));
    EXPECT_FALSE(host->contains(*IpAddress::parse("::2")));
}

TEST(IpNetwork, RefusesBitsBehindThePrefix) {
    for (const char* wrong :
         {"192.0.2.1/24", "192.0.2.0/33", "2001:db8::1/64", "192.0.2.0/", "192.0.2.0/x", "/24", ""})
        EXPECT_FALSE(IpNetwork::parse(wrong)) << wrong;
    EXPECT_TRUE(IpNetwork::parse("2001:db8::/32"));
}

}  // namespace
}  // namespace angarium

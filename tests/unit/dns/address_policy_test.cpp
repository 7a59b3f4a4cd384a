// Which addresses may be used, and which are ours.
#include "dns/address_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dns/own_endpoints.hpp"

namespace angarium::dns {
namespace {

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

TEST(AddressPolicy, ProhibitsWhatPointsAtOurselvesOrOurNeighbours) {
    for (const auto* text :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "169.254.0.1", "224.0.0.1", "239.255.255.255",
          "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "ff02::1", "::ffff:127.0.0.1",
          "::ffff:0.0.0.0", "::ffff:169.254.1.1", "::ffff:224.0.0.1"})
        EXPECT_TRUE(is_prohibited(address(text))) << text;
    for (const auto* text :
         {"1.0.0.0", "10.0.0.1", "126.255.255.255", "128.0.0.1", "169.253.1.1", "169.255.1.1", "172.16.0.1",
          "192.168.0.1", "223.255.255.255", "::2", "2001:db8::1", "fec0::1", "fd00::1", "::ffff:192.0.2.1"})
        EXPECT_FALSE(is_prohibited(address(text))) << text;
}

TEST(AddressPolicy, AllowExemptsNetworks) {
    const std::vector<IpNetwork> allow{IpNetwork::parse("127.0.0.0/8").value(),
                                       IpNetwork::parse("::1").value()};
    EXPECT_TRUE(may_use(address("127.0.0.9"), allow));
    EXPECT_TRUE(may_use(address("::ffff:127.0.0.9"), allow));
    EXPECT_TRUE(may_use(address("::1"), allow));
    EXPECT_FALSE(may_use(address("::"), allow));
    EXPECT_FALSE(may_use(address("169.254.0.1"), allow));
    EXPECT_TRUE(may_use(address("192.0.2.1"), {}));
    EXPECT_FALSE(may_use(address("127.0.0.9"), {}));
}

TEST(OwnEndpoints, WildcardsBecomeTheAddressesOfTheInterfaces) {
    const auto has = [](const std::vector<Endpoint>& list, const char* text) {
        return std::find(list.begin(), list.end(), Endpoint::parse(text).value()) != list.end();
    };
    const auto fixed = expand_wildcards({Endpoint::parse("192.0.2.7:25").value()});
    EXPECT_EQ(fixed, std::vector{Endpoint::parse("192.0.2.7:25").value()});
    const auto v4 = expand_wildcards({Endpoint::parse("0.0.0.0:2525").value()});
    EXPECT_TRUE(has(v4, "127.0.0.1:2525"));
    EXPECT_FALSE(has(v4, "0.0.0.0:2525"));
    EXPECT_TRUE(std::all_of(v4.begin(), v4.end(), [](const Endpoint& e) { return e.address.is_v4(); }));
    EXPECT_TRUE(has(expand_wildcards({Endpoint::parse("[::]:25").value()}), "127.0.0.1:25"));
}

}  // namespace
}  // namespace angarium::dns

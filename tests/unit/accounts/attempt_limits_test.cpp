#include "engine/accounts/attempt_limits.hpp"

#include <gtest/gtest.h>

namespace angarium::accounts {
namespace {

IpAddress at(std::string_view text) { return *IpAddress::parse(text); }
const auto here = at("192.0.2.1"), there = at("192.0.2.2");

TEST(AttemptLimits, BlocksAnAddressAndLetsItAgain) {
    AttemptLimits limits({5, 30s});
    MonoTime now{1h};
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(limits.blocked(here, false, "jack", now)) << i;
        limits.failed(here, false, "guess" + std::to_string(i), now);
    }
    EXPECT_TRUE(limits.blocked(here, false, "jack", now));
    EXPECT_FALSE(limits.blocked(there, false, "jack", now));
    EXPECT_FALSE(limits.blocked(here, true, "jack", now));  // a relay network
    EXPECT_TRUE(limits.blocked(here, false, "jack", now + 29s));
    EXPECT_FALSE(limits.blocked(here, false, "jack", now + 30s));  // one is forgotten
    limits.failed(here, false, "x", now + 30s);
    EXPECT_TRUE(limits.blocked(here, false, "jack", now + 31s));
    EXPECT_FALSE(limits.blocked(here, false, "jack", now + 61s));
}

TEST(AttemptLimits, BlocksANameExceptWhereItIsAtHome) {
    AttemptLimits limits({5, 30s});
    MonoTime now{1h};
    limits.succeeded(there, "jack", now);
    for (int i = 0; i < 5; ++i) limits.failed(at("198.51.100." + std::to_string(i)), false, "jack", now);
    EXPECT_TRUE(limits.blocked(here, false, "jack", now));
    EXPECT_TRUE(limits.blocked(here, true, "jack", now));
    EXPECT_FALSE(limits.blocked(here, false, "jill", now));
    EXPECT_FALSE(limits.blocked(there, false, "jack", now));
    for (int i = 0; i < 5; ++i) limits.failed(there, false, "jack", now);
    EXPECT_TRUE(limits.blocked(there, false, "jack", now));  // but not to guess from there
}

TEST(AttemptLimits, FullBucketsEmptyInTheSameTime) {
    AttemptLimits limits({5, 30s});
    MonoTime now{1h};
    for (int i = 0; i < 1000; ++i) limits.failed(here, false, "jack", now);
    EXPECT_TRUE(limits.blocked(here, false, "jack", now + 29s));
    EXPECT_FALSE(limits.blocked(here, false, "jack", now + 31s));
    EXPECT_FALSE(limits.blocked(here, false, "jack", now + 10min));
}

TEST(AttemptLimits, ANetworkOfIPv6IsOneAddress) {
    AttemptLimits limits({3, 30s});
    MonoTime now{1h};
    for (int i = 0; i < 3; ++i)
        limits.failed(at("2001:db8:0:1::" + std::to_string(i)), false, "x" + std::to_string(i), now);
    EXPECT_TRUE(limits.blocked(at("2001:db8:0:1:ffff::9"), false, "jack", now));
    EXPECT_FALSE(limits.blocked(at("2001:db8:0:2::1"), false, "jack", now));
    for (int i = 0; i < 3; ++i) limits.failed(at("::ffff:192.0.2.1"), false, "y" + std::to_string(i), now);
    EXPECT_TRUE(limits.blocked(here, false, "jack", now));
}

TEST(AttemptLimits, ManyGuessersDoNotFreeOne) {
    AttemptLimits limits({20, 30s});
    MonoTime now{1h};
    for (int i = 0; i < 20; ++i) limits.failed(here, true, "jack", now);
    for (std::uint32_t i = 0; i < 40'000; ++i)
        limits.failed(IpAddress::v4(0x0a000000 + i), false, "other" + std::to_string(i), now);
    EXPECT_TRUE(limits.blocked(there, false, "jack", now));
}

}  // namespace
}  // namespace angarium::accounts

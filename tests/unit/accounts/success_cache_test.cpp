#include "engine/accounts/success_cache.hpp"

#include <gtest/gtest.h>

namespace angarium::accounts {
namespace {

sasl::Digest key(int i) { return sasl::sha256(std::to_string(i)); }

TEST(SuccessCache, ForgetsInTime) {
    SuccessCache cache(10s, 100);
    MonoTime now{1s};
    EXPECT_FALSE(cache.contains(key(1), now));
    cache.add(key(1), now);
    EXPECT_TRUE(cache.contains(key(1), now));
    EXPECT_FALSE(cache.contains(key(2), now));
    EXPECT_TRUE(cache.contains(key(1), now + 9s));
    EXPECT_FALSE(cache.contains(key(1), now + 10s));
    cache.add(key(2), now + 10s);
    EXPECT_EQ(cache.size(), 1u);
}

TEST(SuccessCache, ASecondSuccessRenews) {
    SuccessCache cache(10s, 100);
    MonoTime now{1s};
    cache.add(key(1), now);
    cache.add(key(1), now + 5s);
    cache.add(key(2), now + 11s);  // the first one's end is over
    EXPECT_TRUE(cache.contains(key(1), now + 11s));
    EXPECT_FALSE(cache.contains(key(1), now + 15s));
}

TEST(SuccessCache, IsBounded) {
    SuccessCache cache(1h, 100);
    MonoTime now{1s};
    for (int i = 0; i < 1000; ++i) cache.add(key(i), now);
    EXPECT_EQ(cache.size(), 100u);
    EXPECT_TRUE(cache.contains(key(999), now));
    EXPECT_TRUE(cache.contains(key(900), now));
    EXPECT_FALSE(cache.contains(key(899), now));
    for (int i = 0; i < 1000; ++i) cache.add(key(999), now + Duration(i));
    EXPECT_TRUE(cache.contains(key(999), now));
    EXPECT_LE(cache.size(), 100u);
}

}  // namespace
}  // namespace angarium::accounts

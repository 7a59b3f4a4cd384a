// Eviction: bounded, sparing what is used and what is pinned.
#include "dns/clock_map.hpp"

#include <gtest/gtest.h>

namespace angarium::dns {
namespace {

struct Value {
    int number = 0;
    bool held = false;
    bool pinned() const { return held; }
};

std::string key(int number) { return "name" + std::to_string(number); }

TEST(ClockMap, StaysBoundedAndFindsWhatItKeeps) {
    ClockMap<Value> map(10);
    for (int i = 0; i < 1000; ++i) {
        map.insert(key(i), Value{i});
        ASSERT_LE(map.size(), 10u);
        ASSERT_EQ(map.find(key(i))->number, i);
    }
    int kept = 0;
    for (int i = 0; i < 1000; ++i) kept += map.find(key(i)) != nullptr;
    EXPECT_EQ(kept, 10);
}

TEST(ClockMap, WhatIsUsedStays) {
    ClockMap<Value> map(8);
    map.insert("hot", Value{1});
    for (int i = 0; i < 100; ++i) {
        ASSERT_NE(map.find("hot"), nullptr) << i;
        map.insert(key(i), Value{i});
    }
}

TEST(ClockMap, PinnedEntriesStayAndMayOutgrowTheCapacity) {
    ClockMap<Value> map(4);
    std::vector<Value*> pinned;
    for (int i = 0; i < 8; ++i) pinned.push_back(&map.insert(key(i), Value{i, true}));
    EXPECT_EQ(map.size(), 8u);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(pinned[static_cast<std::size_t>(i)]->number, i);
    for (auto* value : pinned) value->held = false;
    for (int i = 8; i < 100; ++i) map.insert(key(i), Value{i});
    EXPECT_LE(map.size(), 8u);
}

}  // namespace
}  // namespace angarium::dns

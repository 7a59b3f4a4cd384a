// Sheets count, and can be read while their thread counts.
#include "metrics/sheet.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "metrics/registry.hpp"

namespace angarium::metrics {
namespace {

TEST(Sheet, CountsOnlyGrow) {
    Sheet sheet;
    sheet.add(Count::messages_received);
    sheet.add(Count::messages_received, 4);
    EXPECT_EQ(sheet.value(Count::messages_received), 5u);
    EXPECT_EQ(sheet.value(Count::recipients_received), 0u);
}

TEST(Sheet, LevelsGoBothWays) {
    Sheet sheet;
    sheet.add(Level::sessions_open, 3);
    sheet.add(Level::sessions_open, -1);
    EXPECT_EQ(sheet.value(Level::sessions_open), 2);
    sheet.set(Level::sessions_open, 7);
    EXPECT_EQ(sheet.value(Level::sessions_open), 7);
}

TEST(Sheet, TimesAreKeptInNanoseconds) {
    Sheet sheet;
    sheet.add_time(Count::loop_busy, 3ms);
    sheet.add_time(Count::loop_busy, -1ms);  // a clock that stepped back counts as no time
    EXPECT_EQ(sheet.value(Count::loop_busy), 3'000'000u);
}

TEST(Sheet, SpreadsKeepBucketsAndSum) {
    Sheet sheet;
    sheet.observe(Spread::sync_time, 250us);
    sheet.observe(Spread::sync_time, 300us);
    sheet.observe(Spread::sync_time, -5us);
    EXPECT_EQ(sheet.bucket(Spread::sync_time, bucket_of(Unit::seconds, 300'000)), 2u);
    EXPECT_EQ(sheet.bucket(Spread::sync_time, 0), 1u);
    EXPECT_DOUBLE_EQ(sheet.sum(Spread::sync_time), 550'000.0);
    sheet.observe(Spread::group_records, 64);
    EXPECT_EQ(sheet.bucket(Spread::group_records, bucket_of(Unit::number, 64)), 1u);
}

TEST(Sheet, IsReadWhileItIsWritten) {
    Registry registry(2);
    constexpr std::uint64_t rounds = 200'000;
    auto count = [&registry](unsigned shard) {
        Sheet& sheet = registry.sheet(ShardId(shard));
        for (std::uint64_t i = 0; i < rounds; ++i) {
            sheet.add(Count::commands);
            sheet.observe(Spread::accept_latency, 1ms);
        }
    };
    std::thread first(count, 0), second(count, 1);
    std::uint64_t seen = 0;
    for (int i = 0; i < 200; ++i) {
        const auto now = registry.total(Count::commands);
        EXPECT_GE(now, seen);
        seen = now;
        EXPECT_FALSE(registry.exposition().empty());
    }
    first.join();
    second.join();
    EXPECT_EQ(registry.total(Count::commands), 2 * rounds);
    EXPECT_EQ(registry.observations(Spread::accept_latency), 2 * rounds);
}

}  // namespace
}  // namespace angarium::metrics

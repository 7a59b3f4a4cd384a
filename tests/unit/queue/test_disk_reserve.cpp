// How much of the disk is kept free: when the reserve counts as touched, and who hears of it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "queue/disk_reserve.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/manual_workers.hpp"
#include "tests/unit/queue/memory_files.hpp"

namespace angarium::queue {
namespace {

constexpr std::uint64_t mebibyte = 1 << 20;

class DiskReserveTest : public testing::Test {
  protected:
    bool touched_with(std::uint64_t free) {
        files.free = free;
        reserve.look();
        return reserve.touched();
    }

    support::ManualShard shard;
    support::ManualWorkers workers;
    MemoryFiles files;
    std::vector<std::string> alarms;
    DiskReserve reserve{files, "/q", 80 * mebibyte, [this](std::string text) { alarms.push_back(text); }};
};

TEST_F(DiskReserveTest, LessThanItIsTooLittle) {
    EXPECT_FALSE(touched_with(80 * mebibyte));
    EXPECT_TRUE(alarms.empty());
    EXPECT_TRUE(touched_with(80 * mebibyte - 1));
    ASSERT_EQ(alarms.size(), 1u);
    EXPECT_NE(alarms[0].find("/q: 79 MiB"), std::string::npos) << alarms[0];
    EXPECT_NE(alarms[0].find("queue.reserve (80 MiB)"), std::string::npos) << alarms[0];
}

TEST_F(DiskReserveTest, AnEighthMoreMustBeFreeAgain) {
    EXPECT_TRUE(touched_with(10 * mebibyte));
    EXPECT_TRUE(touched_with(85 * mebibyte));
    EXPECT_TRUE(touched_with(90 * mebibyte - 1));
    EXPECT_FALSE(touched_with(90 * mebibyte));
    EXPECT_FALSE(touched_with(85 * mebibyte));
    EXPECT_EQ(alarms.size(), 1u);
    EXPECT_TRUE(touched_with(0));
    EXPECT_EQ(alarms.size(), 2u) << "each time that it is touched";
}

TEST_F(DiskReserveTest, WhatIsNotToldChangesNothing) {
    EXPECT_TRUE(touched_with(0));
    files.free = failure("no answer");
    reserve.look();
    EXPECT_TRUE(reserve.touched());
}

TEST_F(DiskReserveTest, WithoutOneNothingIsAsked) {
    DiskReserve none(files, "/q", 0, nullptr);
    files.free = 0;
    none.look();
    EXPECT_FALSE(none.touched());
    auto watching = none.watch(shard, workers);
    shard.settle();
    EXPECT_TRUE(watching.done());
}

TEST_F(DiskReserveTest, AWorkerLooksOnceASecond) {
    auto watching = reserve.watch(shard, workers);
    files.free = 0;
    shard.settle();
    for (int second = 0; second < 3; ++second) {
        EXPECT_EQ(workers.jobs.size(), 1u);
        shard.advance(10s);
        EXPECT_EQ(workers.jobs.size(), 1u) << "one at a time, however long it takes";
        workers.run();
        shard.settle();
        EXPECT_TRUE(reserve.touched());
        EXPECT_TRUE(workers.jobs.empty());
        if (second < 2) shard.advance(1s);
    }
    EXPECT_EQ(workers.worked, 3u);
    reserve.stop();
    shard.settle();
    EXPECT_TRUE(watching.done()) << "without waiting for the next look";
}

TEST_F(DiskReserveTest, AStopWaitsForTheLookThatIsUnderWay) {
    auto watching = reserve.watch(shard, workers);
    shard.settle();
    reserve.stop();
    shard.settle();
    EXPECT_FALSE(watching.done());
    workers.run();
    shard.settle();
    EXPECT_TRUE(watching.done());
}

}  // namespace
}  // namespace angarium::queue

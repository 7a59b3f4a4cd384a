#include "bench/id_set.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace angarium::bench {
namespace {

using Seen = IdSet::Seen;

TEST(IdSet, TellsFirstFromAgain) {
    IdSet ids;
    EXPECT_EQ(ids.insert(1, 0), Seen::first);
    EXPECT_EQ(ids.insert(1, 0), Seen::again);
    EXPECT_EQ(ids.insert(1, 63), Seen::first);
    EXPECT_EQ(ids.insert(1, 64), Seen::first);
    EXPECT_EQ(ids.insert(1, 65'535), Seen::first);
    EXPECT_EQ(ids.insert(1, 65'536), Seen::first);
    EXPECT_EQ(ids.insert(1, 65'536), Seen::again);
}

TEST(IdSet, KeepsRunsApart) {
    IdSet ids;
    EXPECT_EQ(ids.insert(1, 5), Seen::first);
    EXPECT_EQ(ids.insert(2, 5), Seen::first);
    EXPECT_EQ(ids.insert(2, 9), Seen::first);
    const auto runs = ids.runs();
    ASSERT_EQ(runs.size(), 2u);
    EXPECT_EQ(runs[0].run, 1u);
    EXPECT_EQ(runs[0].unique, 1u);
    EXPECT_EQ(runs[0].highest, 5u);
    EXPECT_EQ(runs[1].run, 2u);
    EXPECT_EQ(runs[1].unique, 2u);
    EXPECT_EQ(runs[1].highest, 9u);
}

// Whatever numbers a peer invents, memory stays bounded.
TEST(IdSet, LeavesUntrackedWhatIsTooMuch) {
    IdSet ids;
    EXPECT_EQ(ids.insert(1, IdSet::most_numbers), Seen::untracked);
    EXPECT_EQ(ids.insert(1, ~std::uint64_t{0}), Seen::untracked);
    EXPECT_EQ(ids.insert(1, IdSet::most_numbers - 1), Seen::first);
    for (std::uint64_t run = 2; run <= IdSet::most_runs; ++run) EXPECT_EQ(ids.insert(run, 0), Seen::first);
    EXPECT_EQ(ids.insert(IdSet::most_runs + 1, 0), Seen::untracked);
    EXPECT_EQ(ids.insert(IdSet::most_runs, 0), Seen::again);
}

// Two shards that get the same message: exactly one of them is the first.
TEST(IdSet, CountsEachOnceOverThreads) {
    constexpr std::uint64_t numbers = 200'000;
    IdSet ids;
    std::atomic<std::uint64_t> first{0}, again{0};
    const auto insert_all = [&] {
        for (std::uint64_t number = 0; number < numbers; ++number)
            ++(ids.insert(7, number) == Seen::first ? first : again);
    };
    std::thread other(insert_all);
    insert_all();
    other.join();
    EXPECT_EQ(first, numbers);
    EXPECT_EQ(again, numbers);
    EXPECT_EQ(ids.runs().at(0).unique, numbers);
}

}  // namespace
}  // namespace angarium::bench

#include "bench/sizes.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace angarium::bench {
namespace {

using Shares = std::vector<SizeShare>;

TEST(Sizes, AreReadWithTheirUnits) {
    EXPECT_EQ(*parse_size("4096"), 4096u);
    EXPECT_EQ(*parse_size("4KiB"), 4096u);
    EXPECT_EQ(*parse_size("4kb"), 4000u);
    EXPECT_EQ(*parse_size("1.5MiB"), 1'572'864u);
    EXPECT_EQ(*parse_size("1G"), 1'000'000'000u);
    EXPECT_EQ(*parse_size("700B"), 700u);
}

TEST(Sizes, AreFixedOrARangeOrAMix) {
    EXPECT_EQ(*parse_sizes("4KiB"), (Shares{{4096, 4096, 1}}));
    EXPECT_EQ(*parse_sizes("1KiB-64KiB"), (Shares{{1024, 65536, 1}}));
    EXPECT_EQ(*parse_sizes("4KiB:70,32KiB-1MiB:25.5"), (Shares{{4096, 4096, 70}, {32768, 1048576, 25.5}}));
    for (const char* text : {"4KiB", "1KiB-64KiB", "4KiB:70,32KiB-1MiB:25.5", "700"})
        EXPECT_EQ(sizes_text(*parse_sizes(text)), text);
}

TEST(Sizes, AreRefusedWithTheRemedy) {
    for (const char* text : {"", "KiB", "4KiBx", "4XB", "-4", "0", "8KiB-4KiB", "4KiB:0", "4KiB:-1", "4KiB:x",
                             "4KiB,", "1KiB-", "1e9", "5GiB", "4KiB:inf", "nan"}) {
        const auto sizes = parse_sizes(text);
        ASSERT_FALSE(sizes.has_value()) << text;
        EXPECT_NE(sizes.error().text.find("1KiB-64KiB"), std::string::npos) << sizes.error().text;
    }
}

// A range is as likely to give a size below its geometric middle as above it.
TEST(Sizes, OfARangeAreSpacedByLogarithm) {
    const auto steps = size_steps({{1024, 65536, 1}});
    ASSERT_EQ(steps.size(), most_steps);
    EXPECT_EQ(steps.front().size, 1024u);
    EXPECT_EQ(steps.back().size, 65536u);
    double below = 0, sum = 0;
    for (const auto& step : steps) {
        sum += step.weight;
        if (step.size < 8192) below += step.weight;
    }
    EXPECT_NEAR(sum, 1, 1e-9);
    EXPECT_NEAR(below, 0.5, 1e-9);
}

TEST(Sizes, OfAMixKeepTheirWeights) {
    const auto steps = size_steps({{1000, 1002, 30}, {5000, 5000, 70}});
    ASSERT_EQ(steps.size(), 4u);
    EXPECT_EQ(steps[1].size, 1001u);
    EXPECT_DOUBLE_EQ(steps[0].weight + steps[1].weight + steps[2].weight, 30);
    EXPECT_DOUBLE_EQ(steps[3].weight, 70);
}

}  // namespace
}  // namespace angarium::bench

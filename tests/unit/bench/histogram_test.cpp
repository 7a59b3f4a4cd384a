#include "bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/base/random.hpp"

namespace angarium::bench {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
    const Histogram histogram;
    EXPECT_EQ(histogram.count(), 0u);
    EXPECT_EQ(histogram.percentile(50), 0u);
    EXPECT_EQ(histogram.max(), 0u);
    EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, IsExactForSmallValues) {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
    EXPECT_EQ(histogram.percentile(0), 1u);
    EXPECT_EQ(histogram.percentile(1), 1u);
    EXPECT_EQ(histogram.percentile(50), 50u);
    EXPECT_EQ(histogram.percentile(99), 99u);
    EXPECT_EQ(histogram.percentile(99.5), 100u);
    EXPECT_EQ(histogram.percentile(100), 100u);
    EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
}

// Against the definition, over eleven powers of ten.
TEST(Histogram, PercentilesAreAtMostOnePercentHigh) {
    Random random(7);
    Histogram histogram;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) {
        const auto value = random.next() >> (20 + random.below(40));
        values.push_back(value);
        histogram.record(value);
    }
    std::ranges::sort(values);
    for (const double percent : {0.1, 1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * 20'000));
        const auto exact = values[std::max<std::size_t>(rank, 1) - 1];
        const auto found = histogram.percentile(percent);
        EXPECT_GE(found, exact) << percent;
        EXPECT_LE(static_cast<double>(found), static_cast<double>(exact) * 1.008 + 1) << percent;
    }
    EXPECT_EQ(histogram.percentile(100), values.back());
}

TEST(Histogram, MergesAsIfRecordedTogether) {
    Histogram a, b, both;
    for (std::uint64_t value = 1; value < 1'000'000; value += 997) {
        (value % 2 == 0 ? a : b).record(value * value);
        both.record(value * value);
    }
    a.merge(b);
    EXPECT_EQ(a.count(), both.count());
    EXPECT_EQ(a.max(), both.max());
    EXPECT_DOUBLE_EQ(a.mean(), both.mean());
    for (const double percent : {1.0, 50.0, 99.9}) EXPECT_EQ(a.percentile(percent), both.percentile(percent));
}

TEST(Histogram, CapsWhatIsTooLarge) {
    Histogram histogram;
    histogram.record(~std::uint64_t{0});
    EXPECT_EQ(histogram.count(), 1u);
    EXPECT_EQ(histogram.percentile(50), (std::uint64_t{1} << 48) - 1);
}

}  // namespace
}  // namespace angarium::bench

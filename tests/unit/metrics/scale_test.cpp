// The quick bucket index agrees with the plain definition: the first bound that is not below the value.
#include "metrics/scale.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "engine/base/random.hpp"

namespace angarium::metrics {
namespace {

constexpr Unit all_units[] = {Unit::seconds, Unit::bytes, Unit::number};

std::size_t plain_bucket(Unit unit, std::uint64_t value) {
    const auto bounds = bucket_bounds(unit);
    return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
}

TEST(Scale, AgreesAroundEveryBound) {
    for (const auto unit : all_units)
        for (const auto bound : bucket_bounds(unit))
            for (const auto value : {bound - 1, bound, bound + 1})
                EXPECT_EQ(bucket_of(unit, value), plain_bucket(unit, value)) << value;
}

TEST(Scale, AgreesOverTheWholeRange) {
    Random random(7);
    for (const auto unit : all_units)
        for (int i = 0; i < 100000; ++i) {
            const auto value = random.next() >> random.below(64);
            ASSERT_EQ(bucket_of(unit, value), plain_bucket(unit, value)) << value;
        }
}

TEST(Scale, EndsAreInsideTheArray) {
    for (const auto unit : all_units) {
        EXPECT_EQ(bucket_of(unit, 0), 0u);
        EXPECT_EQ(bucket_of(unit, std::numeric_limits<std::uint64_t>::max()), bucket_bounds(unit).size());
        EXPECT_LT(bucket_bounds(unit).size(), most_buckets);
    }
}

TEST(Scale, SecondsReachFromTenthsOfMillisecondsToAnHour) {
    const auto bounds = bucket_bounds(Unit::seconds);
    EXPECT_EQ(bounds.front(), 100'000u);
    EXPECT_EQ(bounds.back(), 3'600'000'000'000u);
}

TEST(Scale, UnitFollowsFromTheName) {
    EXPECT_EQ(unit(Spread::accept_latency), Unit::seconds);
    EXPECT_EQ(unit(Spread::message_size), Unit::bytes);
    EXPECT_EQ(unit(Spread::group_records), Unit::number);
    EXPECT_EQ(unit(entry(Count::loop_busy)), Unit::seconds);
    EXPECT_EQ(unit(entry(Count::messages_received)), Unit::number);
}

}  // namespace
}  // namespace angarium::metrics

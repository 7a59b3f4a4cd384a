#include "bench/choice.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

std::vector<unsigned> draw(const std::vector<double>& weights, unsigned times) {
    const WeightedChoice choice(weights);
    Random random(7);
    std::vector<unsigned> seen(weights.size());
    for (unsigned i = 0; i < times; ++i) ++seen[choice.draw(random)];
    return seen;
}

TEST(WeightedChoice, KeepsTheOdds) {
    const auto seen = draw({70, 25, 5}, 100'000);
    EXPECT_NEAR(seen[0], 70'000, 700);
    EXPECT_NEAR(seen[1], 25'000, 700);
    EXPECT_NEAR(seen[2], 5'000, 350);
}

TEST(WeightedChoice, NeverDrawsWhatHasNoWeight) {
    const auto seen = draw({0, 1, 0, 3}, 10'000);
    EXPECT_EQ(seen[0] + seen[2], 0u);
    EXPECT_NEAR(seen[1], 2'500, 250);
}

TEST(WeightedChoice, OfOneIsCertain) { EXPECT_EQ(draw({0.3}, 100), std::vector<unsigned>{100}); }

TEST(WeightedChoice, IsTheSameForTheSameSeed) { EXPECT_EQ(draw({1, 2, 3}, 1000), draw({1, 2, 3}, 1000)); }

TEST(ZipfWeights, FallWithTheRank) {
    EXPECT_EQ(zipf_weights(4, 1), (std::vector<double>{1, 1. / 2, 1. / 3, 1. / 4}));
    EXPECT_EQ(zipf_weights(3, 2), (std::vector<double>{1, 1. / 4, 1. / 9}));
}

}  // namespace
}  // namespace angarium::bench

// A look at /metrics: sums over labels, percentiles of what came between two looks.
#include "bench/scrape.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

constexpr std::string_view before = R"(# HELP x_total Something.
# TYPE x_total counter
x_total{shard="0"} 3
x_total{shard="1"} 4.5
x_total_more 100
y 7
h_seconds_bucket{le="0.1"} 10
h_seconds_bucket{le="0.2"} 10
h_seconds_bucket{le="0.4"} 10
h_seconds_bucket{le="+Inf"} 10
h_seconds_count 10
)";
constexpr std::string_view after = R"(h_seconds_bucket{le="0.1"} 10
h_seconds_bucket{le="0.2"} 110
h_seconds_bucket{le="0.4"} 190
h_seconds_bucket{le="+Inf"} 210
)";

TEST(Scrape, SumsOverLabels) {
    const Scrape scrape(before);
    EXPECT_DOUBLE_EQ(scrape.total("x_total"), 7.5);
    EXPECT_DOUBLE_EQ(scrape.total("y"), 7);
    EXPECT_DOUBLE_EQ(scrape.total("x"), 0);
}

TEST(Scrape, PercentilesOfWhatCameSince) {
    const Scrape scrape(after), earlier(before);
    EXPECT_NEAR(scrape.percentile("h_seconds", 25, earlier), 0.15, 1e-9);
    EXPECT_NEAR(scrape.percentile("h_seconds", 50, earlier), 0.2, 1e-9);
    EXPECT_NEAR(scrape.percentile("h_seconds", 70, earlier), 0.3, 1e-9);
    EXPECT_NEAR(scrape.percentile("h_seconds", 99, earlier), 0.4, 1e-9) << "beyond all bounds: the last one";
    EXPECT_EQ(scrape.percentile("h_seconds", 50, scrape), 0) << "nothing came";
    EXPECT_EQ(scrape.percentile("other", 50, earlier), 0);
}

TEST(Scrape, NobodyThere) {
    // A port that nobody can listen on.
    EXPECT_FALSE(Scrape::of(Endpoint{IpAddress::v4(0x7f000001), 1}));
}

}  // namespace
}  // namespace angarium::bench

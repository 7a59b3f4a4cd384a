// The text of a scrape: sums over shards, labels, histograms, callbacks.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "metrics/registry.hpp"

namespace angarium::metrics {
namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Exposition, SumsShards) {
    Registry registry(3);
    for (unsigned shard = 0; shard < 3; ++shard)
        registry.sheet(ShardId(shard)).add(Count::messages_received, shard + 1);
    const auto text = registry.exposition();
    EXPECT_TRUE(has_line(text, "# TYPE angarium_messages_received_total counter"));
    EXPECT_TRUE(has_line(text, "angarium_messages_received_total 6"));
}

TEST(Exposition, ShowsShardsWhereTheirDifferenceMatters) {
    Registry registry(2);
    registry.sheet(ShardId(1)).add_time(Count::loop_busy, 1500ms);
    const auto text = registry.exposition();
    EXPECT_TRUE(has_line(text, "angarium_loop_busy_seconds_total{shard=\"0\"} 0"));
    EXPECT_TRUE(has_line(text, "angarium_loop_busy_seconds_total{shard=\"1\"} 1.5"));
}

TEST(Exposition, PrintsHelpAndTypeOnceAFamily) {
    std::istringstream lines(Registry(1).exposition());
    std::set<std::string> typed;
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("# TYPE ")) {
            EXPECT_TRUE(typed.insert(line).second) << line;
        }
    EXPECT_TRUE(typed.contains("# TYPE angarium_inbound_replies_total counter"));
}

TEST(Exposition, HistogramsAreCumulative) {
    Registry registry(2);
    registry.sheet(ShardId(0)).observe(Spread::sync_time, 90us);
    registry.sheet(ShardId(1)).observe(Spread::sync_time, 2ms);
    registry.sheet(ShardId(1)).observe(Spread::sync_time, 3h);
    const auto text = registry.exposition();
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_bucket{le=\"0.0001\"} 1"));
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_bucket{le=\"0.0015\"} 1"));
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_bucket{le=\"0.002\"} 2"));
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_bucket{le=\"3600\"} 2"));
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_bucket{le=\"+Inf\"} 3"));
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_sum 10800.00209"));
    EXPECT_TRUE(has_line(text, "angarium_journal_sync_seconds_count 3"));
}

TEST(Exposition, AsksCallbacks) {
    Registry registry(2);
    registry.sheet(ShardId(0)).set(Level::disk_free, 1);
    registry.gauge(Level::disk_free, [] { return 123456789012.0; });
    EXPECT_TRUE(has_line(registry.exposition(), "angarium_disk_free_bytes 123456789012"));
}

TEST(Exposition, LevelsMayBeNegativeWhileShardsDisagree) {
    Registry registry(2);
    registry.sheet(ShardId(0)).add(Level::messages_queued, -2);
    registry.sheet(ShardId(1)).add(Level::messages_queued, 5);
    EXPECT_TRUE(has_line(registry.exposition(), "angarium_messages_queued 3"));
}

TEST(Exposition, EscapesBuildInformation) {
    Registry registry(1);
    registry.build("1.0 \"x\\y\"\n", "g++ 12");
    EXPECT_TRUE(has_line(registry.exposition(),
                         R"(angarium_build_info{version="1.0 \"x\\y\"\n",compiler="g++ 12"} 1)"));
}

}  // namespace
}  // namespace angarium::metrics

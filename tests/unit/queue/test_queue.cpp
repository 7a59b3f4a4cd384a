// The queue as a whole (see whole_queue.hpp): it stops, starts with another number of shards, and ends when nothing is left.
// Every accepted delivery must have ended exactly once, each body arrived as it was, and nothing stood still.
//
// A failure prints its seed: unit_queue --gtest_filter='Seeds/WholeQueue.*/SEED'
#include "tests/unit/queue/whole_queue.hpp"

namespace angarium::queue {
namespace {

using namespace whole;

class WholeQueue : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(WholeQueue, EveryDeliveryEndsOnce) {
    const auto seed = GetParam();
    TestPlace place;
    Judge judge;
    std::uint64_t retired = 0, bounces = 0;
    {
        Scenario scenario;
        scenario.shards = 1 + seed % 2;
        scenario.seed = seed;
        scenario.messages = 120;
        scenario.patience = 300ms;  // stops in the middle
        Start first(place.path(), scenario, judge);
        first.go();
        retired += first.total(metrics::Count::messages_retired);
        bounces += first.total(metrics::Count::bounces);
    }
    {
        Scenario scenario;
        scenario.shards = 1 + seed / 2 % 3;
        scenario.seed = seed + 1;
        scenario.messages = 40;
        scenario.heal = true;
        Start second(place.path(), scenario, judge);
        second.go();
        retired += second.total(metrics::Count::messages_retired);
        bounces += second.total(metrics::Count::bounces);
    }
    EXPECT_TRUE(judge.settled()) << judge.story();
    EXPECT_TRUE(judge.clean()) << judge.story();
    EXPECT_EQ(LogJudge(place.path("log")).about(judge.recipients()), "");
    EXPECT_GT(retired, 0u);
    EXPECT_GT(bounces, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, WholeQueue, ::testing::Range<std::uint64_t>(0, 3));

// A dead destination's mail expires, a missing one's fails at once, and both are told; nothing else waits for them.
TEST(QueueEnds, ExpiryAndFailureEndEverything) {
    for (std::uint64_t seed = 50; seed < 52; ++seed) {
        TestPlace place;
        Judge judge;
        Scenario scenario;
        scenario.shards = 3;
        scenario.seed = seed;
        scenario.messages = 80;
        scenario.forbidden = true;
        scenario.lifetime = 1500ms;
        scenario.until_empty = true;
        Start start(place.path(), scenario, judge);
        start.go();
        LogJudge log(place.path("log"));
        EXPECT_EQ(log.about(judge.recipients()), "");
        EXPECT_TRUE(judge.clean()) << judge.story();
        EXPECT_GT(log.of_type["expiration"], 0u);
        EXPECT_GT(log.of_type["failure"], 0u);
    }
}

// The beginning of a start with another number of shards: the journals are drained into the store and removed.
Task<void> prepare(QueueSet& queues, RingShard& shard) {
    if (index(shard.id()) != 0) co_return;
    const auto prepared = co_await queues.prepare(shard);
    EXPECT_TRUE(prepared) << prepared.error().text;
}
void begin_to_start(const std::string& path, unsigned shards) {
    runtime::SystemClock clock;
    metrics::Registry registry(shards);
    const auto workers = runtime::make_thread_workers(1, "w");
    auto set = runtime::ShardSet::create(shards, clock, {}, false);
    ASSERT_TRUE(set) << set.error().text;
    StoreOptions store;
    store.path = path + "/store";
    auto opened = open_rocks_store(store);
    ASSERT_TRUE(opened) << opened.error().text;
    QueueOptions options;
    options.path = path;
    options.log_directory = path + "/log";
    options.journal_bytes = shards * (32u << 20);
    options.segment_bytes = 8u << 20;
    auto queues =
        QueueSet::open(options, shards, (*set)->files(), std::move(*opened), *workers, *workers, registry);
    ASSERT_TRUE(queues) << queues.error().text;
    (*set)->run([&](RingShard& shard) { return prepare(**queues, shard); });
}

// A start may end there. The next one, with another number again, finds no journals, and its numbers still go on behind theirs:
// the delivery log takes smaller ones for events that it has already.
TEST(QueueEnds, NumbersGoOnWhereJournalsAreGone) {
    TestPlace place;
    Judge judge;
    Scenario scenario;
    scenario.messages = 20;
    scenario.heal = true;
    scenario.until_empty = true;
    Start(place.path(), scenario, judge).go();
    begin_to_start(place.path(), 2);
    scenario.seed = 1;
    Start(place.path(), scenario, judge).go();
    EXPECT_TRUE(judge.settled()) << judge.story();
    EXPECT_EQ(LogJudge(place.path("log")).about(judge.recipients()), "");
}

// The table's limit is reached long before the journal's: old mail makes room for new.
TEST(QueueEnds, AFullTableIsRetired) {
    TestPlace place;
    Judge judge;
    Scenario scenario;
    scenario.shards = 1;
    scenario.seed = 60;
    scenario.messages = 200;
    scenario.young = 250;
    scenario.journal = 256u << 20;  // room is no reason
    scenario.longest = 1000;
    scenario.until_empty = true;
    scenario.lifetime = 1500ms;
    Start start(place.path(), scenario, judge);
    start.go();
    EXPECT_EQ(LogJudge(place.path("log")).about(judge.recipients()), "");
    EXPECT_GT(start.total(metrics::Count::messages_retired), 0u);
}

// A journal with much room keeps young mail to itself and hands old mail on.
TEST(QueueEnds, OldMailIsRetiredThoughThereIsRoom) {
    for (const bool old : {false, true}) {
        TestPlace place;
        Judge judge;
        Scenario scenario;
        scenario.seed = 70;
        scenario.messages = 90;
        scenario.journal = 256u << 20;
        scenario.settled_age = old ? 0s : 1h;
        scenario.until_retired = true;
        scenario.patience = old ? 100s : 2s;
        Start start(place.path(), scenario, judge);
        start.go();
        EXPECT_EQ(start.total(metrics::Count::messages_retired) > 0, old);
        EXPECT_GT(start.total(metrics::Count::journal_bytes), 8u << 20) << "no segment was filled";
    }
}

// Many clients commit at once whenever there is room, while the parts of a slow message must be moved out of retire's way.
TEST(QueueEnds, AFullJournalGoesOn) {
    TestPlace place;
    Judge judge;
    Scenario scenario;
    scenario.shards = 1;
    scenario.seed = 80;
    scenario.clients = 200;
    scenario.messages = 4;
    scenario.body_memory = 128u << 20;
    scenario.bulk = true;
    scenario.until_empty = true;
    scenario.heal = true;
    Start start(place.path(), scenario, judge);
    start.go();
    EXPECT_EQ(LogJudge(place.path("log")).about(judge.recipients()), "");
    EXPECT_GT(start.total(metrics::Count::messages_retired), 0u);
}

// Few places for many destinations: all get their turn, and the limit holds.
TEST(QueueEnds, AShardsWindowsAreBounded) {
    TestPlace place;
    Judge judge;
    Scenario scenario;
    scenario.shards = 1;
    scenario.seed = 70;
    scenario.messages = 100;
    scenario.patience = 1ms;
    Start(place.path(), scenario, judge).go();
    scenario.messages = 0;
    scenario.heal = true;
    scenario.window = 8;
    scenario.in_all = 8;
    scenario.until_empty = true;
    scenario.patience = 60s;
    Start second(place.path(), scenario, judge);
    second.go();
    EXPECT_LE(second.most_held(), 8u + 2);
    EXPECT_EQ(LogJudge(place.path("log")).about(judge.recipients()), "");
}

}  // namespace
}  // namespace angarium::queue

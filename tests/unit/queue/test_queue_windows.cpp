// What a start does with a long queue (see whole_queue.hpp): nobody knows which of its destinations live, and new mail must not
// wait for any of them.
#include "tests/unit/queue/whole_queue.hpp"

namespace angarium::queue {
namespace {

using namespace whole;

// Leaves some 1,900 deliveries to twelve domains.
void fill(const TestPlace& place, Judge& judge) {
    Scenario scenario;
    scenario.shards = 2;
    scenario.messages = 50;
    scenario.seed = 90;
    scenario.all_dead = true;
    scenario.longest = 1000;
    scenario.patience = 1ms;
    Start(place.path(), scenario, judge).go();
}

// The next start, with another number of shards: all of it moves into the store before anything else.
Scenario next() {
    Scenario scenario;
    scenario.seed = 91;
    scenario.messages = 0;
    return scenario;
}

// A window of each destination that turns out to be dead would be most of the queue, read for nothing.
TEST(QueueWindows, AStartTriesAFewOfEachDestination) {
    TestPlace place;
    Judge judge;
    fill(place, judge);
    auto scenario = next();
    scenario.all_dead = true;
    scenario.window = 1024;
    scenario.in_all = 100'000;
    scenario.until_deferred = 5 * domains;  // tries: each puts one off
    Start start(place.path(), scenario, judge);
    start.go();
    const auto loaded = start.total(metrics::Count::store_deliveries_loaded);
    EXPECT_GE(loaded, domains);
    // A try is heard of behind a synced group, a slow machine has tried again by then; whole windows would be many times as much.
    EXPECT_LT(loaded, 8 * start.total(metrics::Count::recipients_deferred));
    EXPECT_TRUE(judge.clean()) << judge.story();
}

// Its windows are full of old mail that does not move; what is new and for somebody else has its own share of them.
TEST(QueueWindows, NewMailDoesNotWaitForOld) {
    TestPlace place;
    Judge judge;
    fill(place, judge);
    auto scenario = next();
    scenario.in_all = 16;
    scenario.newcomer = true;
    scenario.heal = true;
    scenario.until_empty = true;
    Start start(place.path(), scenario, judge);
    start.go();
    EXPECT_LE(start.most_held(), 16u + 2);
    EXPECT_EQ(LogJudge(place.path("log")).about(judge.recipients()), "");
}

}  // namespace
}  // namespace angarium::queue

// Tasks, gates, events and sleeping: the semantics that everything above relies on.
#include "engine/runtime/task.hpp"

#include <vector>

#include "engine/runtime/event.hpp"
#include "engine/runtime/gate.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

class TaskTest : public ::testing::Test {
  protected:
    ManualClock clock_;
    ManualShard shard_{clock_};
};

Task<int> immediate(int value) { co_return value; }

Task<void> sum_of_immediates(int count, long& sum) {
    for (int i = 0; i < count; ++i) sum += co_await immediate(1);
}

TEST_F(TaskTest, StartsAtOnceAndKnowsWhenDone) {
    const auto task = immediate(7);
    EXPECT_TRUE(task.done());
}

TEST_F(TaskTest, AMillionAwaitsThatFinishAtOnce) {
    long sum = 0;
    const auto task = sum_of_immediates(1'000'000, sum);
    EXPECT_TRUE(task.done());  // none of them suspended
    EXPECT_EQ(sum, 1'000'000);
}

Task<int> after_event(Event& event, int value) {
    co_await event.wait();
    co_return value;
}

Task<long> chain(Event& event, int depth) {
    if (depth == 0) co_return co_await after_event(event, 1);
    co_return 1 + co_await chain(event, depth - 1);
}

TEST_F(TaskTest, ADeepChainUnwindsThroughTheReadyList) {
    Event event;
    const auto task = chain(event, 10'000);
    EXPECT_FALSE(task.done());
    event.signal();
    shard_.settle();
    EXPECT_TRUE(task.done());
}

Task<void> await_into(const Task<int>& task, int& out) { out = co_await task; }

TEST_F(TaskTest, AwaitingLaterGivesTheResult) {
    Event event;
    const auto task = after_event(event, 42);
    int result = 0;
    const auto waiting = await_into(task, result);
    event.signal();
    EXPECT_EQ(result, 0);  // nothing is resumed from inside signal()
    shard_.settle();
    EXPECT_EQ(result, 42);
    EXPECT_TRUE(waiting.done());
}

Task<std::unique_ptr<int>> make_box() { co_return std::make_unique<int>(5); }
Task<void> open_box(int& out) {
    const auto box = co_await make_box();
    out = *box;
}
TEST_F(TaskTest, MoveOnlyResults) {
    int out = 0;
    const auto task = open_box(out);
    EXPECT_TRUE(task.done());
    EXPECT_EQ(out, 5);
}

TEST_F(TaskTest, MovingATaskMovesTheFrame) {
    Task<int> one = immediate(1);
    Task<int> two = std::move(one);
    EXPECT_FALSE(one.valid());  // NOLINT: what is left behind is empty
    EXPECT_TRUE(two.done());
    two = immediate(2);
    EXPECT_TRUE(two.valid());
}

TEST(TaskDeathTest, DroppingAnUnfinishedTaskEndsTheProcess) {
    ManualClock clock;
    ManualShard shard(clock);
    Event event;
    EXPECT_DEATH({ auto task = after_event(event, 1); }, "invariant broken");
}

// --- events ---

Task<void> count_wakeups(Event& event, int times, int& woken) {
    for (int i = 0; i < times; ++i) {
        co_await event.wait();
        ++woken;
    }
}

TEST_F(TaskTest, ASignalBeforeTheWaitLetsItPass) {
    Event event;
    event.signal();
    int woken = 0;
    const auto task = count_wakeups(event, 1, woken);
    EXPECT_TRUE(task.done());
}

TEST_F(TaskTest, SignalsDoNotQueue) {
    Event event;
    event.signal();
    event.signal();
    int woken = 0;
    const auto task = count_wakeups(event, 2, woken);
    EXPECT_EQ(woken, 1);
    event.signal();
    shard_.settle();
    EXPECT_EQ(woken, 2);
    EXPECT_TRUE(task.done());
}

// --- gates ---

Task<void> wait_closed(Gate& gate, bool& closed) {
    co_await gate.closed();
    closed = true;
}
Task<void> hold_event(Event& event) { co_await event.wait(); }
Task<void> nothing() { co_return; }

TEST_F(TaskTest, AGateClosesWhenTheLastTaskLeaves) {
    Gate gate;
    Event first, second;
    gate.hold(hold_event(first));
    gate.hold(hold_event(second));
    gate.hold(nothing());
    EXPECT_EQ(gate.inside(), 2u);
    bool closed = false;
    const auto waiting = wait_closed(gate, closed);
    first.signal();
    shard_.settle();
    EXPECT_FALSE(closed);
    second.signal();
    shard_.settle();
    EXPECT_TRUE(closed);
    EXPECT_TRUE(waiting.done());
}

TEST_F(TaskTest, AnEmptyGateIsClosedAtOnce) {
    Gate gate;
    bool closed = false;
    const auto waiting = wait_closed(gate, closed);
    EXPECT_TRUE(closed && waiting.done());
}

TEST(GateDeathTest, AGateThatGoesBeforeItsTasksEndsTheProcess) {
    ManualClock clock;
    ManualShard shard(clock);
    Event event;
    EXPECT_DEATH(
        {
            Gate gate;
            gate.hold(hold_event(event));
        },
        "invariant broken");
}

// --- the ready list and sleeping ---

TEST_F(TaskTest, WhatBecomesReadyMeanwhileWaitsForTheNextRound) {
    struct Again {
        ReadyList& list;
        int runs = 0;
        static void run(void* self) {
            auto& again = *static_cast<Again*>(self);
            if (++again.runs < 5) again.list.push({&run, self});
        }
    } again{shard_.ready()};
    again.list.push({&Again::run, &again});
    EXPECT_EQ(again.list.run(), 1u);
    EXPECT_EQ(again.runs, 1);
    while (!again.list.empty()) again.list.run();
    EXPECT_EQ(again.runs, 5);
}

Task<void> sleep_and_note(Shard& shard, Duration duration, std::vector<Duration>& order) {
    co_await shard.sleep(duration);
    order.push_back(duration);
}

TEST_F(TaskTest, SleepersWakeInOrderAndNotEarly) {
    std::vector<Duration> order;
    Gate gate;
    for (const Duration duration : {Duration(50ms), Duration(5ms), Duration(0ms), Duration(5s)})
        gate.hold(sleep_and_note(shard_, duration, order));
    EXPECT_EQ(order, (std::vector<Duration>{0ms}));
    shard_.settle(4ms);
    EXPECT_EQ(order.size(), 1u);
    shard_.settle(2ms);
    EXPECT_EQ(order.size(), 2u);
    shard_.settle(10s);
    EXPECT_EQ(order, (std::vector<Duration>{0ms, 5ms, 50ms, 5s}));
}

}  // namespace
}  // namespace angarium::runtime

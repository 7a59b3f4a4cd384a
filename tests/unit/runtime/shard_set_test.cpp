// The set of shards: starting, stopping, calls from outside, polls, signals, and what the kernel offers.
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "engine/runtime/event.hpp"
#include "engine/runtime/signals.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

TEST(ShardSet, TheKernelHasWhatWeNeed) {
    const auto probed = probe_kernel();
    EXPECT_TRUE(probed.has_value()) << (probed ? "" : probed.error().text);
}

TEST(ShardSet, RefusesAWrongNumber) {
    SystemClock clock;
    EXPECT_FALSE(ShardSet::create(0, clock, {}, false).has_value());
    EXPECT_FALSE(ShardSet::create(65, clock, {}, false).has_value());
}

Task<void> check_in(std::atomic<std::uint64_t>& seen, RingShard& shard) {
    EXPECT_EQ(&shard, &Shard::current());
    seen |= std::uint64_t{1} << index(shard.id());
    co_return;
}

TEST(ShardSet, RunsMainOnEveryShardAndStops) {
    for (const unsigned shards : {1u, 2u, 7u, 64u}) {
        std::atomic<std::uint64_t> seen{0};
        on_shards(shards, [&seen](RingShard& shard) { return check_in(seen, shard); });
        EXPECT_EQ(seen, shards == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << shards) - 1);
    }
}

TEST(ShardSet, Pinned) {
    SystemClock clock;
    auto set = ShardSet::create(2, clock, {}, true);
    ASSERT_TRUE(set.has_value());
    std::atomic<std::uint64_t> seen{0};
    (*set)->run([&seen](RingShard& shard) { return check_in(seen, shard); });
    EXPECT_EQ(seen, 3u);
}

Task<void> work_in_background(Shard& shard, std::atomic<int>& finished) {
    co_await shard.sleep(30ms);
    ++finished;
}
Task<void> leave_work_behind(std::atomic<int>& finished, RingShard& shard) {
    for (int i = 0; i < 10; ++i) shard.gate().hold(work_in_background(shard, finished));
    co_return;
}
TEST(ShardSet, WaitsForTheGates) {
    std::atomic<int> finished{0};
    on_shards(2, [&finished](RingShard& shard) { return leave_work_behind(finished, shard); });
    EXPECT_EQ(finished, 20);
}

// A call from another thread wakes a shard that sleeps.
struct Door {
    Event opened;
    bool open = false;
};
Task<void> wait_at(Door& door) {
    while (!door.open) co_await door.opened.wait();
}
TEST(ShardSet, CallsFromOutside) {
    SystemClock clock;
    auto set = ShardSet::create(2, clock, {}, false);
    ASSERT_TRUE(set.has_value());
    Door doors[2];
    std::thread caller([&] {
        for (unsigned i = 0; i < 2; ++i) {
            std::this_thread::sleep_for(20ms);
            (*set)->call(ShardId(i), [&doors, i] {
                EXPECT_EQ(index(Shard::current().id()), i);
                doors[i].open = true;
                doors[i].opened.signal();
            });
        }
    });
    (*set)->run([&doors](RingShard& shard) { return wait_at(doors[index(shard.id())]); });
    caller.join();
    (*set)->call(ShardId{0}, [] { FAIL() << "the shards have stopped"; });  // dropped
}

// What outlives the loop is let go without it.
TEST(ShardSet, AStreamMayOutliveTheLoop) {
    SystemClock clock;
    auto set = ShardSet::create(1, clock, {}, false);
    ASSERT_TRUE(set.has_value());
    Pair kept;
    (*set)->run([&kept](RingShard& shard) -> Task<void> {
        auto pair = co_await connected_pair(shard);
        const auto late = co_await pair.server->read(after(1ms));
        EXPECT_FALSE(late.has_value());
        kept = std::move(pair);
    });
    kept = {};
}

// --- polls ---

Task<void> poll_eventfd(RingShard& shard) {
    const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int reports = 0;
    Event changed;
    auto poll = shard.poller().watch(descriptor, true, false, [&](Poller::Ready ready) {
        EXPECT_TRUE(ready.readable);
        std::uint64_t value = 0;
        if (++reports % 2 == 0) {  // left unread once: level-triggered, so it comes again
            EXPECT_EQ(::read(descriptor, &value, sizeof value), static_cast<ssize_t>(sizeof value));
        }
        changed.signal();
    });
    co_await shard.sleep(10ms);
    EXPECT_EQ(reports, 0);
    for (int round = 1; round <= 3; ++round) {
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(descriptor, &one, sizeof one), static_cast<ssize_t>(sizeof one));
        while (reports < 2 * round) co_await changed.wait();
    }
    co_await shard.sleep(5ms);
    EXPECT_EQ(reports, 6);
    poll.reset();
    ::close(descriptor);
}
TEST(Poller, LevelTriggered) { on_shard(poll_eventfd); }

Task<void> poll_drops_itself(RingShard& shard) {
    const int descriptor = ::eventfd(1, EFD_CLOEXEC);
    std::unique_ptr<Poll> poll;
    int reports = 0;
    poll = shard.poller().watch(descriptor, true, true, [&](Poller::Ready) {
        ++reports;
        poll.reset();
        ::close(descriptor);
    });
    co_await shard.sleep(10ms);
    EXPECT_EQ(reports, 1);
}
TEST(Poller, ACallbackMayDropItsPoll) { on_shard(poll_drops_itself); }

// --- signals ---

Task<void> read_signals(RingShard& shard) {
    auto reader = SignalReader::open(shard.poller());
    EXPECT_TRUE(reader.has_value());
    ::kill(::getpid(), SIGHUP);
    const auto first = co_await (*reader)->next();
    EXPECT_EQ(first, Signal::reload);
    ::kill(::getpid(), SIGTERM);
    const auto second = co_await (*reader)->next();
    EXPECT_EQ(second, Signal::terminate);
    (*reader)->close();
    const auto none = co_await (*reader)->next();
    EXPECT_EQ(none, std::nullopt);
}
TEST(Signals, AreReadByACoroutine) {
    block_service_signals();
    on_shard(read_signals);
}

}  // namespace
}  // namespace angarium::runtime

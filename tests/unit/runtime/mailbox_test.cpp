// Letters between shards: order, overflow, waking, and the way home.
#include "engine/runtime/mailbox.hpp"

#include <atomic>
#include <thread>

#include "engine/runtime/event.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

struct Inbox {
    std::uint64_t next = 0;
    bool in_order = true;
    Event changed;
};

class Numbered final : public Letter {
  public:
    Numbered(Inbox& inbox, std::uint64_t number) : inbox_(inbox), number_(number) { ++alive; }
    ~Numbered() override { --alive; }
    void arrive() override {
        inbox_.in_order = inbox_.in_order && number_ == inbox_.next;
        ++inbox_.next;
        inbox_.changed.signal();
        delete this;
    }
    static inline std::atomic<int> alive{0};

  private:
    Inbox& inbox_;
    std::uint64_t number_;
};

TEST(Lane, HoldsItsCapacityThenOverflowsInOrder) {
    Lane lane;
    Inbox inbox;
    constexpr std::size_t all = Lane::capacity * 3;
    for (std::size_t i = 0; i < all; ++i) {
        const bool fitted = lane.push(*new Numbered(inbox, i));
        EXPECT_EQ(fitted, i < Lane::capacity);
    }
    EXPECT_TRUE(lane.full() && lane.overflowing());
    EXPECT_FALSE(lane.flush());
    while (inbox.next < all) {
        for (auto count = lane.available(); count > 0; --count) lane.pop().arrive();
        EXPECT_TRUE(lane.sender_waits() || !lane.overflowing());
        lane.flush();
    }
    EXPECT_TRUE(inbox.in_order);
    EXPECT_FALSE(lane.overflowing());
}

TEST(Lane, UndeliveredLettersAreFreedWithIt) {
    Inbox inbox;
    {
        Lane lane;
        for (std::size_t i = 0; i < Lane::capacity + 10; ++i) lane.push(*new Numbered(inbox, i));
    }
    EXPECT_EQ(Numbered::alive, 0);
}

TEST(Lane, TwoThreadsLoseNothing) {
    Lane lane;
    Inbox inbox;
    constexpr std::uint64_t all = 300'000;
    std::thread sender([&] {
        for (std::uint64_t i = 0; i < all; ++i) {
            lane.push(*new Numbered(inbox, i));
            if (lane.overflowing()) lane.flush();
        }
        while (lane.overflowing()) lane.flush();
    });
    ManualClock clock;
    ManualShard shard(clock);  // for the event
    while (inbox.next < all) {
        for (auto count = lane.available(); count > 0; --count) lane.pop().arrive();
        lane.sender_waits();
    }
    sender.join();
    EXPECT_TRUE(inbox.in_order);
}

// --- between real shards ---

struct Court {
    Inbox inbox[2];
};

class Ball final : public Letter {
  public:
    Ball(Court& court, int left) : court_(court), left_(left) {}
    void arrive() override {
        std::unique_ptr<Letter> self(this);
        Shard& here = Shard::current();
        court_.inbox[index(here.id())].next = static_cast<std::uint64_t>(left_);
        court_.inbox[index(here.id())].changed.signal();
        if (left_-- > 0) here.send(static_cast<ShardId>(1 - index(here.id())), std::move(self));
    }

  private:
    Court& court_;
    int left_;
};

Task<void> play(Court& court, RingShard& shard, int rounds) {
    if (index(shard.id()) == 0) shard.send(ShardId{1}, std::make_unique<Ball>(court, rounds));
    auto& inbox = court.inbox[index(shard.id())];
    inbox.next = 2;
    while (inbox.next > 1) co_await inbox.changed.wait();
}

TEST(Mailbox, PingPongBetweenSleepingShards) {
    Court court;
    on_shards(2, [&court](RingShard& shard) { return play(court, shard, 5'001); });
}

Task<void> flood(Inbox (&inboxes)[2], RingShard& shard, std::uint64_t count, std::atomic<bool>& congested) {
    const auto other = static_cast<ShardId>(1 - index(shard.id()));
    for (std::uint64_t i = 0; i < count; ++i) {
        shard.send(other, std::make_unique<Numbered>(inboxes[index(other)], i));
        if (shard.congested(other)) congested = true;
    }
    auto& mine = inboxes[index(shard.id())];
    while (mine.next < count) co_await mine.changed.wait();
    EXPECT_TRUE(mine.in_order);
}

TEST(Mailbox, OverflowBothWaysArrivesInOrder) {
    Inbox inboxes[2];
    std::atomic<bool> congested{false};
    on_shards(2, [&](RingShard& shard) { return flood(inboxes, shard, 200'000, congested); });
    EXPECT_TRUE(congested);
    EXPECT_EQ(Numbered::alive, 0);
}

// The set ends only when letters under way have arrived, though every main has returned.
class Counted final : public Letter {
  public:
    explicit Counted(std::atomic<std::uint64_t>& count) : count_(count) {}
    void arrive() override {
        ++count_;
        delete this;
    }

  private:
    std::atomic<std::uint64_t>& count_;
};

Task<void> scatter(std::atomic<std::uint64_t>& count, RingShard& shard) {
    for (unsigned to = 0; to < shard.shards(); ++to)
        for (int i = 0; i < 5'000; ++i) shard.send(ShardId(to), std::make_unique<Counted>(count));
    co_return;
}

TEST(Mailbox, LettersUnderWayArriveBeforeTheShardsStop) {
    for (int round = 0; round < 20; ++round) {
        std::atomic<std::uint64_t> count{0};
        on_shards(4, [&count](RingShard& shard) { return scatter(count, shard); });
        EXPECT_EQ(count, 4u * 4u * 5'000u);
    }
}

}  // namespace
}  // namespace angarium::runtime

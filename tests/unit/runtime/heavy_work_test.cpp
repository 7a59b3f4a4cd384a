#include "engine/runtime/heavy_work.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {

// Turns one at a time.
class TurnedShard final : public Shard {
  public:
    explicit TurnedShard(Clock& clock) : Shard(ShardId{0}, 1, clock, Random(1)) { enter(); }
    ~TurnedShard() override { leave(); }
    void send(ShardId, std::unique_ptr<Letter>) override {}
    bool congested(ShardId) const override { return false; }
    bool turn_once() { return turn(16); }
};

Task<void> work(Shard& shard, Duration takes, std::vector<int>& done, int number) {
    co_await shard.heavy_work().place();
    done.push_back(number);
    shard.heavy_work().done(takes);
}

TEST(HeavyWork, IsSpreadOverTurnsInOrder) {
    testing::ManualClock clock;
    TurnedShard shard(clock);
    std::vector<int> done;
    Gate gate;
    for (int i = 0; i < 5; ++i) gate.hold(work(shard, 300us, done, i));
    EXPECT_EQ(done, std::vector<int>({0}));
    for (int turns = 1; turns < 4; ++turns) {
        EXPECT_TRUE(shard.turn_once());  // more waits: do not sleep
        EXPECT_EQ(done.size(), static_cast<std::size_t>(turns) + 1);
    }
    EXPECT_FALSE(shard.turn_once());
    EXPECT_EQ(done, std::vector<int>({0, 1, 2, 3, 4}));
    EXPECT_EQ(gate.inside(), 0u);
}

TEST(HeavyWork, SmallPiecesShareATurn) {
    testing::ManualClock clock;
    TurnedShard shard(clock);
    std::vector<int> done;
    Gate gate;
    for (int i = 0; i < 10; ++i) gate.hold(work(shard, 60us, done, i));
    EXPECT_EQ(done.size(), 4u);  // the fourth began within the time
    EXPECT_TRUE(shard.turn_once());
    EXPECT_EQ(done.size(), 8u);
    EXPECT_FALSE(shard.turn_once());
    EXPECT_EQ(done.size(), 10u);
}

}  // namespace
}  // namespace angarium::runtime

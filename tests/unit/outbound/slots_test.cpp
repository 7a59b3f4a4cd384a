// Slots: lent by one home, limits that grow and shrink, recalls, and conservation under random traffic over shards.
#include "engine/outbound/slots.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/manual_shard.hpp"

namespace angarium::outbound::test {
namespace {

class Holder final : public SlotHolder {
  public:
    void granted(Slot slot) override {
        --wanted;
        if (refuse) return;
        held.push_back(std::move(slot));
    }
    void withdrawn(unsigned count) override { wanted -= static_cast<int>(count); }
    void recalled(bool firm) override {
        ++recalls;
        firm_recalls += firm;
    }
    std::vector<Slot> held;
    int wanted = 0;
    bool refuse = false;
    unsigned recalls = 0, firm_recalls = 0;
};

TEST(Slots, OneShardLendsUpToTheLimit) {
    SlotSet set(1, {2, 4});
    SlotDesk& desk = set.desk(ShardId{0});
    Holder holder;
    desk.join("site", holder);
    for (int i = 0; i < 5; ++i) desk.request("site");
    EXPECT_EQ(holder.held.size(), 2u);
    desk.worked("site");
    EXPECT_EQ(holder.held.size(), 3u);
    for (int i = 0; i < 5; ++i) desk.worked("site");
    EXPECT_EQ(holder.held.size(), 4u) << "no more than the most";
    holder.held.pop_back();
    EXPECT_EQ(holder.held.size(), 4u) << "the next in line";
    EXPECT_EQ(desk.lent("site"), 4u);
    holder.held.clear();
    EXPECT_EQ(desk.lent("site"), 0u);
    desk.leave("site");
    EXPECT_EQ(desk.borrowed(), 0u);
}

TEST(Slots, FailureShrinksBelowWhatIsLent) {
    SlotSet set(1, {5, 20});
    SlotDesk& desk = set.desk(ShardId{0});
    Holder holder;
    desk.join("site", holder);
    for (int i = 0; i < 3; ++i) desk.request("site");
    desk.failed("site");
    EXPECT_EQ(desk.limit("site"), 2u);
    for (int i = 0; i < 5; ++i) desk.failed("site");
    EXPECT_EQ(desk.limit("site"), 1u) << "never none";
    desk.unreachable("site");
    EXPECT_EQ(desk.limit("site"), 5u);
    holder.held.clear();
    desk.leave("site");
}

TEST(Slots, GrantsThatNobodyWantsComeBack) {
    SlotSet set(1, {2, 4});
    SlotDesk& desk = set.desk(ShardId{0});
    Holder holder;
    holder.refuse = true;
    desk.join("site", holder);
    for (int i = 0; i < 10; ++i) desk.request("site");
    EXPECT_EQ(holder.wanted, -10);
    EXPECT_EQ(desk.lent("site"), 0u);
    desk.leave("site");
}

TEST(Slots, RequestsThatWaitCanBeWithdrawn) {
    SlotSet set(1, {2, 4});
    SlotDesk& desk = set.desk(ShardId{0});
    Holder holder;
    desk.join("site", holder);
    holder.wanted += 5;
    for (int i = 0; i < 5; ++i) desk.request("site");
    desk.withdraw("site");
    EXPECT_EQ(holder.wanted, 0);
    holder.held.clear();
    EXPECT_EQ(desk.lent("site"), 0u);
    desk.withdraw("site");
    desk.leave("site");
    EXPECT_EQ(desk.borrowed(), 0u);
}

TEST(Slots, AMovedSlotGivesBackOnce) {
    SlotSet set(1, {2, 4});
    SlotDesk& desk = set.desk(ShardId{0});
    Holder holder;
    desk.join("site", holder);
    desk.request("site");
    Slot slot = std::move(holder.held.back());
    holder.held.clear();
    EXPECT_EQ(desk.lent("site"), 1u);
    Slot other;
    other = std::move(slot);
    EXPECT_FALSE(slot);
    other.give_back();
    other.give_back();
    EXPECT_EQ(desk.lent("site"), 0u);
    desk.leave("site");
}

TEST(Slots, JoiningTwiceIsABug) {
    SlotSet set(1, {2, 4});
    Holder holder;
    set.desk(ShardId{0}).join("site", holder);
    EXPECT_DEATH(set.desk(ShardId{0}).join("site", holder), "invariant");
}

// Several shards on one thread: letters wait until the test delivers them, as the shard they are for.
class Shards;
class LetterShard final : private std::unique_ptr<support::ManualClock>, public runtime::Shard {
  public:
    LetterShard(Shards& all, ShardId id, unsigned shards)
        : std::unique_ptr<support::ManualClock>(std::make_unique<support::ManualClock>()),
          Shard(id, shards, *this->get(), Random(index(id))),
          all_(all) {}
    void send(ShardId to, std::unique_ptr<runtime::Letter> letter) override;
    bool congested(ShardId) const override { return false; }
    void as_current(const std::function<void()>& function) {
        enter();
        function();
        leave();
    }

  private:
    Shards& all_;
};

class Shards {
  public:
    explicit Shards(unsigned count, SlotLimits limits) : set(count, limits) {
        for (unsigned i = 0; i < count; ++i)
            shards.push_back(std::make_unique<LetterShard>(*this, ShardId(i), count));
    }
    void in(unsigned shard, const std::function<void()>& function) { shards[shard]->as_current(function); }
    bool deliver_one(Random& random) {
        if (letters.empty()) return false;
        // Order is kept per pair only; taking from a random target's queue is such an order.
        auto chosen = std::next(letters.begin(), static_cast<long>(random.below(letters.size())));
        auto letter = std::move(chosen->second.front());
        const auto to = chosen->first;
        chosen->second.pop_front();
        if (chosen->second.empty()) letters.erase(chosen);
        in(index(to), [&letter] { letter.release()->arrive(); });
        return true;
    }
    SlotSet set;
    std::vector<std::unique_ptr<LetterShard>> shards;
    std::map<ShardId, std::deque<std::unique_ptr<runtime::Letter>>> letters;
};
void LetterShard::send(ShardId to, std::unique_ptr<runtime::Letter> letter) {
    all_.letters[to].push_back(std::move(letter));
}

TEST(Slots, TheHomeRecallsFromWhoHoldsMost) {
    Shards all(2, {3, 3});
    Random random(1);
    const unsigned home = index(all.set.home("site"));
    const unsigned other = 1 - home;
    Holder rich, poor;
    all.in(home, [&] {
        all.set.desk(ShardId(home)).join("site", rich);
        for (int i = 0; i < 3; ++i) all.set.desk(ShardId(home)).request("site");
    });
    EXPECT_EQ(rich.held.size(), 3u);
    all.in(other, [&] {
        all.set.desk(ShardId(other)).join("site", poor);
        all.set.desk(ShardId(other)).request("site");
    });
    while (all.deliver_one(random)) {
    }
    EXPECT_EQ(rich.recalls, 1u);
    EXPECT_EQ(rich.firm_recalls, 1u);
    EXPECT_EQ(poor.held.size(), 0u);
    all.in(home, [&] { rich.held.pop_back(); });
    while (all.deliver_one(random)) {
    }
    EXPECT_EQ(poor.held.size(), 1u);
    all.in(home, [&] {
        rich.held.clear();
        all.set.desk(ShardId(home)).leave("site");
    });
    all.in(other, [&] {
        poor.held.clear();
        all.set.desk(ShardId(other)).leave("site");
    });
    while (all.deliver_one(random)) {
    }
    EXPECT_EQ(all.set.desk(ShardId(home)).lent("site"), 0u);
}

TEST(Slots, NoneIsLostOrDoubledOverShards) {
    constexpr unsigned count = 4;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Shards all(count, {3, 10});
        Random random(seed);
        std::vector<Holder> holders(count);
        const std::string site = "site" + std::to_string(seed);
        const unsigned home = index(all.set.home(site));
        for (unsigned i = 0; i < count; ++i)
            all.in(i, [&] { all.set.desk(ShardId(i)).join(site, holders[i]); });
        for (int step = 0; step < 2000; ++step) {
            const auto i = static_cast<unsigned>(random.below(count));
            auto& desk = all.set.desk(ShardId(i));
            all.in(i, [&] {
                switch (random.below(7)) {
                    case 0:
                    case 1:
                        if (holders[i].wanted < 5) {
                            ++holders[i].wanted;
                            desk.request(site);
                        }
                        break;
                    case 2:
                        if (!holders[i].held.empty()) holders[i].held.pop_back();
                        break;
                    case 3:
                        desk.worked(site);
                        break;
                    case 4:
                        if (!holders[i].held.empty()) desk.failed(site);
                        break;
                    case 5:
                        desk.withdraw(site);
                        break;
                    case 6:
                        if (random.below(50) == 0) desk.unreachable(site);
                        break;
                }
            });
            for (auto letters = random.below(3); letters > 0; --letters) all.deliver_one(random);
            std::size_t held = 0;
            for (const auto& holder : holders) held += holder.held.size();
            EXPECT_LE(held, all.set.desk(ShardId(home)).lent(site));
            EXPECT_LE(all.set.desk(ShardId(home)).lent(site), 10u);
        }
        for (unsigned i = 0; i < count; ++i) holders[i].refuse = true;
        for (unsigned i = 0; i < count; ++i) all.in(i, [&] { holders[i].held.clear(); });
        while (all.deliver_one(random)) {
        }
        for (unsigned i = 0; i < count; ++i)
            EXPECT_EQ(holders[i].wanted, 0) << "every request was granted or withdrawn, once";
        EXPECT_EQ(all.set.desk(ShardId(home)).lent(site), 0u);
        for (unsigned i = 0; i < count; ++i) {
            all.in(i, [&] { all.set.desk(ShardId(i)).leave(site); });
            EXPECT_EQ(all.set.desk(ShardId(i)).borrowed(), 0u);
        }
    }
}

}  // namespace
}  // namespace angarium::outbound::test

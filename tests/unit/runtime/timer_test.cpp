// The timing wheel against a multimap: random arms, moves, disarms and jumps of the clock, near and far.
#include "engine/runtime/timer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "engine/base/random.hpp"

namespace angarium::runtime {
namespace {

struct Probe {
    explicit Probe(std::vector<int>& fired_list, int number)
        : fired(fired_list), id(number), timer([](void* self) { static_cast<Probe*>(self)->fire(); }, this) {}
    void fire() { fired.push_back(id); }
    std::vector<int>& fired;
    int id;
    Timer timer;
};

constexpr MonoTime start{123h};

TEST(TimerWheel, FiresNeverEarlyAndAtMostOneTickLate) {
    TimerWheel wheel(start);
    std::vector<int> fired;
    Probe probe(fired, 1);
    probe.timer.arm(wheel, start + 10ms + 1ns);
    EXPECT_EQ(wheel.advance(start + 10ms), 0u);
    EXPECT_EQ(wheel.advance(start + 11ms), 1u);
    EXPECT_FALSE(probe.timer.armed());
}

TEST(TimerWheel, APastDeadlineFiresInTheNextTurn) {
    TimerWheel wheel(start);
    std::vector<int> fired;
    Probe probe(fired, 1);
    wheel.advance(start + 5s);
    probe.timer.arm(wheel, start + 1s);
    EXPECT_LE(wheel.next(), start + 5s);
    EXPECT_EQ(wheel.advance(start + 5s), 1u);
}

TEST(TimerWheel, NoDeadlineDisarms) {
    TimerWheel wheel(start);
    std::vector<int> fired;
    Probe probe(fired, 1);
    probe.timer.arm(wheel, start + 1s);
    probe.timer.arm(wheel, no_deadline);
    EXPECT_FALSE(probe.timer.armed());
    EXPECT_EQ(wheel.armed(), 0u);
    EXPECT_EQ(wheel.next(), no_deadline);
}

TEST(TimerWheel, OutlivesAndIsOutlived) {
    std::vector<int> fired;
    Probe survivor(fired, 1);
    {
        TimerWheel wheel(start);
        survivor.timer.arm(wheel, start + 1h);
        Probe brief(fired, 2);
        brief.timer.arm(wheel, start + 1h);
    }
    EXPECT_FALSE(survivor.timer.armed());
    EXPECT_TRUE(fired.empty());
}

TEST(TimerWheel, TheClockMayStepBack) {
    TimerWheel wheel(start);
    std::vector<int> fired;
    Probe probe(fired, 1);
    wheel.advance(start + 10s);
    probe.timer.arm(wheel, start + 11s);
    EXPECT_EQ(wheel.advance(start - 1h), 0u);
    EXPECT_EQ(wheel.advance(start + 11s), 1u);
}

TEST(TimerWheel, ManyYearsAhead) {
    TimerWheel wheel(start);
    std::vector<int> fired;
    Probe probe(fired, 1);
    const auto far =
        start + std::chrono::hours(24 * 365 * 200);  // beyond the wheel's range: clamped, never early
    probe.timer.arm(wheel, far);
    wheel.advance(start + std::chrono::hours(24 * 365 * 100));
    EXPECT_TRUE(fired.empty());
    EXPECT_TRUE(probe.timer.armed());
}

// A callback that disarms and re-arms others while they fire together.
struct Meddler {
    explicit Meddler(TimerWheel& owner) : wheel(owner) {}
    static void fire(void* self) {
        auto& meddler = *static_cast<Meddler*>(self);
        ++meddler.fired;
        if (meddler.victim != nullptr) meddler.victim->timer.disarm();
        if (meddler.again) meddler.timer.arm(meddler.wheel, MonoTime{});
    }
    TimerWheel& wheel;
    Meddler* victim = nullptr;
    bool again = false;
    int fired = 0;
    Timer timer{&fire, this};
};

TEST(TimerWheel, CallbacksMayDisarmWhatIsDueAndArmInThePast) {
    TimerWheel wheel(start);
    Meddler one(wheel), two(wheel), repeating(wheel);
    one.victim = &two;
    two.victim = &one;
    repeating.again = true;
    one.timer.arm(wheel, start + 5ms);
    two.timer.arm(wheel, start + 5ms);
    repeating.timer.arm(wheel, start + 5ms);
    wheel.advance(start + 6ms);
    EXPECT_EQ(one.fired + two.fired, 1);
    EXPECT_EQ(repeating.fired, 1);  // once a turn, not for ever
    wheel.advance(start + 6ms);
    EXPECT_EQ(repeating.fired, 2);
    EXPECT_EQ(wheel.armed(), 1u);
}

std::uint64_t tick_of(MonoTime when) {
    if (when <= start) return 0;
    return static_cast<std::uint64_t>((when - start + TimerWheel::tick - 1ns) / TimerWheel::tick);
}

class TimerProperty : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(TimerProperty, BehavesLikeAMultimap) {
    Random random(GetParam());
    TimerWheel wheel(start);
    std::vector<int> fired;
    std::vector<std::unique_ptr<Probe>> probes;
    std::multimap<std::uint64_t, int> model;  // tick -> probe
    std::map<int, std::multimap<std::uint64_t, int>::iterator> place;
    for (int i = 0; i < 300; ++i) probes.push_back(std::make_unique<Probe>(fired, i));
    auto now = start;
    const auto forget = [&](int id) {
        if (const auto found = place.find(id); found != place.end()) {
            model.erase(found->second);
            place.erase(found);
        }
    };
    for (int step = 0; step < 20'000; ++step) {
        const int id = static_cast<int>(random.below(probes.size()));
        switch (random.below(4)) {
            case 0:
            case 1: {  // arm, from one nanosecond to weeks ahead, sometimes in the past
                const auto magnitude = Duration(std::int64_t{1} << random.below(52));
                auto when = now + Duration(static_cast<std::int64_t>(
                                      random.below(static_cast<std::uint64_t>(magnitude.count()) + 1)));
                if (random.below(10) == 0) when = now - magnitude;
                forget(id);
                probes[static_cast<std::size_t>(id)]->timer.arm(wheel, when);
                place[id] = model.emplace(tick_of(when), id);
                break;
            }
            case 2:
                forget(id);
                probes[static_cast<std::size_t>(id)]->timer.disarm();
                break;
            default: {
                now +=
                    Duration(static_cast<std::int64_t>(random.below(std::uint64_t{1} << random.below(46))));
                const auto target = static_cast<std::uint64_t>((now - start) / TimerWheel::tick);
                fired.clear();
                wheel.advance(now);
                std::multimap<std::uint64_t, int> expected;
                while (!model.empty() && model.begin()->first <= target) {
                    expected.insert(*model.begin());
                    forget(model.begin()->second);
                }
                std::vector<int> got = fired, wanted;
                for (const auto& [tick, probe] : expected) wanted.push_back(probe);
                std::sort(got.begin(), got.end());
                std::sort(wanted.begin(), wanted.end());
                ASSERT_EQ(got, wanted) << "step " << step;
            }
        }
        ASSERT_EQ(wheel.armed(), model.size());
        if (!model.empty()) {
            const auto due = start + TimerWheel::tick * static_cast<std::int64_t>(model.begin()->first);
            ASSERT_LE(wheel.next(), std::max(due, now)) << "step " << step;
        } else {
            ASSERT_EQ(wheel.next(), no_deadline);
        }
    }
}

// next() may be early, but following it reaches every timer in a few steps.
TEST_P(TimerProperty, FollowingNextReachesTheTimer) {
    Random random(GetParam());
    for (int round = 0; round < 200; ++round) {
        TimerWheel wheel(start);
        std::vector<int> fired;
        Probe probe(fired, 1);
        const auto when = start + Duration(static_cast<std::int64_t>(random.below(std::uint64_t{1} << 50)));
        probe.timer.arm(wheel, when);
        int steps = 0;
        while (fired.empty()) {
            ASSERT_LT(++steps, 9);
            const auto next = wheel.next();
            ASSERT_LT(next, when + TimerWheel::tick);
            wheel.advance(next);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerProperty, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace angarium::runtime

// The two lines that there is one of for each destination: deliveries at the owner, ids at the origin. Both against std::deque
// under the same random steps; that empty ones allocate nothing is what they are for.
#include <gtest/gtest.h>

#include <deque>

#include "queue/delivery_line.hpp"
#include "queue/id_ring.hpp"

namespace angarium::queue {
namespace {

std::unique_ptr<Delivery> delivery(std::uint32_t number) {
    auto made = std::make_unique<Delivery>();
    made->facts.attempts = number;
    return made;
}

TEST(DeliveryLine, IsADequeThroughItsDeliveries) {
    Random random(1);
    DeliveryLine line;
    std::deque<std::uint32_t> expected;
    for (std::uint32_t step = 0; step < 20'000; ++step) {
        switch (random.below(expected.size() > 6 ? 4 : 3)) {  // mostly short: the ends meet often
            case 0:
                line.push_back(delivery(step));
                expected.push_back(step);
                break;
            case 1:
                line.push_front(delivery(step));
                expected.push_front(step);
                break;
            default:
                if (expected.empty()) break;
                if (random.below(2) == 0) {
                    EXPECT_EQ(line.pop_front()->facts.attempts, expected.front());
                    expected.pop_front();
                } else {
                    EXPECT_EQ(line.pop_back()->facts.attempts, expected.back());
                    expected.pop_back();
                }
        }
        ASSERT_EQ(line.size(), expected.size());
        ASSERT_EQ(line.empty(), expected.empty());
    }
    while (!expected.empty()) {
        EXPECT_EQ(line.pop_front()->facts.attempts, expected.front());
        expected.pop_front();
    }
}

TEST(IdRing, IsADequeThatGrows) {
    Random random(2);
    IdRing ring;
    std::deque<MessageId> expected;
    for (int step = 0; step < 20'000; ++step) {
        const auto id = MessageId::make(WallTime(std::chrono::milliseconds(step)), 1, ShardId{0}, random);
        switch (random.below(expected.size() > 100 ? 6 : 4)) {
            case 0:
                ring.push_front(id);
                expected.push_front(id);
                break;
            case 1:
            case 2:
                ring.push_back(id);
                expected.push_back(id);
                break;
            default:
                if (expected.empty()) break;
                ASSERT_EQ(ring.front(), expected.front());
                ring.pop_front();
                expected.pop_front();
        }
        ASSERT_EQ(ring.size(), expected.size());
        ASSERT_EQ(ring.empty(), expected.empty());
    }
}

}  // namespace
}  // namespace angarium::queue

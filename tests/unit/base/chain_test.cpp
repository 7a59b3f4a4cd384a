#include "engine/base/chain.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace angarium {
namespace {

struct Item {
    Item() : link(*this) {}
    Link<Item> link;
};

TEST(Chain, LinksLeaveWhenTheyGo) {
    Chain<Item> chain;
    auto first = std::make_unique<Item>();
    Item second;
    chain.push_back(first->link);
    chain.push_back(second.link);
    EXPECT_EQ(&chain.front(), first.get());
    EXPECT_EQ(&chain.back(), &second);
    first.reset();
    EXPECT_EQ(&chain.front(), &second);
    second.link.leave();
    EXPECT_TRUE(chain.empty());
    EXPECT_FALSE(second.link.linked());
}

TEST(Chain, TakesAtBothEnds) {
    Chain<Item> chain;
    Item first, second, third;
    chain.push_front(second.link);
    chain.push_front(first.link);
    chain.push_back(third.link);
    std::vector<Item*> seen;
    chain.each([&](Item& item) {
        seen.push_back(&item);
        return true;
    });
    EXPECT_EQ(seen, (std::vector{&first, &second, &third}));
    for (auto* item : seen) item->link.leave();
    EXPECT_TRUE(chain.empty());
}

}  // namespace
}  // namespace angarium

// Routes, budgets, memory of addresses, and what becomes of an attempt's recipients.
#include <gtest/gtest.h>

#include "engine/outbound/address_book.hpp"
#include "engine/outbound/attempt.hpp"
#include "engine/outbound/budget.hpp"
#include "engine/outbound/chain.hpp"
#include "engine/outbound/route_table.hpp"
#include "tests/unit/outbound/fakes.hpp"

namespace angarium::outbound::test {
namespace {

TEST(RouteTable, TheFirstMatchWins) {
    const std::vector<Route> routes{
        {{"example.net", "*.example.net"}, {{"192.0.2.1", 0}}},
        {{"*.internal.test"}, {{"192.0.2.2", 2526}, {"mail.example.org", 0}}},
        {{"special.internal.test"}, {{"192.0.2.3", 0}}},
        {{"[192.0.2.9]"}, {{"192.0.2.4", 0}}},
    };
    const RouteTable table(routes);
    EXPECT_EQ(table.find("example.net"), &routes[0]);
    EXPECT_EQ(table.find("a.b.example.net"), &routes[0]);
    EXPECT_EQ(table.find("notexample.net"), nullptr);
    EXPECT_EQ(table.find("internal.test"), nullptr) << "a suffix is not the domain itself";
    EXPECT_EQ(table.find("special.internal.test"), &routes[1]);
    EXPECT_EQ(table.find("[192.0.2.9]"), &routes[3]);
    EXPECT_EQ(table.find("[192.0.2.8]"), nullptr);
    EXPECT_EQ(table.find(""), nullptr);
    EXPECT_EQ(RouteTable::site_name(routes[1], 25), "route:192.0.2.2:2526,mail.example.org:25");
}

TEST(RouteTable, AStarTakesTheRest) {
    const std::vector<Route> routes{
        {{"a.test"}, {{"192.0.2.1", 0}}}, {{"*"}, {{"192.0.2.2", 0}}}, {{"b.test"}, {{"192.0.2.3", 0}}}};
    const RouteTable table(routes);
    EXPECT_EQ(table.find("a.test"), &routes[0]);
    EXPECT_EQ(table.find("b.test"), &routes[1]);
    EXPECT_EQ(table.find("[192.0.2.8]"), &routes[1]);
}

TEST(Budget, TheUnprovenShareHalf) {
    Budget budget(4);
    EXPECT_TRUE(budget.enter(false));
    EXPECT_TRUE(budget.enter(false));
    EXPECT_FALSE(budget.enter(false));
    EXPECT_TRUE(budget.enter(true));
    EXPECT_TRUE(budget.enter(true));
    EXPECT_FALSE(budget.enter(true));
    EXPECT_TRUE(budget.full());
    budget.prove();
    EXPECT_EQ(budget.unproven(), 1u);
    budget.leave(true);
    EXPECT_TRUE(budget.enter(false));
    budget.leave(false);
    budget.leave(false);
    budget.leave(true);
    budget.leave(true);
    EXPECT_EQ(budget.used(), 0u);
    EXPECT_EQ(budget.unproven(), 0u);
}

TEST(Budget, LeavingMoreThanEnteredIsABug) {
    Budget budget(1);
    EXPECT_DEATH(budget.leave(true), "invariant");
}

TEST(AddressBook, FailuresRestForAWhile) {
    AddressBook book(60s);
    const MonoTime now{1h};
    book.failed(endpoint("192.0.2.1:25"), now);
    EXPECT_TRUE(book.rests(endpoint("192.0.2.1:25"), now + 59s));
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:25"), now + 60s));
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:26"), now));
    book.works(endpoint("192.0.2.1:25"));
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:25"), now));
    EXPECT_EQ(book.size(), 0u);
}

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

TEST(Attempt, OnlyWhatIsWhollyDeferredIsHopeful) {
    Random random(1);
    Attempt attempt;
    const auto later = judge(Stage::rcpt, smtp::Reply(450, {}, "later"));
    const auto never = judge(Stage::rcpt, smtp::Reply(550, {}, "never"));
    attempt.begin(delivery({"a@b.test", "c@b.test"}, "x", random), MonoTime{1s});
    EXPECT_TRUE(attempt.untouched());
    EXPECT_FALSE(attempt.hopeful());
    ASSERT_TRUE(attempt.next_batch(100));
    attempt.end(0, later);
    attempt.end(1, later);
    EXPECT_TRUE(attempt.hopeful());
    EXPECT_FALSE(attempt.next_batch(100));
    attempt.reopen();
    EXPECT_TRUE(attempt.untouched());
    ASSERT_TRUE(attempt.next_batch(100));
    attempt.take(0);
    attempt.end(1, never);
    attempt.deliver(reason_of(smtp::Reply(250, {}, "ok")));
    EXPECT_FALSE(attempt.hopeful());
    const auto done = attempt.finish(MonoTime{1s} + 5ms);
    EXPECT_EQ(done->outcome.results[0].verdict, queue::Verdict::delivered);
    EXPECT_EQ(done->outcome.results[1].verdict, queue::Verdict::failed);
    EXPECT_EQ(done->outcome.attempt_us, 5000u);
    EXPECT_TRUE(done->outcome.remote_accepted);
}

}  // namespace
}  // namespace angarium::outbound::test

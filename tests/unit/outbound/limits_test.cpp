// Routes, budgets, memory of addresses, and what becomes of an attempt's recipients.
#include <gtest/gtest.h>

#include "engine/outbound/address_book.hpp"
#include "engine/outbound/attempt.hpp"
#include "engine/outbound/budget.hpp"
#include "engine/outbound/domain_table.hpp"
#include "tests/unit/outbound/fakes.hpp"

namespace angarium::outbound::test {
namespace {

TEST(DomainTable, TheFirstMatchWins) {
    DomainTable table;
    table.add({"example.net", "*.example.net"});
    table.add({"*.internal.test"});
    table.add({"special.internal.test"});
    table.add({"[192.0.2.9]"});
    EXPECT_EQ(table.find("example.net"), 0u);
    EXPECT_EQ(table.find("a.b.example.net"), 0u);
    EXPECT_EQ(table.find("notexample.net"), std::nullopt);
    EXPECT_EQ(table.find("internal.test"), std::nullopt) << "a suffix is not the domain itself";
    EXPECT_EQ(table.find("special.internal.test"), 1u);
    EXPECT_EQ(table.find("[192.0.2.9]"), 3u);
    EXPECT_EQ(table.find("[192.0.2.8]"), std::nullopt);
    EXPECT_EQ(table.find(""), std::nullopt);
}

TEST(DomainTable, AStarTakesTheRest) {
    DomainTable table;
    table.add({"a.test"});
    table.add({"*"});
    table.add({"b.test"});
    EXPECT_EQ(table.find("a.test"), 0u);
    EXPECT_EQ(table.find("b.test"), 1u);
    EXPECT_EQ(table.find("[192.0.2.8]"), 1u);
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
    book.failed(endpoint("192.0.2.1:25"), 0, now);
    EXPECT_TRUE(book.rests(endpoint("192.0.2.1:25"), 0, now + 59s));
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:25"), 0, now + 60s));
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:26"), 0, now));
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:25"), 1, now)) << "under another protection";
    book.works(endpoint("192.0.2.1:25"), 0);
    EXPECT_FALSE(book.rests(endpoint("192.0.2.1:25"), 0, now));
    EXPECT_EQ(book.size(), 0u);
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

#include "engine/accounts/logins.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "engine/runtime/gate.hpp"
#include "tests/support/manual_shard.hpp"
#include "tests/support/manual_workers.hpp"
#include "tests/unit/accounts/samples.hpp"

namespace angarium::accounts {
namespace {

class LoginsTest : public ::testing::Test {
  protected:
    static LoginOptions options() {
        LoginOptions made;
        made.attempts = {5, 30s};
        made.under_way = 3;
        return made;
    }
    runtime::Task<void> run(std::string name, std::string password, LoginOrigin origin,
                            std::optional<LoginResult>& to) {
        const auto result = co_await logins.check(accounts, std::move(name), std::move(password), origin);
        to = result;
    }
    // On another shard, as it were.
    runtime::Task<void> elsewhere(std::shared_ptr<const Accounts> all, std::string password,
                                  LoginOrigin origin, std::optional<LoginResult>& to) {
        const auto got = co_await others.check(std::move(all), "jack", std::move(password), origin);
        to = got;
    }
    std::optional<LoginResult>& start(const std::string& name, const std::string& password,
                                      LoginOrigin origin = {}) {
        auto& result = results.emplace_back();
        gate.hold(run(name, password, origin, result));
        shard.settle();
        return result;
    }
    std::optional<LoginResult> check(const std::string& name, const std::string& password,
                                     LoginOrigin origin = {}) {
        auto& result = start(name, password, origin);
        workers.run();
        shard.settle();
        return result;
    }

    support::ManualShard shard;
    metrics::Sheet sheet;
    support::ManualWorkers workers;
    LoginShare share{options(), workers};
    Logins logins{share, shard, sheet}, others{share, shard, sheet};
    std::shared_ptr<const Accounts> accounts = parsed(account_line(new_account("jack", "water")));
    std::deque<std::optional<LoginResult>> results;
    runtime::Gate gate;
};

TEST_F(LoginsTest, HashesOnceInAWhile) {
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
    EXPECT_EQ(workers.worked, 1u);
    EXPECT_EQ(start("jack", "water"), LoginResult::right);  // without any worker
    EXPECT_EQ(sheet.value(metrics::Count::auth_cached), 1u);
    shard.advance(599s);
    EXPECT_EQ(start("jack", "water"), LoginResult::right);
    shard.advance(2s);
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
    EXPECT_EQ(workers.worked, 2u);
}

TEST_F(LoginsTest, WrongIsNeverRemembered) {
    for (unsigned i = 1; i <= 3; ++i) {
        EXPECT_EQ(check("jack", "wine"), LoginResult::wrong);
        EXPECT_EQ(check("ghost", "water"), LoginResult::wrong);
        EXPECT_EQ(workers.worked, 2 * i);
        shard.advance(60s);
    }
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
}

TEST_F(LoginsTest, AChangedFileForgetsAll) {
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
    accounts = parsed(account_line(new_account("jack", "wine")));
    EXPECT_EQ(check("jack", "water"), LoginResult::wrong);
    EXPECT_EQ(check("jack", "wine"), LoginResult::right);
    accounts = parsed("");
    EXPECT_EQ(check("jack", "wine"), LoginResult::wrong);
}

TEST_F(LoginsTest, EqualOnesJoinIn) {
    auto& one = start("jack", "water");
    auto& two = start("jack", "water");
    auto& three = start("jack", "wine");
    EXPECT_EQ(workers.jobs.size(), 2u);
    EXPECT_EQ(sheet.value(metrics::Level::auth_waiting), 2);
    workers.run();
    shard.settle();
    EXPECT_EQ(one, LoginResult::right);
    EXPECT_EQ(two, LoginResult::right);
    EXPECT_EQ(three, LoginResult::wrong);
    EXPECT_EQ(sheet.value(metrics::Level::auth_waiting), 0);
}

TEST_F(LoginsTest, OnlySoManyWait) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(start("user" + std::to_string(i), "x"), std::nullopt);
    EXPECT_EQ(start("user3", "x"), LoginResult::busy);
    workers.run();
    shard.settle();
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
}

TEST_F(LoginsTest, FailuresBlock) {
    const LoginOrigin here{*IpAddress::parse("192.0.2.1"), false};
    EXPECT_EQ(check("jack", "water", here), LoginResult::right);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(check("guess" + std::to_string(i), "x", here), LoginResult::wrong);
    const auto worked = workers.worked;
    EXPECT_EQ(check("guess", "x", here), LoginResult::blocked);
    EXPECT_EQ(check("jack", "wine", here), LoginResult::blocked);
    EXPECT_EQ(workers.worked, worked);
    EXPECT_EQ(check("jack", "water", here), LoginResult::right);  // as it did a moment ago
    shard.advance(31s);
    EXPECT_EQ(check("jack", "wine", here), LoginResult::wrong);
}

// The cache must not tell a guesser, whom nobody counts any more, which password is right.
TEST_F(LoginsTest, TheCacheAnswersNoGuesses) {
    const LoginOrigin here{*IpAddress::parse("192.0.2.1"), false},
        there{*IpAddress::parse("192.0.2.2"), false}, away{*IpAddress::parse("192.0.2.3"), false};
    EXPECT_EQ(check("jack", "water", there), LoginResult::right);
    EXPECT_EQ(start("jack", "water", away), LoginResult::right);  // known, so not hashed again
    EXPECT_EQ(workers.worked, 1u);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(check("jack", "wine" + std::to_string(i), here), LoginResult::wrong);
    EXPECT_EQ(check("jack", "water", here), LoginResult::blocked);
    EXPECT_EQ(start("jack", "water", there), LoginResult::right);
    EXPECT_EQ(start("jack", "water", away), LoginResult::right);
}

// The limit holds for those that wait together, too: who guesses many at a time learns no more than who guesses one by one.
TEST_F(LoginsTest, WhatOthersUseUpMeanwhileIsGone) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(check("jack", "wine" + std::to_string(i)), LoginResult::wrong);
    auto& last = start("jack", "beer");
    auto& above = start("jack", "milk");
    auto& right = start("jack", "water");
    workers.run();
    shard.settle();
    EXPECT_EQ(last, LoginResult::wrong);
    EXPECT_EQ(above, LoginResult::blocked);
    EXPECT_EQ(right, LoginResult::blocked);
    shard.advance(31s);
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
}

TEST_F(LoginsTest, ShardsShareWhatTheyKnow) {
    EXPECT_EQ(check("jack", "water"), LoginResult::right);
    std::optional<LoginResult> result;
    gate.hold(elsewhere(accounts, "water", LoginOrigin(), result));
    shard.settle();
    EXPECT_EQ(result, std::nullopt);  // a worker looks it up
    workers.run();
    shard.settle();
    EXPECT_EQ(result, LoginResult::right);
}

TEST_F(LoginsTest, WhoIsBlockedIsStillKnownOnEveryShard) {
    const LoginOrigin here{*IpAddress::parse("192.0.2.1"), false};
    EXPECT_EQ(others.proven(*accounts, "jack", true, here), LoginResult::right);
    EXPECT_EQ(check("jack", "water", here), LoginResult::right);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(check("guess" + std::to_string(i), "x", here), LoginResult::wrong);
    EXPECT_EQ(logins.proven(*accounts, "jack", true, here), LoginResult::right);
    EXPECT_EQ(logins.proven(*accounts, "jack", false, here), LoginResult::blocked);
    EXPECT_EQ(logins.proven(*accounts, "jill", true, here), LoginResult::blocked);
    std::optional<LoginResult> result;
    gate.hold(elsewhere(accounts, "water", here, result));
    shard.settle();
    EXPECT_EQ(result, LoginResult::right);
    gate.hold(elsewhere(accounts, "wine", here, result));
    shard.settle();
    EXPECT_EQ(result, LoginResult::blocked);
}

TEST_F(LoginsTest, ScramIsHeldToTheSameLimits) {
    const LoginOrigin here{*IpAddress::parse("192.0.2.1"), false},
        there{*IpAddress::parse("192.0.2.2"), false};
    EXPECT_EQ(logins.proven(*accounts, "jack", true, there), LoginResult::right);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(logins.proven(*accounts, "jack", false, here), LoginResult::wrong);
    EXPECT_FALSE(logins.is_heard(*accounts, "jack", here));
    EXPECT_TRUE(logins.is_heard(*accounts, "jack", there));
    EXPECT_EQ(logins.proven(*accounts, "jack", true, here), LoginResult::blocked);
    EXPECT_EQ(logins.proven(*accounts, "jack", true, there), LoginResult::right);
    EXPECT_EQ(check("jack", "water", here), LoginResult::blocked);
}

// Somebody at the address of a program that works, which is heard although the address is blocked.
TEST_F(LoginsTest, AWrongProofIsNotHeardForAnEarlierSuccess) {
    const LoginOrigin here{*IpAddress::parse("192.0.2.1"), false};
    EXPECT_EQ(logins.proven(*accounts, "jack", true, here), LoginResult::right);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(check("guess" + std::to_string(i), "x", here), LoginResult::wrong);
    EXPECT_TRUE(logins.is_heard(*accounts, "jack", here));
    EXPECT_EQ(logins.proven(*accounts, "jack", false, here), LoginResult::blocked);
    EXPECT_FALSE(logins.is_heard(*accounts, "jack", here));
    EXPECT_FALSE(others.is_heard(*accounts, "jack", here));
    shard.advance(31s);
    EXPECT_TRUE(logins.is_heard(*accounts, "jack", here));
}

}  // namespace
}  // namespace angarium::accounts

// The cache: lifetimes, coalescing, limits, dead servers. Time is the test's own.
#include "dns/cache.hpp"

#include <gtest/gtest.h>

#include "tests/unit/dns/fakes.hpp"

namespace angarium::dns {
namespace {

using test::Running;

class CacheTest : public testing::Test {
  protected:
    ~CacheTest() override {
        Running<bool> stopped(stop());
        shard_.pass(lookup_.delay + 1ms);  // a delayed answer of the fake cannot be called off
        EXPECT_TRUE(stopped.done());
    }
    Cache& cache() {
        if (!cache_) cache_ = std::make_unique<Cache>(shard_, lookup_, metrics_, options_);
        return *cache_;
    }
    runtime::Task<KeptAnswer> get(std::string name, RecordType type) {
        auto asking = cache().get(name, type);
        co_return co_await asking;
    }
    KeptAnswer now(std::string name, RecordType type) {
        Running<KeptAnswer> running(get(std::move(name), type));
        shard_.run();
        EXPECT_TRUE(running.done());
        return *running;
    }
    runtime::Task<bool> stop() {
        auto stopping = cache().stop();
        co_await stopping;
        co_return true;
    }
    std::uint64_t count(metrics::Count id) const { return metrics_.value(id); }

    test::ManualClock clock_;
    test::TestShard shard_{clock_};
    test::FakeLookup lookup_{shard_};
    metrics::Sheet metrics_;
    CacheOptions options_;
    std::unique_ptr<Cache> cache_;
};

TEST_F(CacheTest, KeepsAnAnswerForItsTtlAndNoLonger) {
    lookup_.a("h.example", {"192.0.2.1"}, 60s);
    EXPECT_EQ(now("h.example", RecordType::a)->answer.addresses.size(), 1u);
    shard_.pass(59s, 1s);
    now("h.example", RecordType::a);
    EXPECT_EQ(lookup_.asked.size(), 1u);
    shard_.pass(1s);
    now("h.example", RecordType::a);
    EXPECT_EQ(lookup_.asked.size(), 2u);
    EXPECT_EQ(count(metrics::Count::dns_hits_a), 1u);
    EXPECT_EQ(count(metrics::Count::dns_queries_a), 2u);
}

TEST_F(CacheTest, TypesAndNamesAreSeparate) {
    lookup_.a("h.example", {"192.0.2.1"});
    lookup_.mx("h.example", {{1, "m.example"}});
    EXPECT_EQ(now("h.example", RecordType::a)->answer.addresses.size(), 1u);
    EXPECT_EQ(now("h.example", RecordType::mx)->answer.exchangers.size(), 1u);
    EXPECT_EQ(now("h.example", RecordType::aaaa)->answer.failure, Failure::no_data);
    EXPECT_EQ(now("x.example", RecordType::a)->answer.failure, Failure::no_such_domain);
    EXPECT_EQ(cache().entries(), 4u);
}

TEST_F(CacheTest, ClampsLifetimes) {
    lookup_.a("short.example", {"192.0.2.1"}, 0s);
    lookup_.a("long.example", {"192.0.2.1"}, std::chrono::hours(1000));
    EXPECT_EQ(now("short.example", RecordType::a)->expires - shard_.now(), options_.least_ttl);
    EXPECT_EQ(now("long.example", RecordType::a)->expires - shard_.now(), options_.most_ttl);
    lookup_.negative_ttl = std::chrono::hours(5);
    EXPECT_EQ(now("gone.example", RecordType::a)->expires - shard_.now(), options_.most_negative);
    lookup_.negative_ttl = 90s;
    EXPECT_EQ(now("gone2.example", RecordType::a)->expires - shard_.now(), Duration(90s));
    lookup_.set("bare.example", RecordType::a, Answer::failed(Failure::no_data));
    EXPECT_EQ(now("bare.example", RecordType::a)->expires - shard_.now(), options_.negative_without_soa);
}

TEST_F(CacheTest, FailuresAreKeptBriefly) {
    lookup_.fail("h.example", RecordType::a, Failure::server_failed);
    now("h.example", RecordType::a);
    now("h.example", RecordType::a);
    EXPECT_EQ(lookup_.asked.size(), 1u);
    EXPECT_EQ(count(metrics::Count::dns_failures_a), 1u);
    shard_.pass(options_.failure_ttl, 1s);
    lookup_.a("h.example", {"192.0.2.1"});
    EXPECT_EQ(now("h.example", RecordType::a)->answer.failure, Failure::none);
}

TEST_F(CacheTest, OneQuestionServesAllWhoAsk) {
    lookup_.a("h.example", {"192.0.2.1"});
    lookup_.hold = true;
    std::deque<Running<KeptAnswer>> askers;
    for (int i = 0; i < 100; ++i) askers.emplace_back(get("h.example", RecordType::a));
    shard_.run();
    EXPECT_EQ(lookup_.asked.size(), 1u);
    lookup_.release_all();
    shard_.run();
    for (const auto& asker : askers) {
        ASSERT_TRUE(asker.done());
        EXPECT_EQ((*asker)->answer.addresses.size(), 1u);
    }
    EXPECT_EQ(count(metrics::Count::dns_coalesced), 99u);
}

TEST_F(CacheTest, OpenQuestionsAreCappedAndTheRestWaitInOrder) {
    options_.open = 2;
    lookup_.hold = true;
    std::deque<Running<KeptAnswer>> askers;
    for (int i = 0; i < 6; ++i) askers.emplace_back(get("h" + std::to_string(i) + ".example", RecordType::a));
    shard_.run();
    EXPECT_EQ(cache().open(), 2u);
    EXPECT_EQ(cache().waiting(), 4u);
    for (int i = 0; i < 6; ++i) {
        lookup_.release_one();
        shard_.run();
    }
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(lookup_.asked[static_cast<std::size_t>(i)].name, "h" + std::to_string(i) + ".example");
    for (const auto& asker : askers) EXPECT_TRUE(asker.done());
    EXPECT_EQ(cache().open(), 0u);
}

TEST_F(CacheTest, BeyondTheWaitingLimitQuestionsFailAtOnceAndAreNotRemembered) {
    options_.open = 1;
    options_.waiting = 1;
    lookup_.hold = true;
    Running<KeptAnswer> first(get("a.example", RecordType::a)), second(get("b.example", RecordType::a));
    const auto third = now("c.example", RecordType::a);
    EXPECT_EQ(third->answer.failure, Failure::canceled);
    EXPECT_EQ(cache().entries(), 2u);
    lookup_.release_all();
    shard_.run();
    lookup_.release_all();
    shard_.run();
    EXPECT_TRUE(second.done());
}

TEST_F(CacheTest, StaysBoundedByEntries) {
    options_.entries = 50;
    for (int i = 0; i < 1000; ++i) now("h" + std::to_string(i) + ".example", RecordType::a);
    EXPECT_LE(cache().entries(), 50u);
    EXPECT_EQ(metrics_.value(metrics::Level::dns_entries), 50);
}

TEST_F(CacheTest, ManyWaitingQuestionsThatCompleteAtOnceDoNotRecurse) {
    options_.open = 1;
    lookup_.hold = true;
    std::deque<Running<KeptAnswer>> askers;
    for (int i = 0; i < 15'000; ++i)
        askers.emplace_back(get("h" + std::to_string(i) + ".example", RecordType::a));
    shard_.run();
    lookup_.hold = false;
    lookup_.release_all();
    shard_.run();
    for (const auto& asker : askers) ASSERT_TRUE(asker.done());
}

TEST_F(CacheTest, AsksOnWhereAnAliasLeavesTheServersZones) {
    Answer alias = Answer::failed(Failure::no_data);
    alias.canonical = "real.example";
    alias.ttl = 20s;
    lookup_.set("alias.example", RecordType::a, alias);
    lookup_.a("real.example", {"192.0.2.1"}, 300s);
    const auto kept = now("alias.example", RecordType::a);
    EXPECT_EQ(kept->answer.addresses.size(), 1u);
    EXPECT_EQ(kept->expires - shard_.now(), Duration(20s));
}

TEST_F(CacheTest, AliasesThatNeverEndAreGivenUp) {
    for (const auto* pair : {"ab", "ba"}) {
        Answer alias = Answer::failed(Failure::no_data);
        alias.canonical = std::string(1, pair[1]) + ".example";
        alias.ttl = 20s;
        lookup_.set(std::string(1, pair[0]) + ".example", RecordType::a, alias);
    }
    EXPECT_EQ(now("a.example", RecordType::a)->answer.failure, Failure::no_data);
    EXPECT_LE(lookup_.asked.size(), 20u);
}

class DeadServers : public CacheTest {
  protected:
    // Five silent questions, then the silent probe.
    void kill() {
        lookup_.everything_fails = Failure::timed_out;
        for (unsigned i = 0; i < options_.suspect_after; ++i)
            now("k" + std::to_string(i) + ".example", RecordType::a);
        ASSERT_EQ(cache().servers(), Breaker::State::dead);
        ASSERT_EQ(lookup_.times_asked("", RecordType::ns), 1u);
        ASSERT_EQ(metrics_.value(metrics::Level::dns_servers_dead), 1);
    }
};

TEST_F(DeadServers, ExpiredAnswersServeAndOthersFailAtOnce) {
    lookup_.a("h.example", {"192.0.2.1"}, 60s);
    now("h.example", RecordType::a);
    shard_.pass(61s, 1s);
    kill();
    const auto asked = lookup_.asked.size();
    const auto stale = now("h.example", RecordType::a);
    EXPECT_TRUE(stale->stale);
    EXPECT_EQ(stale->answer.addresses.size(), 1u);
    EXPECT_EQ(now("new.example", RecordType::a)->answer.failure, Failure::timed_out);
    EXPECT_EQ(lookup_.asked.size(), asked);
    EXPECT_GE(count(metrics::Count::dns_stale), 1u);
}

TEST_F(DeadServers, NothingIsServedPastItsStaleTime) {
    options_.stale_for = 10min;
    lookup_.a("h.example", {"192.0.2.1"}, 60s);
    now("h.example", RecordType::a);
    kill();
    shard_.pass(5min, 1s);
    EXPECT_TRUE(now("h.example", RecordType::a)->stale);
    shard_.pass(6min + 1s, 1s);
    EXPECT_EQ(now("h.example", RecordType::a)->answer.failure, Failure::timed_out);
}

TEST_F(DeadServers, ANameThatDidNotExistIsNotServedStale) {
    now("gone.example", RecordType::a);
    shard_.pass(61s, 1s);
    kill();
    EXPECT_EQ(now("gone.example", RecordType::a)->answer.failure, Failure::timed_out);
}

TEST_F(DeadServers, AProbeFindsThemAliveAgain) {
    kill();
    shard_.pass(10 * options_.probe_every);
    EXPECT_NEAR(static_cast<double>(lookup_.times_asked("", RecordType::ns)), 11, 1);
    lookup_.everything_fails = Failure::refused;  // any reply will do
    shard_.pass(options_.probe_every + 100ms);
    EXPECT_EQ(cache().servers(), Breaker::State::trusted);
    EXPECT_EQ(metrics_.value(metrics::Level::dns_servers_dead), 0);
    lookup_.everything_fails.reset();
    lookup_.a("new.example", {"192.0.2.1"});
    EXPECT_EQ(now("new.example", RecordType::a)->answer.failure, Failure::none);
    const auto probes = lookup_.times_asked("", RecordType::ns);
    shard_.pass(1min, 1s);
    EXPECT_EQ(lookup_.times_asked("", RecordType::ns), probes);
}

TEST_F(DeadServers, BlackHolesAloneDoNotCondemnThem) {
    lookup_.set("", RecordType::ns, Answer::failed(Failure::refused));
    for (int i = 0; i < 100; ++i) {
        lookup_.fail("hole" + std::to_string(i) + ".example", RecordType::a, Failure::timed_out);
        now("hole" + std::to_string(i) + ".example", RecordType::a);
        ASSERT_NE(cache().servers(), Breaker::State::dead);
    }
}

TEST_F(DeadServers, WhatWaitsFailsWhenTheyAreFoundDead) {
    options_.open = 5;
    lookup_.everything_fails = Failure::timed_out;
    lookup_.delay = 5s;
    std::deque<Running<KeptAnswer>> askers;
    for (int i = 0; i < 500; ++i)
        askers.emplace_back(get("h" + std::to_string(i) + ".example", RecordType::a));
    shard_.pass(16s);
    for (const auto& asker : askers) ASSERT_TRUE(asker.done());
    EXPECT_LT(lookup_.asked.size(), 20u);
}

TEST_F(DeadServers, AFailedRefreshServesTheOldAnswer) {
    lookup_.a("h.example", {"192.0.2.1"}, 60s);
    now("h.example", RecordType::a);
    shard_.pass(61s, 1s);
    lookup_.everything_fails = Failure::unreachable;
    const auto kept = now("h.example", RecordType::a);
    EXPECT_TRUE(kept->stale);
    EXPECT_EQ(kept->answer.addresses.size(), 1u);
    lookup_.everything_fails.reset();
    shard_.pass(options_.failure_ttl, 1s);
    EXPECT_FALSE(now("h.example", RecordType::a)->stale);
}

TEST_F(CacheTest, StoppingGivesUpEverything) {
    options_.open = 1;
    lookup_.hold = true;
    Running<KeptAnswer> open(get("a.example", RecordType::a)), waiting(get("b.example", RecordType::a));
    shard_.run();
    Running<bool> stopped(stop());
    shard_.run();
    ASSERT_TRUE(stopped.done() && open.done() && waiting.done());
    EXPECT_EQ((*open)->answer.failure, Failure::canceled);
    EXPECT_EQ((*waiting)->answer.failure, Failure::canceled);
    EXPECT_EQ(now("c.example", RecordType::a)->answer.failure, Failure::canceled);
}

}  // namespace
}  // namespace angarium::dns

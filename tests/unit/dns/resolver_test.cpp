// From a domain to its exchangers, over the cache, with a table for a zone.
#include "dns/resolver.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "tests/unit/dns/fakes.hpp"

namespace angarium::dns {
namespace {

using test::Running;

class ResolverTest : public testing::Test {
  protected:
    ~ResolverTest() override {
        Running<bool> stopped(stop());
        shard_.run();
        EXPECT_TRUE(stopped.done());
    }
    Resolver& resolver() {
        if (!resolver_) resolver_ = std::make_unique<Resolver>(shard_, lookup_, metrics_, options_);
        return *resolver_;
    }
    Resolver::Route route(std::string domain) {
        Running<Resolver::Route> running(resolver().exchangers(std::move(domain)));
        shard_.run();
        EXPECT_TRUE(running.done());
        return *running;
    }
    Resolver::Addresses addresses(std::string host) {
        Running<Resolver::Addresses> running(resolver().addresses(std::move(host)));
        shard_.run();
        EXPECT_TRUE(running.done());
        return *running;
    }
    static std::string status(const Trouble& trouble) {
        return std::to_string(trouble.status_class) + "." + std::to_string(trouble.subject) + "." +
               std::to_string(trouble.detail);
    }
    runtime::Task<bool> stop() {
        auto stopping = resolver().stop();
        co_await stopping;
        co_return true;
    }

    test::ManualClock clock_;
    test::TestShard shard_{clock_};
    test::FakeLookup lookup_{shard_};
    metrics::Sheet metrics_;
    Options options_;
    std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, ExchangersInOrderOfPreferenceWithAllTheirAddresses) {
    lookup_.mx("town.example", {{20, "mx2.example"}, {10, "mx1.example"}});
    lookup_.a("mx1.example", {"192.0.2.1"});
    lookup_.aaaa("mx1.example", {"2001:db8::1"});
    lookup_.a("mx2.example", {"192.0.2.2"});
    const auto found = route("Town.Example.");
    ASSERT_TRUE(found);
    ASSERT_EQ(found->hosts.size(), 2u);
    EXPECT_EQ(found->hosts[0].host, "mx1.example");
    EXPECT_EQ(found->hosts[0].addresses.size(), 2u);
    EXPECT_EQ(found->hosts[1].host, "mx2.example");
    EXPECT_EQ(found->site, "mx1.example,mx2.example");
}

TEST_F(ResolverTest, AsksAllAddressesAtOnce) {
    lookup_.mx("town.example", {{10, "mx1.example"}, {20, "mx2.example"}, {30, "mx3.example"}});
    lookup_.delay = 1s;
    Running<Resolver::Route> running(resolver().exchangers("town.example"));
    shard_.pass(2100ms);
    EXPECT_TRUE(running.done());
    EXPECT_EQ(lookup_.asked.size(), 7u);
}

TEST_F(ResolverTest, AWarmAnswerCompletesWithoutSuspending) {
    lookup_.mx("town.example", {{10, "mx.example"}});
    lookup_.a("mx.example", {"192.0.2.1"});
    route("town.example");
    auto task = resolver().exchangers("town.example");
    EXPECT_TRUE(task.done());
    EXPECT_EQ(lookup_.asked.size(), 3u);
    EXPECT_EQ(metrics_.value(metrics::Count::dns_hits_mx), 1u);
}

TEST_F(ResolverTest, ARouteLastsUntilTheFirstOfItsAnswersExpires) {
    lookup_.mx("town.example", {{10, "mx.example"}}, 300s);
    lookup_.a("mx.example", {"192.0.2.1"}, 30s);
    route("town.example");
    lookup_.a("mx.example", {"192.0.2.2"}, 30s);
    shard_.pass(29s, 1s);
    EXPECT_EQ(route("town.example")->hosts[0].addresses[0].text(), "192.0.2.1");
    shard_.pass(1s);
    EXPECT_EQ(route("town.example")->hosts[0].addresses[0].text(), "192.0.2.2");
    EXPECT_EQ(lookup_.times_asked("town.example", RecordType::mx), 1u);
    EXPECT_EQ(lookup_.times_asked("mx.example", RecordType::aaaa), 1u);
}

TEST_F(ResolverTest, AnAddressThatTimesOutDoesNotHoldUpTheOthersTimeAndAgain) {
    lookup_.mx("town.example", {{10, "mx.example"}}, 300s);
    lookup_.a("mx.example", {"192.0.2.1"}, 300s);
    lookup_.fail("mx.example", RecordType::aaaa, Failure::timed_out);
    EXPECT_EQ(route("town.example")->hosts[0].addresses.size(), 1u);
    shard_.pass(59s, 1s);
    EXPECT_EQ(route("town.example")->hosts[0].addresses.size(), 1u);
    EXPECT_EQ(lookup_.times_asked("mx.example", RecordType::aaaa), 1u);
    lookup_.aaaa("mx.example", {"2001:db8::1"});
    shard_.pass(1s);
    EXPECT_EQ(route("town.example")->hosts[0].addresses.size(), 2u);
}

TEST_F(ResolverTest, EqualPreferencesComeInRandomOrder) {
    lookup_.mx("town.example", {{10, "a.example"}, {10, "b.example"}, {10, "c.example"}, {20, "z.example"}});
    for (const auto* host : {"a.example", "b.example", "c.example", "z.example"})
        lookup_.a(host, {"192.0.2.1"});
    std::set<std::string> firsts;
    std::set<std::string> sites;
    for (int i = 0; i < 100; ++i) {
        const auto found = route("town.example").value();
        firsts.insert(found.hosts[0].host);
        sites.insert(found.site);
        ASSERT_EQ(found.hosts[3].host, "z.example");
    }
    EXPECT_EQ(firsts.size(), 3u);
    EXPECT_EQ(sites.size(), 1u);
}

TEST_F(ResolverTest, ImplicitMx) {
    lookup_.a("plain.example", {"192.0.2.7"});
    const auto found = route("plain.example").value();
    ASSERT_EQ(found.hosts.size(), 1u);
    EXPECT_EQ(found.hosts[0].host, "plain.example");
    EXPECT_EQ(found.site, "plain.example");
}

TEST_F(ResolverTest, PermanentTroubles) {
    lookup_.mx("null.example", {{0, ""}});
    EXPECT_EQ(status(route("null.example").error()), "5.1.10");
    EXPECT_EQ(status(route("gone.example").error()), "5.1.2");
    lookup_.set("empty.example", RecordType::txt, {});
    EXPECT_EQ(status(route("empty.example").error()), "5.1.2");
    lookup_.mx("dangling.example", {{10, "nowhere.example"}});
    EXPECT_EQ(status(route("dangling.example").error()), "5.4.4");
    lookup_.mx("inward.example", {{10, "local.example"}});
    lookup_.a("local.example", {"127.0.0.1"});
    EXPECT_EQ(status(route("inward.example").error()), "5.4.4");
    EXPECT_EQ(status(route("not a name").error()), "5.1.2");
    EXPECT_EQ(status(route("").error()), "5.1.2");
}

TEST_F(ResolverTest, TroubleIsRememberedLikeARoute) {
    lookup_.mx("null.example", {{0, ""}});
    route("null.example");
    EXPECT_EQ(status(route("null.example").error()), "5.1.10");
    EXPECT_EQ(lookup_.asked.size(), 1u);
}

TEST_F(ResolverTest, TemporaryTroubles) {
    lookup_.fail("sick.example", RecordType::mx, Failure::server_failed);
    EXPECT_EQ(status(route("sick.example").error()), "4.4.3");
    EXPECT_EQ(route("sick.example").error().text, "looking up sick.example MX: the name server failed");
    lookup_.mx("half.example", {{10, "silent.example"}});
    lookup_.fail("silent.example", RecordType::a, Failure::timed_out);
    EXPECT_EQ(status(route("half.example").error()), "4.4.3");
}

TEST_F(ResolverTest, LoopGuardByNameAndByAddress) {
    options_.route.hostname = "Relay.Example";
    options_.route.own_endpoints = {Endpoint::parse("192.0.2.9:25").value()};
    lookup_.mx("backup.example", {{10, "best.example"}, {20, "relay.example"}, {30, "worse.example"}});
    for (const auto* host : {"best.example", "worse.example"}) lookup_.a(host, {"192.0.2.1"});
    EXPECT_EQ(route("backup.example")->hosts.size(), 1u);
    lookup_.mx("ours.example", {{10, "relay.example"}});
    EXPECT_EQ(status(route("ours.example").error()), "5.4.6");
    lookup_.mx("alias.example", {{10, "other-name.example"}});
    lookup_.a("other-name.example", {"192.0.2.9"});
    EXPECT_EQ(status(route("alias.example").error()), "5.4.6");
}

TEST_F(ResolverTest, AddressLiteralsNeedNoDns) {
    EXPECT_EQ(route("[192.0.2.1]")->hosts[0].addresses[0].text(), "192.0.2.1");
    EXPECT_EQ(route("[IPv6:2001:db8::1]")->hosts[0].host, "[IPv6:2001:db8::1]");
    EXPECT_EQ(route("[192.0.2.1]")->site, "[192.0.2.1]");
    EXPECT_EQ(status(route("[127.0.0.1]").error()), "5.4.4");
    EXPECT_EQ(status(route("[192.0.2]").error()), "5.1.2");
    EXPECT_TRUE(lookup_.asked.empty());
}

TEST_F(ResolverTest, OneFamilyOnlyAsksForOne) {
    options_.route.order = AddressOrder::v4_only;
    lookup_.mx("town.example", {{10, "mx.example"}});
    lookup_.a("mx.example", {"192.0.2.1"});
    lookup_.aaaa("mx.example", {"2001:db8::1"});
    EXPECT_EQ(route("town.example")->hosts[0].addresses.size(), 1u);
    EXPECT_EQ(lookup_.times_asked("mx.example", RecordType::aaaa), 0u);
}

TEST_F(ResolverTest, NothingPermanentFromAStaleAnswer) {
    lookup_.mx("null.example", {{0, ""}}, 60s);
    EXPECT_EQ(status(route("null.example").error()), "5.1.10");
    shard_.pass(61s, 1s);
    lookup_.everything_fails = Failure::timed_out;
    EXPECT_EQ(status(route("null.example").error()), "4.4.3");
}

TEST_F(ResolverTest, StaleRoutesKeepMailMoving) {
    lookup_.mx("town.example", {{10, "mx.example"}}, 60s);
    lookup_.a("mx.example", {"192.0.2.1"}, 60s);
    route("town.example");
    lookup_.everything_fails = Failure::unreachable;
    shard_.pass(10min, 1s);
    EXPECT_EQ(route("town.example")->hosts[0].addresses.size(), 1u);
}

TEST_F(ResolverTest, AddressesOfANamedHost) {
    lookup_.a("smart.example", {"127.0.0.1"});  // the operator said so: not prohibited
    EXPECT_EQ(addresses("smart.example")->front().text(), "127.0.0.1");
    EXPECT_EQ(addresses("192.0.2.1")->front().text(), "192.0.2.1");
    EXPECT_EQ(addresses("2001:db8::1")->front().text(), "2001:db8::1");
    EXPECT_EQ(status(addresses("gone.example").error()), "5.4.4");
    lookup_.fail("sick.example", RecordType::a, Failure::server_failed);
    EXPECT_EQ(status(addresses("sick.example").error()), "4.4.3");
}

// Printed for the README; the bound is far above what any build needs and only catches a wrong order of growth.
// Neither the network nor a coroutine that waits. (How fast: bench/micro_dns.cpp.)
TEST_F(ResolverTest, AWarmAnswerAsksNobody) {
    constexpr int calls = 1000;
    for (const std::size_t exchangers : {1, 2, 5}) {
        const auto domain = "town" + std::to_string(exchangers) + ".example";
        std::vector<MxRecord> records;
        for (std::size_t i = 0; i < exchangers; ++i) {
            records.push_back({10, "aspmx" + std::to_string(i) + ".mail-provider.example"});
            lookup_.a(records.back().host, {"192.0.2.1"});
            lookup_.aaaa(records.back().host, {"2001:db8::1"});
        }
        lookup_.mx(domain, records);
        route(domain);
        const auto asked = lookup_.asked.size();
        for (int i = 0; i < calls; ++i) {
            auto task = resolver().exchangers(domain);
            auto result = task.operator co_await().await_resume();
            ASSERT_EQ(result->hosts.size(), exchangers);
        }
        EXPECT_EQ(lookup_.asked.size(), asked);
    }
}

TEST_F(ResolverTest, StoppingCompletesWhatIsUnderWay) {
    lookup_.hold = true;
    Running<Resolver::Route> running(resolver().exchangers("town.example"));
    shard_.run();
    Running<bool> stopped(stop());
    shard_.run();
    ASSERT_TRUE(stopped.done() && running.done());
    EXPECT_FALSE(running->error().permanent());
    EXPECT_EQ(status(route("later.example").error()), "4.4.3");
}

}  // namespace
}  // namespace angarium::dns

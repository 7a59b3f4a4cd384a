// The whole of outbound over a network of peers: reuse, limits, exchangers, backoff, draining.
#include "tests/unit/outbound/dispatch.hpp"

namespace angarium::outbound::test {
namespace {

using metrics::Count;
using metrics::Level;
using queue::Verdict;

TEST_F(Dispatch, DeliversByMxAndReusesTheConnection) {
    start();
    mx1();
    for (int i = 0; i < 20; ++i) {
        submit("jill@hill.com");
        network.settle();
    }
    EXPECT_EQ(outlet.delivered(), 20u);
    EXPECT_EQ(mx1().connections, 1u);
    EXPECT_EQ(mx1().messages.size(), 20u);
    EXPECT_EQ(names.asked, 5u) << "MX, and A and AAAA of two hosts; never again";
    EXPECT_EQ(metrics.value(Count::outbound_reused), 19u);
    EXPECT_EQ(metrics.value(Count::attempts), 20u);
    const auto& outcome = outlet.settled[0]->outcome;
    EXPECT_EQ(outcome.site, "mx1.hill.com,mx2.hill.com");
    EXPECT_EQ(outcome.host, "mx1.hill.com");
    EXPECT_EQ(outcome.peer, "192.0.2.1:25");
    EXPECT_GT(outcome.connect_us, 0u);
    EXPECT_EQ(outlet.settled[1]->outcome.connect_us, 0u);
    EXPECT_EQ(outlet.reached_times["hill.com"], 20u);
}

// A destination without mail is forgotten; with many domains most come anew for each message.
TEST_F(Dispatch, ADestinationThatComesAgainIsLedAtOnceWhileItsSiteIsUpToDate) {
    const auto led = [this] {
        const auto* state = static_cast<DestinationState*>(outlet.at("hill.com").carrier_state);
        return state != nullptr && state->site != nullptr;
    };
    start();
    mx1();
    submit("jill@hill.com");
    EXPECT_FALSE(led()) << "its exchangers are to be looked up";
    network.settle();
    outlet.forget("hill.com");
    submit("jill@hill.com");
    EXPECT_TRUE(led());
    network.settle();
    outlet.forget("hill.com");
    network.pass(6s);
    submit("jill@hill.com");
    EXPECT_FALSE(led()) << "the site's addresses may have changed";
    network.settle();
    EXPECT_EQ(outlet.delivered(), 3u);
    EXPECT_EQ(mx1().connections, 1u);
    EXPECT_EQ(names.asked, 5u) << "the answers still hold";
}

TEST_F(Dispatch, AnIdleConnectionClosesAfterItsTime) {
    start();
    submit("jill@hill.com");
    mx1();
    network.settle();
    EXPECT_EQ(dispatcher->idle_connections(), 1u);
    network.pass(9s);
    EXPECT_EQ(dispatcher->connections(), 1u);
    network.pass(2s);
    EXPECT_EQ(dispatcher->connections(), 0u);
    EXPECT_EQ(mx1().commands.back(), "QUIT");
    outlet.forget("hill.com");
    network.pass(10s);
    EXPECT_EQ(dispatcher->sites(), 0u);
}

TEST_F(Dispatch, StaleConnectionsCostNothing) {
    start();
    mx1();
    submit("jill@hill.com");
    network.settle();
    mx1().answer = at("mail", "CLOSE 421 4.4.2 too many messages");
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.put_backs, 1u);
    EXPECT_EQ(outlet.delivered(), 2u);
    EXPECT_EQ(outlet.deferred(), 0u);
    EXPECT_EQ(mx1().connections, 2u);
}

TEST_F(Dispatch, AMessageThatBreaksEveryConnectionIsDeferredInTheEnd) {
    start();
    mx1();
    submit("jill@hill.com");
    network.settle();
    mx1().answer = always("mail", "CLOSE");
    submit("jill@hill.com");
    network.settle();
    network.pass(2s);
    EXPECT_EQ(outlet.put_backs, 1u);
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(outlet.deferred() + outlet.failed.size(), 1u);
}

TEST_F(Dispatch, ConnectionsGrowWithSuccessUpToTheLimit) {
    options.site_start = 3;
    options.site_most = 7;
    start();
    mx1();
    submit("jill@hill.com", 2000);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 2000u);
    EXPECT_LE(mx1().most_open, 7u);
    EXPECT_GT(mx1().most_open, 3u);
    EXPECT_EQ(mx1().connections, mx1().most_open) << "none was opened twice";
}

TEST_F(Dispatch, AConnectionIsReplacedAfterItsShareOfDeliveries) {
    options.deliveries_per_connection = 10;
    options.site_most = options.site_start = 1;
    start();
    mx1();
    submit("jill@hill.com", 35);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 35u);
    EXPECT_EQ(mx1().connections, 4u);
    EXPECT_LE(mx1().most_open, 2u) << "the peer hears of the close when the next one has begun";
}

TEST_F(Dispatch, DomainsOfOneSiteTakeTurns) {
    options.site_most = options.site_start = 1;
    names.set_mx("small.com", {{10, "mx1.hill.com"}, {20, "mx2.hill.com"}});
    start();
    mx1();
    submit("jill@hill.com", 100);
    submit("joe@small.com", 3);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 103u);
    EXPECT_EQ(mx1().most_open, 1u);
    std::size_t last = 0;
    for (std::size_t i = 0; i < outlet.settled.size(); ++i)
        if (outlet.settled[i]->facts.domain == "small.com") last = i;
    EXPECT_LT(last, 10u) << "the small one waited behind the large one";
}

TEST_F(Dispatch, SitesOnOneAddressShareIdleConnections) {
    names.set_mx("other.com", {{10, "mx.other.com"}});
    names.set_a("mx.other.com", {"192.0.2.1"});
    start();
    mx1();
    submit("jill@hill.com");
    network.settle();
    submit("joe@other.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 2u);
    EXPECT_EQ(mx1().connections, 1u);
    EXPECT_EQ(dispatcher->connections(), 1u);
    EXPECT_EQ(outlet.settled[1]->outcome.site, "mx.other.com");
}

TEST_F(Dispatch, ADeadFirstExchangerIsSkipped) {
    network.black_holes.push_back(endpoint("192.0.2.1:25"));
    start();
    mx2();
    submit("jill@hill.com", 10);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 0u);
    network.pass(31s, 1s);
    EXPECT_EQ(outlet.delivered(), 10u);
    EXPECT_TRUE(outlet.failed.empty());
    EXPECT_EQ(attempts("192.0.2.1:25"), 1u);
    network.pass(15s, 1s);  // idle ones close
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 11u) << "the dead one is remembered";
    EXPECT_EQ(attempts("192.0.2.1:25"), 1u);
    network.pass(60s, 1s);
    network.black_holes.clear();
    mx1();
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(mx1().messages.size(), 1u) << "and forgotten after its rest";
}

TEST_F(Dispatch, AFirstExchangerThatGreetsBadlyIsSkipped) {
    for (const std::string word : {"554 5.7.1 no", "421 4.3.2 busy", "CLOSE", "nonsense"}) {
        mx1().answer = always("banner", word);
        mx2();
        if (!dispatcher) start();
        submit("jill@hill.com");
        network.settle();
        EXPECT_TRUE(outlet.failed.empty()) << word;
        network.pass(80s, 1s);
    }
    EXPECT_EQ(outlet.delivered(), 4u);
    EXPECT_EQ(mx2().messages.size(), 4u);
}

TEST_F(Dispatch, ADeliveryThatOneExchangerDefersGoesToTheNext) {
    for (const std::string what : {"mail", "rcpt", "data", "end"}) {
        mx1().answer = always(what, "451 4.3.0 not now");
        mx2();
        if (!dispatcher) start();
        const auto before = outlet.delivered();
        submit("jill@hill.com");
        network.settle();
        EXPECT_EQ(outlet.delivered(), before + 1) << what;
        EXPECT_EQ(outlet.settled.back()->outcome.host, "mx2.hill.com");
        const auto first = mx1().connections;
        submit("jill@hill.com", 5);
        network.settle();
        EXPECT_EQ(outlet.delivered(), before + 6) << what;
        EXPECT_EQ(mx1().connections, first) << "the first one rests";
        network.pass(80s, 1s);
    }
    EXPECT_EQ(outlet.settled.size(), 24u);
}

TEST_F(Dispatch, WhatBothExchangersDeferIsDeferredAndNotTriedTwiceForAWhile) {
    mx1().answer = always("rcpt", "450 4.2.0 greylisted");
    mx2().answer = always("rcpt", "450 4.2.0 greylisted");
    start();
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.deferred(), 1u);
    EXPECT_EQ(mx2().connections, 1u);
    submit("jill@hill.com", 5);
    network.settle();
    EXPECT_EQ(outlet.deferred(), 6u);
    EXPECT_EQ(mx2().connections, 1u);
    EXPECT_TRUE(outlet.failed.empty());
}

TEST_F(Dispatch, APartialDeferralStaysWhereItIs) {
    mx1().answer = [](std::string_view what, std::string_view line) {
        return what == "rcpt" && line.find("slow") != std::string_view::npos ? std::string("450 later") : "";
    };
    mx2();
    start();
    outlet.submit(delivery({"jill@hill.com", "slow@hill.com"}, "x\r\n", shard.random()));
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(outlet.deferred(), 1u);
    EXPECT_EQ(mx2().connections, 0u);
}

TEST_F(Dispatch, NoSecondExchangerAfterAnUnknownEnd) {
    mx1().answer = always("end", "CLOSE");
    mx2();
    start();
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.deferred(), 1u);
    EXPECT_EQ(mx2().connections, 0u);
}

TEST_F(Dispatch, NamesThatDoNotResolve) {
    names.set_mx("null.com", {{0, ""}});
    dns::Answer servfail = dns::Answer::failed(dns::Failure::server_failed);
    names.mx["ill.com"] = servfail;
    start();
    submit("a@null.com", 3);
    submit("a@nowhere.com");
    submit("a@ill.com");
    submit("a@[192.0.2.77]");
    network.settle();
    ASSERT_EQ(outlet.failed.size(), 4u);
    std::map<std::string, Failed> by_domain;
    for (const auto& failed : outlet.failed) by_domain.emplace(failed.domain, failed);
    EXPECT_EQ(by_domain.at("null.com").verdict, Verdict::failed);
    EXPECT_EQ(by_domain.at("null.com").reason.status.text(), "5.1.10");
    EXPECT_EQ(by_domain.at("nowhere.com").verdict, Verdict::failed);
    EXPECT_EQ(by_domain.at("nowhere.com").reason.status.text(), "5.1.2");
    EXPECT_EQ(by_domain.at("ill.com").verdict, Verdict::deferred);
    EXPECT_EQ(by_domain.at("ill.com").reason.status.text(), "4.4.3");
    EXPECT_EQ(by_domain.at("[192.0.2.77]").reason.status.text(), "4.4.1") << "the literal was tried";
    EXPECT_EQ(attempts("192.0.2.77:25"), 1u);
}

TEST_F(Dispatch, RoutesComeBeforeMx) {
    options.routes = {{{"hill.com"}, {{"10.0.0.1", 2526}, {"smart.host", 0}}},
                      {{"*.lost.com"}, {{"no.such", 0}}}};
    names.set_a("smart.host", {"10.0.0.2"});
    start();
    Behaviour& second = network.host("10.0.0.2:25");
    submit("jill@hill.com");
    submit("a@b.lost.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(second.messages.size(), 1u) << "the first one refuses connections";
    EXPECT_EQ(outlet.settled[0]->outcome.host, "smart.host");
    EXPECT_EQ(attempts("10.0.0.1:2526"), 1u);
    ASSERT_EQ(outlet.failed.size(), 1u);
    EXPECT_EQ(outlet.failed[0].verdict, Verdict::deferred) << "a route that does not resolve bounces nothing";
    EXPECT_EQ(mx1().connections, 0u);
}

// A route names the domain as DNS is asked for it; senders may write it in letters (RFC 6531).
TEST_F(Dispatch, RoutesKnowInternationalisedDomains) {
    options.routes = {{{"xn--bcher-kva.example"}, {{"10.0.0.1", 2526}}}};
    names.set_mx("xn--bcher-kva.example", {{10, "mx1.hill.com"}});
    start();
    Behaviour& internal = network.host("10.0.0.1:2526");
    submit("jill@b\u00fccher.example");
    network.settle();
    EXPECT_EQ(internal.messages.size(), 1u);
    EXPECT_EQ(attempts("192.0.2.1:25"), 0u);
}

TEST_F(Dispatch, AFullBudgetTakesIdleConnectionsBack) {
    options.connections = 2;
    for (const std::string domain : {"a.com", "b.com", "c.com"}) {
        names.set_mx(domain, {{10, "mx." + domain}});
        const std::string address = "10.2.0." + std::to_string(domain[0] - 'a' + 1);
        names.set_a("mx." + domain, {address});
        network.host(address + ":25");
    }
    start();
    submit("x@a.com");
    network.settle();
    submit("x@b.com");
    network.settle();
    EXPECT_EQ(dispatcher->idle_connections(), 2u);
    submit("x@c.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 3u);
    EXPECT_EQ(dispatcher->connections(), 2u);
}

TEST_F(Dispatch, WaitsWhileAttemptsMayNotStart) {
    outlet.attempts_allowed = false;
    mx1();
    start();
    submit("jill@hill.com", 3);
    network.pass(1s);
    EXPECT_EQ(outlet.delivered(), 0u);
    EXPECT_EQ(network.peers.size(), 0u);
    outlet.attempts_allowed = true;
    network.pass(200ms);
    EXPECT_EQ(outlet.delivered(), 3u);
}

TEST_F(Dispatch, BodiesThatAreNotInMemoryAreFetched) {
    mx1();
    start();
    outlet.submit(stored(delivery({"jill@hill.com"}, "", shard.random()), outlet, {"aaa\r\n", "bbb\r\n"}));
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(mx1().messages[0].body, "aaa\r\nbbb\r\n");
    auto lost = stored(delivery({"jill@hill.com"}, "", shard.random()), outlet, {"x"});
    outlet.parts.clear();
    outlet.submit(std::move(lost));
    network.settle();
    EXPECT_EQ(outlet.deferred(), 1u);
    EXPECT_EQ(outlet.settled.back()->outcome.reasons[0].status.text(), "4.3.0");
    EXPECT_EQ(dispatcher->idle_connections(), 1u) << "MAIL was never said; the connection lives";
}

TEST_F(Dispatch, AMessageOverTheServersSizeFailsWithoutBeingSent) {
    mx1().extensions = {"PIPELINING", "SIZE 10"};
    start();
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.bounced(), 1u);
    EXPECT_EQ(outlet.settled[0]->outcome.reasons[0].status.text(), "5.3.4");
}

TEST_F(Dispatch, ADestinationMayGoWhileItIsBeingResolved) {
    start();
    mx1();
    submit("jill@hill.com");
    outlet.forget("hill.com");
    network.settle();
    EXPECT_EQ(outlet.settled.size(), 0u);
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
}

TEST_F(Dispatch, DrainFinishesWhatIsUnderWay) {
    mx1().answer = [this](std::string_view what, std::string_view) {
        return what == "end" && mx1().messages.size() == 1 ? std::string("SILENCE") : "";
    };
    names.set_mx("one.com", {{10, "mx1.hill.com"}});
    options.site_most = options.site_start = 1;
    start();
    submit("joe@one.com", 10);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    auto draining = dispatcher->drain(shard.now() + 20s);
    network.pass(5s, 1s);
    EXPECT_FALSE(draining.done());
    network.pass(20s, 1s);
    ASSERT_TRUE(draining.done());
    drained = true;
    EXPECT_EQ(outlet.deferred(), 1u) << "the end of data was sent: unknown";
    EXPECT_EQ(outlet.at("one.com").waiting.size(), 8u);
    EXPECT_EQ(dispatcher->connections(), 0u);
}

TEST_F(Dispatch, DrainPutsBackWhatThePeerCannotHave) {
    mx1().answer = always("data", "SILENCE");
    names.set_mx("one.com", {{10, "mx1.hill.com"}});
    start();
    submit("joe@one.com");
    network.settle();
    drain(2s);
    EXPECT_EQ(outlet.put_backs, 1u);
    EXPECT_EQ(outlet.settled.size(), 0u);
    EXPECT_TRUE(outlet.failed.empty());
}

TEST_F(Dispatch, DrainSaysQuitOnIdleConnections) {
    mx1();
    start();
    submit("jill@hill.com");
    network.settle();
    drain(10s);
    EXPECT_EQ(mx1().commands.back(), "QUIT");
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u) << "nothing is taken any more";
}

}  // namespace
}  // namespace angarium::outbound::test

// Real name servers: routes over nsd, failures over unbound.
#include <map>

#include "tests/unit/dns/fake_server.hpp"
#include "tests/unit/dns/on_shard.hpp"
#include "tests/unit/dns/peers.hpp"

namespace angarium::dns {
namespace {

using runtime::Task;
using test::on_shard;
using test::Real;

std::string large_set() {
    std::string records;
    for (int i = 0; i < 60; ++i)
        records +=
            "large MX " + std::to_string(i) + " a-rather-long-name-of-exchanger-" + std::to_string(i) + "\n";
    return records;
}

std::vector<test::Zone> zones() {
    const std::string head = "$TTL 300\n@ SOA ns root 1 3600 600 86400 45\n@ NS ns\nns A 127.0.0.1\n";
    return {{"town.test",
             head +
                 "@ MX 20 mx2\n@ MX 10 mx1\n@ MX 10 mx1b\nmx1 A 127.0.0.2\nmx1 AAAA ::1\nmx1b A 127.0.0.3\n"
                 "mx2 A 127.0.0.4\nnull MX 0 .\nplain A 127.0.0.5\n"
                 "text TXT \"no mail here\"\nalias CNAME @\nfar CNAME hill.test.\n"
                 "dangling MX 10 nowhere\nviaalias MX 10 mxalias\nmxalias CNAME mx1\n"
                 "loop1 CNAME loop2\nloop2 CNAME loop1\n" +
                 large_set() + "a-rather-long-name-of-exchanger-0 A 127.0.0.6\n"},
            {"hill.test", head + "@ 120 MX 5 mail\nmail 60 A 127.0.0.9\n"}};
}

Options options_for(const Endpoint& server) {
    Options options;
    options.lookup.servers = {server};
    options.route.allow = {IpNetwork::parse("127.0.0.0/8").value(), IpNetwork::parse("::1").value()};
    return options;
}

Task<Resolver::Route> route(Real& real, std::string domain) {
    auto asking = real.resolver.exchangers(std::move(domain));
    co_return co_await asking;
}

std::string text(const Resolver::Route& route) {
    if (!route)
        return std::to_string(route.error().status_class) + "." + std::to_string(route.error().subject) +
               "." + std::to_string(route.error().detail);
    std::string all;
    for (const auto& host : route->hosts) {
        all += std::to_string(host.preference) + " " + host.host;
        for (const auto& address : host.addresses) all += " " + address.text();
        all += "; ";
    }
    return all;
}

Task<void> routes_over_nsd(Real& real) {
    const std::map<std::string, std::string> expected{
        {"null.town.test", "5.1.10"},
        {"gone.town.test", "5.1.2"},
        {"text.town.test", "5.1.2"},
        {"dangling.town.test", "5.4.4"},
        {"plain.town.test", "0 plain.town.test 127.0.0.5; "},
        {"viaalias.town.test", "10 mxalias.town.test 127.0.0.2 ::1; "},
        {"hill.test", "5 mail.hill.test 127.0.0.9; "},
        {"far.town.test", "5 mail.hill.test 127.0.0.9; "},
        {"HILL.test.", "5 mail.hill.test 127.0.0.9; "},
        {"elsewhere.example", "4.4.3"},  // refused: not this server's zone
        {"large.town.test", "0 a-rather-long-name-of-exchanger-0.town.test 127.0.0.6; "},
    };
    for (const auto& [domain, wanted] : expected) {
        auto asking = route(real, domain);
        const auto found = co_await asking;
        EXPECT_EQ(text(found), wanted) << domain << (found ? "" : ": " + found.error().text);
    }
    auto town = route(real, "town.test");
    const auto set = co_await town;
    EXPECT_EQ(set->hosts.size(), 3u);
    EXPECT_EQ(set->hosts[2].host, "mx2.town.test");
    EXPECT_EQ(set->site, "mx1.town.test,mx1b.town.test,mx2.town.test");
    auto alias = route(real, "alias.town.test");
    EXPECT_EQ((co_await alias)->site, set->site);
    auto loop = route(real, "loop1.town.test");
    EXPECT_FALSE((co_await loop).has_value());
}

TEST(Nsd, RoutesOfEveryKind) {
    test::Nsd nsd(zones());
    ASSERT_TRUE(nsd.running());
    on_shard(options_for(nsd.endpoint()), routes_over_nsd);
}

Task<void> lifetimes_over_nsd(Real& real) {
    auto mx = test::ask(real, "hill.test", RecordType::mx);
    EXPECT_EQ((co_await mx).ttl, std::chrono::seconds(120));
    auto gone = test::ask(real, "gone.town.test", RecordType::mx);
    const Answer negative = co_await gone;
    EXPECT_TRUE(negative.has_ttl);
    EXPECT_EQ(negative.ttl, std::chrono::seconds(45));
}

TEST(Nsd, LifetimesOfAnswers) {
    test::Nsd nsd(zones());
    ASSERT_TRUE(nsd.running());
    on_shard(options_for(nsd.endpoint()), lifetimes_over_nsd);
}

Task<void> resolver_over_unbound(Real& real) {
    auto good = route(real, "town.test");
    EXPECT_EQ((co_await good)->hosts.size(), 3u);
    auto far = route(real, "far.town.test");
    EXPECT_EQ(text(co_await far), "5 mail.hill.test 127.0.0.9; ");
    auto broken = test::ask(real, "broken.test", RecordType::mx);
    EXPECT_EQ((co_await broken).failure, Failure::server_failed);
    auto broken_route = route(real, "broken.test");
    const auto trouble = co_await broken_route;
    EXPECT_EQ(text(trouble), "4.4.3");
    auto refused = test::ask(real, "refused.test", RecordType::mx);
    EXPECT_EQ((co_await refused).failure, Failure::refused);
    auto gone = route(real, "gone.test");
    EXPECT_EQ(text(co_await gone), "5.1.2");
}

Task<void> silence_of_unbound(Real& real) {
    auto silent = test::ask(real, "silent.test", RecordType::mx);
    EXPECT_EQ((co_await silent).failure, Failure::timed_out);
}

TEST(Unbound, ARealResolverBetween) {
    test::Nsd nsd(zones());
    ASSERT_TRUE(nsd.running());
    const auto forward = [](const std::string& name, std::uint16_t port) {
        return "forward-zone:\n  name: \"" + name + "\"\n  forward-addr: 127.0.0.1@" + std::to_string(port) +
               "\n";
    };
    test::FakeServer broken([](const test::Query& query) {
        return std::vector<test::Octets>{query.reply(test::Message::reply | 5).octets()};
    });
    test::Unbound unbound(
        "  local-zone: \"test.\" nodefault\n  local-zone: \"silent.test.\" deny\n"
        "  local-zone: \"refused.test.\" refuse\n  local-zone: \"gone.test.\" always_nxdomain\n"
        "  local-zone: \".\" static\n  local-zone: \"town.test.\" transparent\n"
        "  local-zone: \"hill.test.\" transparent\n  local-zone: \"broken.test.\" transparent\n" +
        forward("town.test", nsd.endpoint().port) + forward("hill.test", nsd.endpoint().port) +
        forward("broken.test", broken.endpoint().port));
    ASSERT_TRUE(unbound.running());
    auto options = options_for(unbound.endpoint());
    options.lookup.timeout = 10s;
    on_shard(options, resolver_over_unbound);
    options.lookup.timeout = 200ms;
    on_shard(options, silence_of_unbound);
}

Task<void> survive_a_restart(Real& real) {
    auto& server = *static_cast<std::unique_ptr<test::FakeServer>*>(real.argument);
    auto first = real.resolver.addresses("host.example");
    EXPECT_TRUE((co_await first).has_value());
    server.reset();  // dead
    for (int i = 0; real.resolver.cache().servers() != Breaker::State::dead && i < 50; ++i) {
        auto asking = real.resolver.addresses("other" + std::to_string(i) + ".example");
        co_await asking;
    }
    EXPECT_EQ(real.resolver.cache().servers(), Breaker::State::dead);
    auto nap = real.shard.sleep(1100ms);
    co_await nap;
    auto stale = real.resolver.addresses("host.example");
    EXPECT_TRUE((co_await stale).has_value());
    EXPECT_GE(real.metrics.value(metrics::Count::dns_stale), 1u);
}

TEST(DeadServer, StaleAnswersServeOverRealSockets) {
    auto server = std::make_unique<test::FakeServer>([](const test::Query& query) {
        if (query.type() == RecordType::a) return std::vector<test::Octets>{query.address({192, 0, 2, 1}, 1)};
        return std::vector<test::Octets>{query.reply().octets()};
    });
    auto options = options_for(server->endpoint());
    options.lookup.timeout = 5s;  // nobody listens: that is told at once
    options.lookup.tries = 1;
    options.cache.least_ttl = 1s;
    options.cache.negative_without_soa = 1s;
    on_shard(options, survive_a_restart, &server);
}

}  // namespace
}  // namespace angarium::dns

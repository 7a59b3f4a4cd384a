// The rules from answers to exchangers (RFC 5321 section 5.1, RFC 7505).
#include "dns/mx.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace angarium::dns {
namespace {

Answer mx_answer(std::vector<MxRecord> records) {
    Answer answer;
    answer.exchangers = std::move(records);
    return answer;
}

Answer addresses(std::vector<std::string> texts) {
    Answer answer;
    for (const auto& text : texts) answer.addresses.push_back(IpAddress::parse(text).value());
    return answer;
}

HostAnswers host(std::string name, std::uint16_t preference, Answer a,
                 Answer aaaa = Answer::failed(Failure::no_data)) {
    return {{preference, std::move(name)}, std::move(a), std::move(aaaa)};
}

std::string status(const Trouble& trouble) {
    return std::to_string(trouble.status_class) + "." + std::to_string(trouble.subject) + "." +
           std::to_string(trouble.detail);
}

std::vector<std::string> names(const std::vector<MxRecord>& hosts) {
    std::vector<std::string> result;
    for (const auto& h : hosts) result.push_back(h.host);
    return result;
}
std::vector<std::string> names(const Exchangers& exchangers) {
    std::vector<std::string> result;
    for (const auto& h : exchangers.hosts) result.push_back(h.host);
    return result;
}
using Names = std::vector<std::string>;

TEST(Candidates, BestPreferenceFirstEachHostOnce) {
    const auto hosts = candidates(
        "town.example",
        mx_answer({{20, "b.example"}, {10, "a.example"}, {20, "c.example"}, {5, "b.example"}}), {});
    EXPECT_EQ(names(hosts.value()), (Names{"b.example", "a.example", "c.example"}));
    EXPECT_EQ(hosts.value()[0].preference, 5);
}

TEST(Candidates, NullMxIsPermanent) {
    const auto hosts = candidates("town.example", mx_answer({{0, ""}}), {});
    EXPECT_EQ(status(hosts.error()), "5.1.10");
    EXPECT_TRUE(hosts.error().permanent());
}

TEST(Candidates, ARootAmongRealExchangersIsIgnored) {
    EXPECT_EQ(names(candidates("town.example", mx_answer({{0, ""}, {10, "a.example"}}), {}).value()),
              Names{"a.example"});
    EXPECT_EQ(status(candidates("town.example", mx_answer({{0, ""}, {1, ""}}), {}).error()), "5.4.4");
}

TEST(Candidates, NoMxMeansTheDomainItself) {
    EXPECT_EQ(names(candidates("town.example", Answer::failed(Failure::no_data), {}).value()),
              Names{"town.example"});
}

TEST(Candidates, FailuresArePermanentOnlyWhenTheNameDoesNotExist) {
    const auto with = [](Failure failure) {
        return status(candidates("t.example", Answer::failed(failure), {}).error());
    };
    EXPECT_EQ(with(Failure::no_such_domain), "5.1.2");
    for (const auto failure : {Failure::server_failed, Failure::refused, Failure::timed_out,
                               Failure::malformed, Failure::unreachable, Failure::canceled})
        EXPECT_EQ(with(failure), "4.4.3");
}

TEST(Candidates, InvalidNamesAreDropped) {
    EXPECT_EQ(names(candidates("t.example", mx_answer({{1, "a\\046b"}, {2, "ok.example"}}), {}).value()),
              Names{"ok.example"});
    EXPECT_EQ(status(candidates("t.example", mx_answer({{1, "a\\046b"}}), {}).error()), "5.4.4");
}

TEST(Candidates, OurOwnNameCutsOffEqualAndWorsePreferences) {
    RouteOptions options;
    options.hostname = "relay.example";
    const auto mx =
        mx_answer({{10, "a.example"}, {20, "relay.example"}, {20, "b.example"}, {30, "c.example"}});
    EXPECT_EQ(names(candidates("t.example", mx, options).value()), Names{"a.example"});
    EXPECT_EQ(
        status(
            candidates("t.example", mx_answer({{10, "relay.example"}, {20, "b.example"}}), options).error()),
        "5.4.6");
    EXPECT_EQ(status(candidates("relay.example", Answer::failed(Failure::no_data), options).error()),
              "5.4.6");
}

TEST(Candidates, AtMostSoManyAreResolved) {
    std::vector<MxRecord> many;
    for (std::uint16_t i = 0; i < 50; ++i)
        many.push_back({static_cast<std::uint16_t>(50 - i), "mx" + std::to_string(i)});
    const auto hosts = candidates("t.example", mx_answer(many), {}).value();
    ASSERT_EQ(hosts.size(), RouteOptions{}.most_exchangers);
    EXPECT_EQ(hosts.front().host, "mx49");
}

TEST(Assemble, SiteIsTheSortedSetOfNames) {
    const auto route = assemble(
        "t.example",
        {host("b.example", 1, addresses({"192.0.2.2"})), host("a.example", 2, addresses({"192.0.2.1"}))}, {});
    EXPECT_EQ(names(route.value()), (Names{"b.example", "a.example"}));
    EXPECT_EQ(route->site, "a.example,b.example");
}

TEST(Assemble, AHostThatDoesNotResolveIsPassedOver) {
    const auto route = assemble(
        "t.example",
        {host("dead.example", 1, Answer::failed(Failure::timed_out), Answer::failed(Failure::timed_out)),
         host("a.example", 2, addresses({"192.0.2.1"}))},
        {});
    EXPECT_EQ(names(route.value()), Names{"a.example"});
    EXPECT_EQ(route->site, "a.example,dead.example");  // a passing failure does not rename the site
}

TEST(Assemble, OneFamilyIsEnough) {
    const auto route = assemble(
        "t.example",
        {host("a.example", 1, Answer::failed(Failure::server_failed), addresses({"2001:db8::1"}))}, {});
    EXPECT_EQ(route->hosts[0].addresses[0].text(), "2001:db8::1");
}

TEST(Assemble, NothingResolved) {
    const auto gone = Answer::failed(Failure::no_such_domain);
    const auto dead = Answer::failed(Failure::timed_out);
    EXPECT_EQ(status(assemble("t.example", {host("a.example", 1, gone, gone)}, {}).error()), "5.4.4");
    EXPECT_EQ(status(assemble("t.example", {host("t.example", 0, gone, gone)}, {}).error()), "5.1.2");
    const auto mixed =
        assemble("t.example", {host("a.example", 1, gone, gone), host("b.example", 2, dead)}, {});
    EXPECT_EQ(status(mixed.error()), "4.4.3");
    EXPECT_EQ(mixed.error().text, "looking up b.example A: the name servers did not answer in time");
}

TEST(Assemble, ProhibitedAddressesAreDroppedUnlessAllowed) {
    const auto route = [](RouteOptions options) {
        return assemble("t.example",
                        {host("a.example", 1, addresses({"127.0.0.1", "192.0.2.1"}), addresses({"::1"}))},
                        options);
    };
    EXPECT_EQ(route({})->hosts[0].addresses.size(), 1u);
    RouteOptions test_network;
    test_network.allow = {IpNetwork::parse("127.0.0.0/8").value()};
    EXPECT_EQ(route(test_network)->hosts[0].addresses.size(), 2u);
    const auto none = assemble(
        "t.example", {host("a.example", 1, addresses({"127.0.0.1"}), addresses({"::ffff:127.0.0.1"}))}, {});
    EXPECT_EQ(status(none.error()), "5.4.4");
    EXPECT_NE(none.error().text.find("prohibited"), std::string::npos);
}

TEST(Assemble, OurOwnAddressCutsOffEqualAndWorsePreferences) {
    RouteOptions options;
    options.own_endpoints = {Endpoint::parse("192.0.2.9:25").value()};
    const std::vector<HostAnswers> hosts{
        host("a.example", 10, addresses({"192.0.2.1"})), host("b.example", 20, addresses({"192.0.2.2"})),
        host("us.example", 20, addresses({"192.0.2.9"})), host("c.example", 30, addresses({"192.0.2.3"}))};
    EXPECT_EQ(names(assemble("t.example", hosts, options).value()), Names{"a.example"});
    EXPECT_EQ(status(assemble("t.example", {hosts[2], hosts[3]}, options).error()), "5.4.6");
    EXPECT_EQ(
        status(
            assemble("t.example", {host("us.example", 1, addresses({"::ffff:192.0.2.9"}))}, options).error()),
        "5.4.6");
    options.port = 2526;  // exchangers listen elsewhere than we do: no loop
    EXPECT_EQ(assemble("t.example", hosts, options)->hosts.size(), 4u);
}

TEST(Assemble, ABetterExchangerThatMayStillResolveMakesALoopTemporary) {
    RouteOptions options;
    options.own_endpoints = {Endpoint::parse("192.0.2.9:25").value()};
    const auto route = assemble("t.example",
                                {host("a.example", 10, Answer::failed(Failure::timed_out)),
                                 host("us.example", 20, addresses({"192.0.2.9"}))},
                                options);
    EXPECT_EQ(status(route.error()), "4.4.3");
}

TEST(AddressOrder, FollowsTheConfiguration) {
    const auto a = addresses({"192.0.2.1", "192.0.2.2", "192.0.2.1"});
    const auto aaaa = addresses({"2001:db8::1"});
    const auto texts = [&](AddressOrder order) {
        std::string all;
        for (const auto& address : in_order(a, aaaa, order)) all += address.text() + " ";
        return all;
    };
    EXPECT_EQ(texts(AddressOrder::alternating), "192.0.2.1 2001:db8::1 192.0.2.2 ");
    EXPECT_EQ(texts(AddressOrder::v4_first), "192.0.2.1 192.0.2.2 2001:db8::1 ");
    EXPECT_EQ(texts(AddressOrder::v6_first), "2001:db8::1 192.0.2.1 192.0.2.2 ");
    EXPECT_EQ(texts(AddressOrder::v4_only), "192.0.2.1 192.0.2.2 ");
    EXPECT_EQ(texts(AddressOrder::v6_only), "2001:db8::1 ");
}

TEST(Shuffle, EveryOrderInsideAPreferenceAndNoneAcross) {
    Random random(7);
    std::map<std::string, int> orders;
    for (int i = 0; i < 6000; ++i) {
        std::vector<Exchanger> hosts{{"a", 1, {}}, {"b", 2, {}}, {"c", 2, {}}, {"d", 2, {}}, {"e", 3, {}}};
        shuffle_equals(hosts, random);
        std::string order;
        for (const auto& h : hosts) order += h.host;
        ++orders[order];
    }
    EXPECT_EQ(orders.size(), 6u);
    for (const auto& [order, times] : orders) {
        EXPECT_EQ(order.front(), 'a');
        EXPECT_EQ(order.back(), 'e');
        EXPECT_NEAR(times, 1000, 150) << order;
    }
}

}  // namespace
}  // namespace angarium::dns

#include "bench/dns_answer.hpp"

#include <gtest/gtest.h>

#include "dns/message.hpp"
#include "engine/base/random.hpp"

namespace angarium::bench {
namespace {

using Octets = std::vector<std::uint8_t>;

Zone zone() {
    return {Domains(100, "example.test"),
            3,
            {*IpAddress::parse("127.0.0.2"), *IpAddress::parse("127.0.0.3")},
            60};
}

// As a server does it, without any script.
void answer_dns(const Zone& of, const Octets& octets, Octets& response, Outcome outcome = Outcome::normal) {
    bench::answer_dns(of, octets, read_dns_query(octets), outcome, response);
}

Octets query(std::string_view name, unsigned type, bool opt = true) {
    Octets out{0xAB, 0xCD, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(opt)};
    while (!name.empty()) {
        const auto label = name.substr(0, name.find('.'));
        out.push_back(static_cast<std::uint8_t>(label.size()));
        out.insert(out.end(), label.begin(), label.end());
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    for (const unsigned octet : {0u, type >> 8, type & 255, 0u, 1u})
        out.push_back(static_cast<std::uint8_t>(octet));
    if (opt) out.insert(out.end(), {0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0});
    return out;
}

// What our resolver reads in the response.
dns::Answer ask(std::string name, dns::RecordType type) {
    Octets response;
    answer_dns(zone(), query(name, static_cast<unsigned>(type)), response);
    EXPECT_LE(response.size(), most_response);
    return dns::parse_reply(response, {std::move(name), type});
}

TEST(DnsAnswer, GivesEachDomainItsExchanger) {
    const auto answer = ask("d004.example.test", dns::RecordType::mx);
    EXPECT_EQ(answer.failure, dns::Failure::none);
    ASSERT_EQ(answer.exchangers.size(), 1u);
    EXPECT_EQ(answer.exchangers[0].host, "mx1.example.test");
    EXPECT_EQ(answer.exchangers[0].preference, 10);
    EXPECT_EQ(answer.ttl.count(), 60);
}

TEST(DnsAnswer, GivesExchangersTheirAddresses) {
    const auto answer = ask("mx1.example.test", dns::RecordType::a);
    ASSERT_EQ(answer.addresses.size(), 1u);
    EXPECT_EQ(answer.addresses[0].text(), "127.0.0.3");
    EXPECT_EQ(ask("mx2.example.test", dns::RecordType::a).addresses.at(0).text(), "127.0.0.2");
    EXPECT_EQ(ask("mx1.example.test", dns::RecordType::aaaa).failure, dns::Failure::no_data);
}

// It takes mail for its own name: no exchanger, but an address.
TEST(DnsAnswer, NamesAnAddressBeyondTheExchangers) {
    auto of = zone();
    of.mx_hosts = 1;
    Octets response;
    answer_dns(of, query("mx1.example.test", 15), response);
    EXPECT_EQ(dns::parse_reply(response, {"mx1.example.test", dns::RecordType::mx}).failure,
              dns::Failure::no_data);
    answer_dns(of, query("mx1.example.test", 1), response);
    const auto answer = dns::parse_reply(response, {"mx1.example.test", dns::RecordType::a});
    ASSERT_EQ(answer.addresses.size(), 1u);
    EXPECT_EQ(answer.addresses[0].text(), "127.0.0.3");
    answer_dns(of, query("mx2.example.test", 1), response);
    EXPECT_EQ(dns::parse_reply(response, {"mx2.example.test", dns::RecordType::a}).failure,
              dns::Failure::no_such_domain);
}

TEST(DnsAnswer, DeniesWhatIsNot) {
    for (const char* name : {"d100.example.test", "mx3.example.test", "nope.example.test", "example.org"}) {
        const auto answer = ask(name, dns::RecordType::mx);
        EXPECT_EQ(answer.failure, dns::Failure::no_such_domain) << name;
        EXPECT_TRUE(answer.has_ttl) << name;
    }
    EXPECT_EQ(ask("d004.example.test", dns::RecordType::a).failure, dns::Failure::no_data);
    EXPECT_EQ(ask("example.test", dns::RecordType::mx).failure, dns::Failure::no_data);
}

TEST(DnsAnswer, RepeatsTheQuestionAsItWasAsked) {
    Octets response;
    const auto asked = query("D004.eXample.TEST", 15);
    answer_dns(zone(), asked, response);
    ASSERT_GT(response.size(), 40u);
    EXPECT_TRUE(std::equal(asked.begin() + 12, asked.begin() + 35, response.begin() + 12));
    EXPECT_EQ(response[0], 0xAB);
    EXPECT_EQ(response[1], 0xCD);
    EXPECT_EQ(response[2], 0x85);  // response, authoritative, recursion desired
    EXPECT_EQ(response[11], 1);    // OPT for OPT
    answer_dns(zone(), query("d004.example.test", 15, false), response);
    EXPECT_EQ(response[11], 0);
}

TEST(DnsAnswer, SurvivesAnyOctets) {
    Random random(11);
    Octets response;
    const auto good = query("d004.example.test", 15);
    for (std::size_t size = 0; size <= good.size(); ++size)
        answer_dns(zone(), Octets(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), response);
    for (int i = 0; i < 50'000; ++i) {
        auto bad = good;
        for (auto n = random.below(6); n > 0; --n)
            bad[random.below(bad.size())] = static_cast<std::uint8_t>(random.next());
        bad.resize(random.below(bad.size() + 1));
        answer_dns(zone(), bad, response);
        EXPECT_LE(response.size(), most_response);
        EXPECT_TRUE(response.empty() || (response[2] & 0x80) != 0);
    }
}

TEST(DnsAnswer, FailsAsToldByTheScript) {
    const auto asked = query("d004.example.test", 15);
    const auto ask_with = [&](Outcome outcome) {
        Octets response;
        const auto result = bench::answer_dns(zone(), asked, read_dns_query(asked), outcome, response);
        return std::pair{result, response};
    };
    EXPECT_EQ(ask_with(Outcome::normal).first, DnsResult::answered);
    const auto [failed, servfail] = ask_with(Outcome::servfail);
    EXPECT_EQ(failed, DnsResult::servfail);
    EXPECT_EQ(servfail.at(3), 2);
    const auto [denied, nxdomain] = ask_with(Outcome::nxdomain);
    EXPECT_EQ(denied, DnsResult::nxdomain);
    EXPECT_EQ(nxdomain.at(3), 3);
    EXPECT_EQ(nxdomain.at(9), 1);  // with the SOA
    const auto [cut, truncated] = ask_with(Outcome::truncate);
    EXPECT_EQ(cut, DnsResult::truncated);
    EXPECT_EQ(truncated.at(2) & 2, 2);
    EXPECT_EQ(truncated.at(7), 0);
    const auto [silent, nothing] = ask_with(Outcome::stall);
    EXPECT_EQ(silent, DnsResult::unanswered);
    EXPECT_TRUE(nothing.empty());
}

TEST(DnsAnswer, IgnoresResponses) {
    Octets response{1};
    auto looped = query("d004.example.test", 15);
    looped[2] |= 0x80;
    answer_dns(zone(), looped, response);
    EXPECT_TRUE(response.empty());
}

}  // namespace
}  // namespace angarium::bench

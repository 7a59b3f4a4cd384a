#include "bench/sink_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/sink_metrics.hpp"

namespace angarium::bench {
namespace {

nlohmann::json report(const SinkSummary& summary) { return nlohmann::json::parse(sink_json(summary)); }

TEST(SinkReport, StaysShortWithManyDomains) {
    SinkSummary summary;
    summary.domain_suffix = "example.test";
    summary.per_domain.resize(100'000, {20, 10});
    summary.per_domain[77'777] = {60, 50};
    summary.per_domain[5] = {};
    summary.seconds = 10;
    const auto text = sink_json(summary);
    EXPECT_LT(text.size(), 12'000u);
    const auto domains = report(summary)["domains"];
    EXPECT_EQ(domains["seen"], 99'999);
    EXPECT_EQ(domains["least_copies"], 20);
    EXPECT_EQ(domains["most_copies"], 60);
    ASSERT_EQ(domains["top"].size(), 100u);
    EXPECT_EQ(domains["top"][0]["name"], "d77777.example.test");
    EXPECT_EQ(domains["top"][0]["copies"], 60);
    EXPECT_EQ(domains["top"][0]["rate"], 5.0);
    EXPECT_EQ(domains["others"]["domains"], 99'899);
    EXPECT_EQ(domains["others"]["copies"], 99'899 * 20);
    EXPECT_NE(sink_text(summary).find("d77777.example.test 60 copies, 5 /s"), std::string::npos);
}

TEST(SinkReport, JainsIndexTellsFairness) {
    SinkSummary summary;
    summary.per_domain.resize(10);
    for (int i = 0; i < 4; ++i) summary.per_domain[static_cast<std::size_t>(i)].copies = 5;
    EXPECT_DOUBLE_EQ(report(summary)["domains"]["fairness"], 1.0);  // of those that got any
    summary.per_domain[0].copies = 15;                              // 15 5 5 5: 900 / (4 * 300)
    EXPECT_DOUBLE_EQ(report(summary)["domains"]["fairness"], 0.75);
}

MessageReader::Facts copy(std::uint64_t number) {
    MessageReader::Facts facts;
    facts.generated = true;
    facts.number = number;
    facts.sent_microseconds = 1'000'000;
    return facts;
}

TEST(SinkReport, ShowsItsCountersToPrometheus) {
    Ledger ledger(2, Domains(3, "example.test"));
    const std::vector<Ledger::Recipient> one{{0, 1}};
    ledger.received(ledger.tally(0), copy(1), one, 1000, 2'000'000);
    ledger.received(ledger.tally(1), copy(1), one, 1000, 2'000'001);
    ledger.connection_opened();
    ledger.tally(1)
        .script[static_cast<std::size_t>(Stage::rcpt)][static_cast<std::size_t>(Deed::deferred)]
        .add(7);
    DnsTally dns;
    dns.queries[0][3].add(5);
    const auto text = sink_metrics(ledger, dns);
    for (const char* line :
         {"\nangarium_sink_messages_total 2\n", "\nangarium_sink_copies_total{kind=\"unique\"} 1\n",
          "\nangarium_sink_copies_total{kind=\"duplicated\"} 1\n", "\nangarium_sink_connections_open 1\n",
          "\nangarium_sink_script_actions_total{stage=\"rcpt\",action=\"deferred\"} 7\n",
          "\nangarium_sink_dns_queries_total{type=\"mx\",result=\"servfail\"} 5\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(Ledger, RatesCountFromTheEndOfTheWarmUp) {
    Ledger ledger(2, Domains(3, "example.test"), 3);
    const std::vector<Ledger::Recipient> one{{0, 1}};
    std::uint64_t number = 0;
    const auto receive = [&](unsigned shard, std::uint64_t at) {
        ledger.received(ledger.tally(shard), copy(number++), one, 1000, at);
    };
    receive(0, 2'000'000);
    receive(1, 2'000'100);
    EXPECT_EQ(ledger.warm_since(), 0u);
    receive(0, 2'000'200);
    EXPECT_EQ(ledger.warm_since(), 2'000'200u);
    EXPECT_TRUE(ledger.tally(0).warm);
    EXPECT_EQ(ledger.tally(0).before.messages, 2u);
    EXPECT_EQ(ledger.tally(0).latency.count(), 0u);
    receive(1, 2'000'300);
    EXPECT_EQ(ledger.tally(1).before.messages, 1u);
    EXPECT_EQ(ledger.tally(1).before.per_domain[1], 1u);
    EXPECT_EQ(ledger.tally(1).latency.count(), 1u);
    EXPECT_EQ(ledger.total(&Tally::unique), 4u);
}

}  // namespace
}  // namespace angarium::bench

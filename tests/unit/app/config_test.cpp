// What a configuration means: defaults, values, derived defaults, and the printed form reading back.
#include "engine/app/config.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace angarium::app {
namespace {

const SystemFacts facts{"relay.example.net", 8ull << 30, 4};
const std::string listener = "[[listener]]\naddress = \"127.0.0.1:2525\"\n";

Config good(const std::string& text, const SystemFacts& system = facts) {
    auto config = parse_config(text, "test.toml", system);
    if (!config)
        for (const auto& error : config.error()) ADD_FAILURE() << error.text;
    return config.value_or(Config{});
}

TEST(Config, AListenerIsEnough) {
    const auto config = good(listener);
    EXPECT_EQ(config.hostname, "relay.example.net");
    EXPECT_EQ(config.limits.memory, gib(4));
    EXPECT_EQ(config.runtime.shards, 4u);
    EXPECT_EQ(config.queue.journal, gib(1));
    EXPECT_EQ(config.log.delivery, "/var/lib/angarium/queue/log");
    ASSERT_EQ(config.listeners.size(), 1u);
    EXPECT_TRUE(config.listeners[0].relay_from.empty());
    EXPECT_TRUE(config.dns.servers.empty());
    EXPECT_EQ(config.http.address->text(), "127.0.0.1:9925");
}

TEST(Config, TheExampleOfTheManual) {
    const auto config = good(R"(
hostname = "Relay.Example.Net"

[[listener]]
address    = "127.0.0.1:2525"
relay_from = ["127.0.0.0/8", "::1/128"]

[[listener]]
address = "[::1]:0"

[queue]
path = "/srv/queue"
journal = "2GiB"

[queue.retry]
first = "10m"
factor = 3
cap = "2h"
jitter = 0.1
lifetime = "2d"

[limits]
memory = "2GiB"
connections = 500
message_size = "20MB"

[delivery]
port = 2526
source = "127.0.0.9"
connections_per_site = 7
[delivery.timeouts]
connect = "250ms"

[[route]]
domains = ["*.Internal.test", "a.test"]
to      = ["127.0.0.2:2526", "[::1]:25", "Smart.Example.net:587"]
[[route]]
domains = ["*"]
to      = ["192.0.2.1:25"]

[dns]
servers = ["127.0.0.1:5353"]
allow = ["127.0.0.0/8"]

[http]
address = "off"

[log]
delivery = "/var/log/mail"

[runtime]
shards = 2
pin = true
)");
    EXPECT_EQ(config.hostname, "relay.example.net");
    ASSERT_EQ(config.listeners.size(), 2u);
    EXPECT_EQ(config.listeners[0].relay_from[1].text(), "::1/128");
    EXPECT_EQ(config.listeners[1].address.text(), "[::1]:0");
    EXPECT_EQ(config.queue.retry.first, 10min);
    EXPECT_EQ(config.queue.retry.factor, 3.0);
    EXPECT_EQ(config.limits.message_size.count, 20'000'000u);
    EXPECT_EQ(config.delivery.port, 2526u);
    EXPECT_EQ(config.delivery.source->text(), "127.0.0.9");
    EXPECT_EQ(config.delivery.timeouts.connect, 250ms);
    EXPECT_EQ(config.delivery.timeouts.end_of_data, 10min);
    ASSERT_EQ(config.routes.size(), 2u);
    EXPECT_EQ(config.routes[0].domains[0], "*.internal.test");
    EXPECT_EQ(config.routes[0].to[1].endpoint()->text(), "[::1]:25");
    EXPECT_EQ(config.routes[0].to[2].host, "smart.example.net");
    EXPECT_FALSE(config.routes[0].to[2].endpoint());
    EXPECT_FALSE(config.http.address);
    EXPECT_TRUE(config.runtime.pin);
}

TEST(Config, PrintedReadsBackTheSame) {
    const auto text = R"(
hostname = "relay.test"
[[listener]]
address = "127.0.0.1:25"
relay_from = ["10.0.0.0/8"]
[[listener]]
address = "[::1]:25"
[queue]
path = "/tmp/odd \"name\" \\ \t"
[queue.retry]
jitter = 0.05
first = "1m30s"
[[route]]
domains = ["x.test"]
to = ["h.test:25", "[2001:db8::1]:26"]
balance = true
[delivery]
source = "2001:db8::2"
[http]
address = "off"
)";
    const auto printed = print_config(good(text));
    const auto again = good(printed, SystemFacts{std::nullopt, 1 << 20, 1});
    EXPECT_EQ(print_config(again), printed);
    EXPECT_EQ(again.queue.path, "/tmp/odd \"name\" \\ \t");
    EXPECT_EQ(again.queue.retry.first, 90s);
    EXPECT_EQ(again.queue.retry.jitter, 0.05);
    EXPECT_EQ(again.limits.memory, gib(4));
    EXPECT_FALSE(again.http.address);
    EXPECT_TRUE(again.routes.at(0).balance);
    EXPECT_EQ(again.delivery.source->text(), "2001:db8::2");
    EXPECT_EQ(again.routes.at(0).to.at(1).text(), "[2001:db8::1]:26");
}

TEST(Config, RoutesThatLogInVerifyUnlessTheySayOtherwise) {
    const auto config = good(listener + R"(
[delivery]
tls = "required"
tls_authorities = "/ours.pem"
[[tls_policy]]
domains = ["Strict.test"]
tls = "verified"
[[route]]
domains = ["a.test"]
to = ["a.test:25"]
[[route]]
domains = ["b.test"]
to = ["b.test:465"]
implicit_tls = true
tls_authorities = "/theirs.pem"
[[route]]
domains = ["c.test"]
to = ["c.test:587"]
user = "relay"
password_file = "/secret"
)");
    EXPECT_EQ(config.tls_policies.at(0).domains.at(0), "strict.test");
    EXPECT_EQ(config.tls_policies[0].tls_authorities, "/ours.pem");
    EXPECT_EQ(config.routes.at(0).tls, "required");
    EXPECT_EQ(config.routes[0].tls_authorities, "/ours.pem");
    EXPECT_EQ(config.routes.at(1).tls, "verified");
    EXPECT_EQ(config.routes[1].tls_authorities, "/theirs.pem");
    EXPECT_EQ(config.routes.at(2).tls, "verified");
    EXPECT_EQ(print_config(good(print_config(config))), print_config(config));
    EXPECT_EQ(good(listener).delivery.tls, "opportunistic");
}

TEST(Config, PrintsDocumentation) {
    const auto printed = print_config(good(listener));
    EXPECT_NE(printed.find("\n[queue.retry] # "), std::string::npos);
    EXPECT_NE(printed.find("cap = \"4h\" "), std::string::npos);
    EXPECT_NE(printed.find("# but never longer than this"), std::string::npos);
}

// Also those of tables that the configuration does not have: as comments.
TEST(Config, PrintsEveryKey) {
    const auto printed = print_config(good(listener));
    for (const auto* table : {"relay", "tls_policy", "route", "dkim"})
        EXPECT_NE(printed.find(std::string("\n# [[") + table + "]] # "), std::string::npos) << table;
    for (const auto* key : {"certificate = []", "tls_names = []", "balance = false", "oversign = [\"from\""})
        EXPECT_NE(printed.find(std::string("\n# ") + key), std::string::npos) << key;
    const auto again = good(printed);
    EXPECT_TRUE(again.relay.empty() && again.routes.empty() && again.dkim.empty());
    const auto ruled = print_config(good(listener + "[[relay]]\naction = \"deny\"\n"));
    EXPECT_NE(ruled.find("\n[[relay]] # "), std::string::npos);
    EXPECT_NE(ruled.find("\n# sender = []"), std::string::npos);
}

TEST(Config, DefaultsFollowWhatIsGiven) {
    const auto config = good(listener + R"(
[queue]
journal = "32MiB"
[queue.retry]
lifetime = "10s"
[limits]
connections = 10
[delivery]
connections = 3
)",
                             SystemFacts{"r.test", 1 << 20, 2});
    EXPECT_EQ(config.queue.segment, mib(4));
    EXPECT_EQ(config.limits.message_size, mib(8));
    EXPECT_EQ(config.queue.retry.cap, 10s);
    EXPECT_EQ(config.queue.retry.first, 10s);
    EXPECT_EQ(config.limits.connections_per_address, 10u);
    EXPECT_EQ(config.delivery.connections_at_start, 3u);
    EXPECT_EQ(config.limits.memory, mib(64));
}

TEST(Config, JournalGrowsWithManyShards) {
    const auto config = good(listener, SystemFacts{"r.test", 8ull << 30, 96});
    EXPECT_EQ(config.runtime.shards, 64u);
    EXPECT_EQ(config.queue.journal, gib(16));
}

TEST(Config, FilesAreOneNameOrAList) {
    const auto tls = std::string("tls = \"starttls\"\n");
    const auto one = good(listener + tls + "certificate = \"a.pem\"\nkey = \"a.key\"\n", facts);
    EXPECT_EQ(one.listeners[0].certificate.names, std::vector<std::string>({"a.pem"}));
    const auto two = good(listener + tls + "certificate = [\"a\", \"b\"]\nkey = [\"c\", \"d\"]\n", facts);
    EXPECT_EQ(two.listeners[0].key.names, std::vector<std::string>({"c", "d"}));
}

TEST(Config, ChangedKeysAreNamed) {
    const auto before = good(listener, facts);
    EXPECT_TRUE(changed_keys(before, before).empty());
    const auto after = good(listener +
                                "relay_from = [\"10.0.0.0/8\"]\n[limits]\nhops = 12\n[[listener]]\n"
                                "address = \"127.0.0.1:2526\"\n[queue.retry]\nfirst = \"7m\"\n",
                            facts);
    EXPECT_EQ(
        changed_keys(before, after),
        std::vector<std::string>({"limits.hops", "listener", "listener[0].relay_from", "queue.retry.first"}));
}

TEST(Config, ReadsAFile) {
    const auto path = testing::TempDir() + "angarium_config.toml";
    std::ofstream(path) << listener;
    EXPECT_TRUE(load_config(path, facts));
    const auto missing = load_config(path + ".none", facts);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().at(0).text.find("cannot be opened"), std::string::npos);
    EXPECT_FALSE(load_config(testing::TempDir(), facts));
}

}  // namespace
}  // namespace angarium::app

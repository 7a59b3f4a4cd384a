// The relay policy in the configuration: its values, its table, and what it is warned of.
#include <gtest/gtest.h>

#include "engine/app/config.hpp"

namespace angarium::app {
namespace {

const SystemFacts facts{"relay.example.net", 8ull << 30, 4};
const std::string listener = "[[listener]]\naddress = \"127.0.0.1:2525\"\n";

Config good(const std::string& text) {
    auto config = parse_config(text, "t.toml", facts);
    if (!config)
        for (const auto& error : config.error()) ADD_FAILURE() << error.text;
    return config.value_or(Config{});
}

// An entry in lines 3 to ...
std::string entry(const std::string& keys) { return listener + "[[relay]]\n" + keys; }

void expect_warning(const std::string& text, const std::string& front, const std::string& part) {
    const auto found = good(text).warnings;
    ASSERT_EQ(found.size(), 1u) << testing::PrintToString(found);
    EXPECT_TRUE(found[0].starts_with(front)) << found[0];
    EXPECT_NE(found[0].find(part), std::string::npos) << found[0];
}
void expect_no_warning(const std::string& text) {
    EXPECT_EQ(good(text).warnings, std::vector<std::string>()) << text;
}

const std::string everything = R"(
action = "allow"
from = ["10.0.0.0/8", "::1/128"]
identity = ["jack", "Jill"]
certificate = ["AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89", "App.Example.net", "*"]
sender = ["town.com", "<>"]
recipient = ["*.hill.com", "b@example.net"]
)";

TEST(ConfigRelay, Values) {
    const auto config = good(entry(everything));
    ASSERT_EQ(config.relay.size(), 1u);
    const auto& rule = config.relay[0];
    EXPECT_EQ(rule.action, "allow");
    EXPECT_EQ(rule.from.at(1).text(), "::1/128");
    EXPECT_EQ(rule.identity, (std::vector<std::string>{"jack", "Jill"}));
    EXPECT_EQ(rule.certificate,
              (std::vector<std::string>{"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
                                        "app.example.net", "*"}));
    EXPECT_EQ(rule.sender.at(1), "<>");
    EXPECT_EQ(rule.recipient.at(0), "*.hill.com");
}

TEST(ConfigRelay, PrintedReadsBackTheSame) {
    const auto text = entry(everything) + "[[relay]]\naction = \"deny\"\n";
    const auto printed = print_config(good(text));
    EXPECT_EQ(print_config(good(printed)), printed);
    EXPECT_EQ(good(printed).relay.size(), 2u);
    EXPECT_TRUE(good(printed).relay.at(1).from.empty());
    EXPECT_EQ(relay_table(good(printed)), relay_table(good(text)));
    EXPECT_EQ(print_config(good(printed + relay_table(good(text)))), printed);  // a comment
}

TEST(ConfigRelay, TheTableIsInTheOrderOfJudgement) {
    EXPECT_EQ(relay_table(good(listener + R"(relay_from = ["127.0.0.0/8", "::1/128"]
[[relay]]
action = "deny"
recipient = ["x.test"]
[[relay]]
action = "allow"
from = ["10.0.0.0/8"]
identity = ["*"]
certificate = ["app.example.net"]
)")),
              R"(# Who may relay what: the first line that matches decides.
#
# action  client                                                                sender  recipient  by
# deny    any                                                                   any     x.test     [[relay]] 1
# allow   in 10.0.0.0/8 and authenticated and with certificate app.example.net  any     any        [[relay]] 2
# allow   in 127.0.0.0/8, ::1/128                                               any     any        relay_from of listener 127.0.0.1:2525
# deny    any                                                                   any     any        everybody else
)");
}

TEST(ConfigRelay, TheTableEndsWhereEverythingIsDecided) {
    const auto table = relay_table(good(entry("action = \"deny\"\n")));
    EXPECT_NE(table.find("[[relay]] 1"), std::string::npos);
    EXPECT_EQ(table.find("everybody else"), std::string::npos);
}

TEST(ConfigRelay, WarnsOfOpenRelays) {
    expect_warning(entry("action = \"allow\"\n"), "t.toml:3:1: relay[0]:", "an open relay");
    expect_warning(entry("action = \"allow\"\nrecipient = [\"a.test\", \"*\"]\n"), "t.toml:3:1",
                   "an open relay");
    expect_warning(entry("action = \"allow\"\nrecipient = [\"*.com\"]\n"), "t.toml:3:1", "an open relay");
    expect_warning(entry("action = \"allow\"\nsender = [\"town.com\"]\n"), "t.toml:3:1", "forged");
    expect_warning(entry("action = \"allow\"\nfrom = [\"10.0.0.0/8\", \"0.0.0.0/0\"]\n"),
                   "t.toml:5:8: relay[0].from", "0.0.0.0/0");
    expect_warning(entry("action = \"allow\"\nfrom = [\"::/0\"]\n"), "t.toml:5:8", "::/0");
    expect_warning(entry("action = \"allow\"\nfrom = [\"128.0.0.0/1\"]\nsender = [\"a.test\"]\n"),
                   "t.toml:5:8", "wide public network");
    expect_warning(listener + "relay_from = [\"8.0.0.0/6\"]\n", "t.toml:3:14: listener[0].relay_from",
                   "wide public network");
}

// A listener with TLS, accounts and client certificates, in lines 1 to 8.
const std::string secure = R"([[listener]]
address = "192.0.2.1:465"
tls = "implicit"
certificate = "c.pem"
key = "c.key"
auth = "accounts"
client_certificate = "optional"
client_authorities = "clients.pem"
)";

TEST(ConfigRelay, WarnsOfPasswordsInPlainText) {
    const std::string plain = "auth = \"accounts\"\nauth_without_tls = true\n";
    expect_warning("[[listener]]\naddress = \"192.0.2.1:587\"\n" + plain,
                   "t.toml:4:20: listener[0].auth_without_tls", "passwords");
    expect_no_warning(listener + plain);
    expect_no_warning("[[listener]]\naddress = \"[::1]:587\"\n" + plain);
}

TEST(ConfigRelay, WarnsOfConditionsThatNobodyMeets) {
    expect_warning(entry("action = \"allow\"\nidentity = [\"*\"]\n"), "t.toml:5:12: relay[0].identity",
                   "never matches");
    expect_warning(entry("action = \"deny\"\ncertificate = [\"*\"]\n"), "t.toml:5:15: relay[0].certificate",
                   "never matches");
}

TEST(ConfigRelay, WarnsOfCertificatesThatEverybodyCanHave) {
    auto text = secure;
    text.replace(text.find("clients.pem"), 11, "/etc/ssl/certs/ca-certificates.crt");
    const std::string rule = "[[relay]]\naction = \"allow\"\ncertificate = ";
    expect_warning(text + rule + "[\"*\"]\n", "t.toml:11:15: relay[0].certificate", "everybody can have");
    expect_no_warning(text + rule + "[\"app.test\"]\n");
    expect_no_warning(text + rule + "[\"*\"]\nrecipient = [\"town.com\"]\n");
    expect_no_warning(secure + rule + "[\"*\"]\n");
}

TEST(ConfigRelay, AndOfNothingElse) {
    expect_no_warning(listener +
                      "relay_from = [\"10.0.0.0/8\", \"127.0.0.0/8\", \"fc00::/7\", \"203.0.113.0/24\"]\n");
    expect_no_warning(entry("action = \"deny\"\n"));
    expect_no_warning(entry("action = \"deny\"\nfrom = [\"0.0.0.0/0\"]\n"));
    expect_no_warning(entry("action = \"allow\"\nrecipient = [\"town.com\", \"*.hill.com\"]\n"));
    expect_no_warning(entry("action = \"allow\"\nfrom = [\"0.0.0.0/0\"]\nrecipient = [\"town.com\"]\n"));
    expect_no_warning(secure + "[[relay]]\naction = \"allow\"\nidentity = [\"*\"]\n");
    expect_no_warning(secure +
                      "[[relay]]\naction = \"allow\"\nfrom = [\"0.0.0.0/0\"]\ncertificate = [\"*\"]\n");
    expect_no_warning(entry("action = \"allow\"\nfrom = [\"203.0.0.0/16\", \"2001:db8::/32\"]\n"));
}

}  // namespace
}  // namespace angarium::app

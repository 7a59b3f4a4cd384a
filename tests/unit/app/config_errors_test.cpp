// What is wrong in a configuration is named with its place and its remedy, all of it at once.
#include <gtest/gtest.h>

#include "engine/app/config_findings.hpp"

namespace angarium::app {
namespace {

const SystemFacts facts{"relay.example.net", 8ull << 30, 4};
const std::string listener = "[[listener]]\naddress = \"127.0.0.1:2525\"\n";

std::vector<std::string> errors(const std::string& text, const SystemFacts& system = facts) {
    const auto config = parse_config(text, "t.toml", system);
    std::vector<std::string> found;
    if (!config)
        for (const auto& error : config.error()) found.push_back(error.text);
    return found;
}

// The only error starts with `front` and contains `part`.
void expect_error(const std::string& text, const std::string& front, const std::string& part) {
    const auto found = errors(text);
    ASSERT_EQ(found.size(), 1u) << testing::PrintToString(found);
    EXPECT_TRUE(found[0].starts_with(front)) << found[0];
    EXPECT_NE(found[0].find(part), std::string::npos) << found[0];
}

TEST(ConfigErrors, UnknownKeySuggestsTheNearest) {
    expect_error(listener + "[queue]\njornal = \"1GiB\"\n", "t.toml:4:1: queue.jornal: unknown key",
                 "did you mean \"journal\"?");
    expect_error(listener + "[quue]\n", "t.toml:3:", "did you mean \"queue\"?");
    expect_error(listener + "relay_form = [\"127.0.0.0/8\"]\n", "t.toml:3:1: listener[0].relay_form",
                 "relay_from");
    expect_error(listener + "[queue.retry]\nlifetme = \"1d\"\n", "t.toml:4:1", "did you mean \"lifetime\"?");
}

TEST(ConfigErrors, AlwaysOneLine) {
    expect_error(listener + "\"a\\nb\\u001b[2J\" = 1\n", "t.toml:3:1: listener[0].a?b?[2J: unknown key", "");
    expect_error("a = t\x1b[2J\n", "t.toml:1:", "saw 't?'");
}

TEST(ConfigErrors, KeyInTheWrongTable) {
    expect_error("lifetime = \"1d\"\n" + listener, "t.toml:1:1: lifetime", "belongs in [queue.retry]");
    expect_error(listener + "[http]\nzzzzzzzz = 1\n", "t.toml:4:1: http.zzzzzzzz",
                 "known here: address, connections");
}

TEST(ConfigErrors, UnitsAreMandatory) {
    expect_error(listener + "[queue.retry]\nfirst = 300\n", "t.toml:4:9: queue.retry.first",
                 "duration with its unit");
    expect_error(listener + "[queue.retry]\nfirst = \"300\"\n", "t.toml:4:9: queue.retry.first",
                 "has no unit");
    expect_error(listener + "[limits]\nmemory = \"2G\"\n", "t.toml:4:10: limits.memory", "unknown unit");
}

TEST(ConfigErrors, TypesAndRanges) {
    expect_error(listener + "[limits]\nconnections = \"many\"\n", "t.toml:4:15", "whole number");
    expect_error(listener + "[limits]\nconnections = -1\n", "t.toml:4:15", "out of range");
    expect_error(listener + "[limits]\nrecipients = 10\n", "t.toml:4:14", "choose from 100 to 1000");
    expect_error(listener + "[runtime]\nshards = 65\n", "t.toml:4:10", "choose from 1 to 64");
    expect_error(listener + "[runtime]\npin = 1\n", "t.toml:4:7", "true or false");
    expect_error(listener + "[queue.retry]\nfactor = nan\n", "t.toml:4:10", "out of range");
    expect_error(listener + "[dns]\nservers = \"127.0.0.1:53\"\n", "t.toml:4:11", "list in brackets");
    expect_error(listener + "[dns]\nservers = [\"127.0.0.1:53\", \"dns\"]\n", "t.toml:4:28", "address:port");
    expect_error(listener + "[dns]\nallow = [\"127.0.0.1/8\"]\n", "t.toml:4:10", "network");
    expect_error(listener + "[log]\nlevel = \"loud\"\n", "t.toml:4:9", "debug, info, warning, error");
    expect_error(listener + "[dns]\norder = \"v5\"\n", "t.toml:4:9: dns.order", "alternating, v4_first");
    expect_error(listener + "[delivery]\nsource = \"eth0\"\n", "t.toml:4:10", "\"any\"");
    expect_error("queue = 1\n" + listener, "t.toml:1:9: queue", "[queue]");
    expect_error("listener = 1\n", "t.toml:1:12: listener", "[[listener]]");
}

TEST(ConfigErrors, RequiredKeys) {
    expect_error("[[listener]]\n", "t.toml:1:", "listener[0].address: is missing");
    expect_error(listener + "[[route]]\ndomains = [\"*\"]\n", "t.toml:3:", "route[0].to: is missing");
    expect_error("hostname = \"a.test\"\n", "t.toml: listener", "add [[listener]]");
}

TEST(ConfigErrors, Hostname) {
    const auto found = errors(listener, SystemFacts{std::nullopt, 1 << 30, 1});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NE(found[0].find("hostname = \"relay.example.net\""), std::string::npos);
    expect_error("hostname = \"relay\"\n" + listener, "t.toml:1:12: hostname", "fully qualified");
    expect_error("hostname = \"re lay.test\"\n" + listener, "t.toml:1:12: hostname", "fully qualified");
}

TEST(ConfigErrors, BetweenKeys) {
    expect_error(listener + "[queue.retry]\nfirst = \"2h\"\ncap = \"1h\"\n", "t.toml:5:7: queue.retry.cap",
                 "raise cap");
    expect_error(listener + "[queue.retry]\ncap = \"2h\"\nlifetime = \"1h\"\n", "t.toml:5:12",
                 "raise lifetime");
    expect_error(listener + "[queue]\njournal = \"256MiB\"\nsegment = \"64MiB\"\n[runtime]\nshards = 2\n",
                 "t.toml:4:11", "at least \"512MiB\"");
    // The smallest segment is chosen for it, and is still too large.
    expect_error(listener + "[queue]\njournal = \"16MiB\"\n[runtime]\nshards = 2\n", "t.toml:4:11",
                 "at least \"32MiB\"");
    expect_error(listener + "[queue]\nsegment = \"6MiB\"\n", "t.toml:4:11", "no multiple of 4MiB");
    expect_error(listener + "[limits]\nmessage_size = \"1GiB\"\n", "t.toml:4:16",
                 "half of a shard's journal");
    expect_error(listener + "[delivery]\nconnections_at_start = 21\n", "t.toml:4:24", "connections_per_site");
    expect_error(listener + "[limits]\nconnections = 5\nconnections_per_address = 6\n", "t.toml:5:27",
                 "lower it");
    expect_error(listener + "[dns]\nleast_ttl = \"1h\"\nmost_ttl = \"1m\"\n", "t.toml:4:13", "most_ttl");
    expect_error(listener + listener, "t.toml:4:11: listener[1].address", "used twice");
    expect_error(listener + "[http]\naddress = \"127.0.0.1:2525\"\n", "t.toml:2:11", "used twice");
}

TEST(ConfigErrors, NoOpenRelay) {
    expect_error(listener + "relay_from = [\"0.0.0.0/0\"]\n", "t.toml:3:14", "open relay");
    expect_error(listener + "relay_from = [\"::/0\"]\n", "t.toml:3:14", "open relay");
}

TEST(ConfigErrors, TlsOfAListener) {
    expect_error(listener + "tls = \"ssl\"\ncertificate = \"a\"\nkey = \"b\"\n",
                 "t.toml:3:7: listener[0].tls", "off, starttls, implicit");
    expect_error(listener + "tls = \"starttls\"\n", "t.toml:1:1: listener[0].certificate",
                 "needs a certificate");
    expect_error(listener + "tls = \"implicit\"\ncertificate = [\"a\", \"b\"]\nkey = \"c\"\n",
                 "t.toml:5:7: listener[0].key", "2 certificate(s) and 1 key(s)");
    expect_error(listener + "require_tls = true\n", "t.toml:3:15: listener[0].require_tls",
                 "no effect without TLS");
    expect_error(listener + "auth = \"users\"\n", "t.toml:3:8: listener[0].auth", "under TLS only");
    expect_error(listener + "auth_without_tls = true\n", "t.toml:3:20: listener[0].auth_without_tls",
                 "no effect without auth");
    expect_error(listener + "show_identity = true\n", "t.toml:3:17: listener[0].show_identity",
                 "no effect without auth");
    expect_error(listener + "require_auth = true\n", "t.toml:3:16: listener[0].require_auth",
                 "nobody could log in");
    expect_error(listener + "tls = \"starttls\"\ncertificate = 5\nkey = \"c\"\n",
                 "t.toml:4:15: listener[0].certificate", "a file's name, or a list of them");
}

TEST(ConfigErrors, Routes) {
    const std::string to = "to = [\"127.0.0.1:25\"]\n";
    expect_error(
        listener + "[[route]]\ndomains = [\"*\"]\n" + to + "[[route]]\ndomains = [\"a.test\"]\n" + to,
        "t.toml:6:", "never reached");
    expect_error(listener + "[[route]]\ndomains = [\"a*.test\"]\n" + to, "t.toml:4:11", "no domain");
    expect_error(listener + "[[route]]\ndomains = []\n" + to, "t.toml:4:11", "empty");
    expect_error(listener + "[[route]]\ndomains = [\"a.test\", \"A.test\"]\n" + to, "t.toml:4:11",
                 "has a route above");
    expect_error(listener + "[[route]]\ndomains = [\"*\"]\nto = [\"smart\"]\n", "t.toml:5:7", "host:port");
    expect_error(listener + "[[route]]\ndomains = [\"*\"]\nto = [\"sm art:25\"]\n", "t.toml:5:6", "no host");
}

TEST(ConfigErrors, TlsOfWhatLeaves) {
    expect_error(listener + "[delivery]\ntls = \"always\"\n", "t.toml:4:7: delivery.tls",
                 "none, opportunistic, required, verified");
    expect_error(listener + "[delivery]\ntls = \"verified\"\ntls_authorities = \"\"\n",
                 "t.toml:5:19: delivery.tls_authorities", "nothing could be verified");
    const std::string policy = listener + "[[tls_policy]]\ndomains = [\"a.test\"]\n";
    expect_error(policy, "t.toml:3:", "tls_policy[0].tls: is missing");
    expect_error(policy + "tls = \"required\"\ntls_names = [\"mx.test\"]\n", "t.toml:6:13",
                 "only with tls = \"verified\"");
    expect_error(policy + "tls = \"verified\"\ntls_names = [\"*.mx.test\"]\n", "t.toml:6:13", ".example.net");
    expect_error(policy + "tls = \"none\"\n[[tls_policy]]\ntls = \"none\"\ndomains = [\"A.test\"]\n",
                 "t.toml:8:11: tls_policy[1].domains", "has a policy above");
}

TEST(ConfigErrors, RoutesWithTlsAndLogins) {
    const std::string route =
        listener + "[[route]]\ndomains = [\"*\"]\nto = [\"127.0.0.1:25\"]\n";  // to line 5
    expect_error(route + "tls = \"opportunistic\"\nimplicit_tls = true\n", "t.toml:6:7",
                 "exclude each other");
    expect_error(route + "certificate = \"c.pem\"\n", "t.toml:6:15: route[0].certificate", "pair");
    expect_error(route + "tls = \"none\"\ncertificate = \"c\"\nkey = \"k\"\n", "t.toml:7:15",
                 "only under TLS");
    expect_error(route + "user = \"relay\"\n", "t.toml:6:8: route[0].user", "password_file");
    expect_error(route + "user = \"relay\"\npassword_file = \"p\"\ntls = \"none\"\n", "t.toml:8:7",
                 "auth_without_tls = true");
    expect_error(route + "auth_without_tls = true\n", "t.toml:6:20", "no effect without user");
}

TEST(ConfigErrors, RelayEntries) {
    const std::string entry = listener + "[[relay]]\n";  // in line 3
    expect_error(entry, "t.toml:3:", "relay[0].action: is missing");
    expect_error(entry + "action = \"permit\"\n", "t.toml:4:10: relay[0].action", "\"allow\" or \"deny\"");
    // What a template left empty is not what was never there.
    expect_error(entry + "action = \"allow\"\nfrom = []\n", "t.toml:5:8: relay[0].from", "is empty");
    expect_error(entry + "action = \"allow\"\nidentity = []\n", "t.toml:5:12: relay[0].identity", "is empty");
    expect_error(entry + "action = \"allow\"\nidentity = [\"\"]\n", "t.toml:5:12", "empty name");
    expect_error(entry + "action = \"allow\"\nidentity = [\"a\\nb\"]\n", "t.toml:5:12", "control");
    expect_error(entry + "action = \"allow\"\nfrom = [\"10.0.0.1/8\"]\n", "t.toml:5:9", "network");
    expect_error(entry + "action = \"deny\"\nrecipient = [\"*@example.net\"]\n",
                 "t.toml:5:13: relay[0].recipient", "write \"example.net\"");
    expect_error(entry + "action = \"deny\"\nrecipient = [\"<>\"]\n", "t.toml:5:13", "sender");
    expect_error(entry + "action = \"deny\"\nsender = [\"exa mple\"]\n", "t.toml:5:10", "no address pattern");
    expect_error(
        entry + "action = \"allow\"\ncertificate = [\"AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\"]\n",
        "t.toml:5:15", "64 hex digits");
    expect_error(entry + "action = \"deny\"\n[[relay]]\naction = \"allow\"\nfrom = [\"10.0.0.0/8\"]\n",
                 "t.toml:5:", "never reached");
    expect_error(entry + "action = \"deny\"\nrecipients = [\"a.test\"]\n", "t.toml:5:1",
                 "did you mean \"recipient\"?");
}

TEST(ConfigErrors, AllAtOnceInTheOrderOfTheFile) {
    const auto found = errors(R"(hostnme = "x"
[[listener]]
address = "nowhere"
[queue]
journal = 5
[queue.retry]
factor = "two"
[nonsense]
)");
    ASSERT_EQ(found.size(), 5u) << testing::PrintToString(found);
    EXPECT_TRUE(found[0].starts_with("t.toml:1:1:"));
    EXPECT_TRUE(found[1].starts_with("t.toml:3:11:"));
    EXPECT_TRUE(found[2].starts_with("t.toml:5:11:"));
    EXPECT_TRUE(found[3].starts_with("t.toml:7:10:"));
    EXPECT_TRUE(found[4].starts_with("t.toml:8:"));
}

TEST(ConfigErrors, Syntax) {
    expect_error("hostname = \n", "t.toml:1:", "no valid TOML");
    expect_error("a = 1\na = 2\n", "t.toml:2:", "no valid TOML");
    expect_error("[@dns]\n", "t.toml:1:", "no valid TOML");        // an assertion in toml++ 3.3
    expect_error("k\u00e4y = 1\n", "t.toml:1:", "no valid TOML");  // undefined behaviour there
    expect_error(std::string("\0\xff\xfe", 3), "t.toml:1:", "no valid TOML");
}

TEST(Nearest, KeepsItsDistance) {
    const std::vector<std::string> known = {"journal", "path", "retry", "to"};
    EXPECT_EQ(nearest("jounral", known), "journal");
    EXPECT_EQ(nearest("paths", known), "path");
    EXPECT_EQ(nearest("elephant", known), std::nullopt);
    EXPECT_EQ(nearest("xy", known), std::nullopt);
    EXPECT_EQ(nearest(std::string(100000, 'x'), known), std::nullopt);
}

}  // namespace
}  // namespace angarium::app

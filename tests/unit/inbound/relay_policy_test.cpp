// Who may relay what: order, conditions, what stands behind the rules, and the limit per address.
#include "engine/inbound/relay_policy.hpp"

#include <gtest/gtest.h>

namespace angarium::inbound {
namespace {

const std::string fingerprint(64, 'a');

std::vector<IpNetwork> networks(const std::vector<std::string>& texts) {
    std::vector<IpNetwork> out;
    for (const auto& text : texts) out.push_back(*IpNetwork::parse(text));
    return out;
}

struct Rule : RelayRule {
    explicit Rule(RelayAction what) { action = what; }
    Rule& at(const std::vector<std::string>& texts) { return from = networks(texts), *this; }
    Rule& as(std::vector<std::string> names) { return identity = std::move(names), *this; }
    Rule& with(std::vector<std::string> names) { return certificate = std::move(names), *this; }
    Rule& by(const std::vector<std::string>& texts) {
        return sender = *smtp::AddressPatterns::make(texts), *this;
    }
    Rule& to(const std::vector<std::string>& texts) {
        return recipient = *smtp::AddressPatterns::make(texts), *this;
    }
};
Rule allow() { return Rule(RelayAction::allow); }
Rule deny() { return Rule(RelayAction::deny); }

Client client(const char* address, std::string identity = "") {
    Client out;
    out.peer.address = *IpAddress::parse(address);
    out.identity = std::move(identity);
    return out;
}

// One listener, with these networks in relay_from.
struct Policy : RelayPolicy {
    explicit Policy(std::vector<RelayRule> rules, const std::vector<std::string>& relay_from = {})
        : RelayPolicy(networks(relay_from),
                      std::make_shared<const std::vector<RelayRule>>(std::move(rules))) {}

    bool permits(const Client& who, std::string_view sender = "a@source.test",
                 std::string_view recipient = "b@destination.test") const {
        return judge(who).permits(*smtp::ReversePath::parse(sender), *smtp::Mailbox::parse(recipient));
    }
    bool exempt(const char* address) const { return is_relay_network(*IpAddress::parse(address)); }
};

TEST(RelayPolicy, DeniesByDefault) {
    const Policy policy({});
    EXPECT_FALSE(policy.permits(client("127.0.0.1")));
    EXPECT_FALSE(policy.permits(client("::1")));
    EXPECT_FALSE(RelayStanding().permits(smtp::ReversePath(), *smtp::Mailbox::parse("b@destination.test")));
}

TEST(RelayPolicy, BehindTheRulesAreTheListenersNetworksAndItsIdentities) {
    const RelayPolicy policy(networks({"192.0.2.0/24", "::1/128"}));
    const auto permits = [&](const Client& who) {
        return policy.judge(who).permits(smtp::ReversePath(), *smtp::Mailbox::parse("b@destination.test"));
    };
    EXPECT_TRUE(permits(client("192.0.2.7")));
    EXPECT_TRUE(permits(client("::ffff:192.0.2.7")));
    EXPECT_TRUE(permits(client("::1")));
    EXPECT_FALSE(permits(client("192.0.3.7")));
    EXPECT_FALSE(permits(client("::2")));
    EXPECT_TRUE(permits(client("192.0.3.7", "jack")));
}

TEST(RelayPolicy, ACertificateAloneIsNoPermission) {
    auto known = client("192.0.2.7");
    known.certificate = fingerprint;
    EXPECT_FALSE(Policy({}).permits(known));
    EXPECT_TRUE(Policy({allow().with({"*"})}).permits(known));
}

TEST(RelayPolicy, TheFirstMatchDecides) {
    const Policy policy({deny().at({"10.1.0.0/16"}), allow().at({"10.0.0.0/8"}), deny()}, {"127.0.0.0/8"});
    EXPECT_FALSE(policy.permits(client("10.1.2.3")));
    EXPECT_TRUE(policy.permits(client("10.2.2.3")));
    EXPECT_FALSE(policy.permits(client("127.0.0.1")));  // what stands behind is never reached
}

TEST(RelayPolicy, AllConditionsOfARuleMustHold) {
    const auto asks = [&](const char* address, const char* identity, const char* sender,
                          const char* recipient) {
        // Whoever has authenticated may relay anyway; here only the rule shall speak.
        const Policy strict(
            {allow().at({"10.0.0.0/8"}).as({"jack", "jill"}).by({"town.com"}).to({"*.hill.com"}), deny()});
        return strict.permits(client(address, identity), sender, recipient);
    };
    EXPECT_TRUE(asks("10.0.0.1", "jack", "a@town.com", "b@up.hill.com"));
    EXPECT_TRUE(asks("10.0.0.1", "jill", "a@town.com", "b@up.hill.com"));
    EXPECT_FALSE(asks("11.0.0.1", "jack", "a@town.com", "b@up.hill.com"));
    EXPECT_FALSE(asks("10.0.0.1", "Jack", "a@town.com", "b@up.hill.com"));
    EXPECT_FALSE(asks("10.0.0.1", "", "a@town.com", "b@up.hill.com"));
    EXPECT_FALSE(asks("10.0.0.1", "jack", "a@city.com", "b@up.hill.com"));
    EXPECT_FALSE(asks("10.0.0.1", "jack", "", "b@up.hill.com"));
    EXPECT_FALSE(asks("10.0.0.1", "jack", "a@town.com", "b@hill.com"));
}

TEST(RelayPolicy, IdentitiesByNameOrAnybody) {
    const Policy policy({allow().as({"*"}).to({"hill.com"}), deny()});
    EXPECT_TRUE(policy.permits(client("192.0.2.7", "jack"), "", "b@hill.com"));
    EXPECT_FALSE(policy.permits(client("192.0.2.7", "jack")));
    EXPECT_FALSE(policy.permits(client("192.0.2.7"), "", "b@hill.com"));
    // An account of that name is nobody special.
    EXPECT_FALSE(Policy({allow().as({"jack"}), deny()}).permits(client("192.0.2.7", "*")));
}

TEST(RelayPolicy, CertificatesByFingerprintOrName) {
    auto known = client("192.0.2.7");
    known.certificate = fingerprint;
    known.certificate_names = {"App.Example.net", "ops@example.net"};
    EXPECT_TRUE(Policy({allow().with({fingerprint})}).permits(known));
    EXPECT_TRUE(Policy({allow().with({"other", "app.example.net"})}).permits(known));
    EXPECT_TRUE(Policy({allow().with({"ops@example.net"})}).permits(known));
    EXPECT_FALSE(Policy({allow().with({std::string(64, 'b')})}).permits(known));
    EXPECT_FALSE(Policy({allow().with({"example.net"})}).permits(known));
    EXPECT_FALSE(Policy({allow().with({"*"})}).permits(client("192.0.2.7")));
    // Names of a certificate that was not verified are worth nothing.
    known.certificate.clear();
    EXPECT_FALSE(Policy({allow().with({"app.example.net"})}).permits(known));
}

TEST(RelayPolicy, TheFinalDomainDecides) {
    const Policy policy({allow().to({"hill.com"})});
    const auto who = client("192.0.2.7");
    EXPECT_TRUE(policy.permits(who, "", "b@hill.com"));
    EXPECT_TRUE(policy.permits(who, "", "b%destination.test@hill.com"));
    EXPECT_FALSE(policy.permits(who, "", "b%hill.com@destination.test"));
    EXPECT_FALSE(policy.permits(who, "", "hill.com!b@destination.test"));
    EXPECT_FALSE(policy.permits(who, "", "\"b@hill.com\"@destination.test"));
    EXPECT_FALSE(policy.permits(who, "", "b@[192.0.2.1]"));
}

TEST(RelayPolicy, ADeniedDomainForAllNetworks) {
    const Policy policy({deny().to({"hill.com"})}, {"127.0.0.0/8"});
    EXPECT_TRUE(policy.permits(client("127.0.0.1")));
    EXPECT_FALSE(policy.permits(client("127.0.0.1"), "a@town.com", "b@hill.com"));
    EXPECT_FALSE(policy.permits(client("192.0.2.7")));
}

// What says the same as the rules behind it need not be asked; the answers stay.
TEST(RelayPolicy, RulesThatChangeNothingStayTrue) {
    const Policy policy({deny().to({"x.test"}), allow().to({"hill.com"}), deny().to({"y.test"}), deny()});
    const auto who = client("192.0.2.7");
    EXPECT_FALSE(policy.permits(who, "", "b@x.test"));
    EXPECT_TRUE(policy.permits(who, "", "b@hill.com"));
    EXPECT_FALSE(policy.permits(who, "", "b@y.test"));
    EXPECT_FALSE(policy.permits(who));
}

TEST(RelayPolicy, NetworksThatMayRelayHaveNoLimitPerAddress) {
    const Policy policy({deny().at({"10.1.0.0/16"}), allow().at({"10.0.0.0/8"}),
                         allow().at({"172.16.0.0/12"}).as({"*"}), allow().at({"0.0.0.0/0"}).to({"hill.com"}),
                         allow().to({"hill.com"}), allow().at({"192.168.0.0/16"}).to({"hill.com"})},
                        {"127.0.0.0/8"});
    EXPECT_TRUE(policy.exempt("10.2.0.1"));
    EXPECT_TRUE(policy.exempt("192.168.1.1"));
    EXPECT_TRUE(policy.exempt("127.0.0.1"));
    EXPECT_TRUE(policy.exempt("::ffff:127.0.0.1"));
    EXPECT_FALSE(policy.exempt("10.1.0.1"));
    EXPECT_FALSE(policy.exempt("172.16.0.1"));  // not yet authenticated
    EXPECT_FALSE(policy.exempt("192.0.2.1"));   // the whole world is no network of anybody's
    EXPECT_FALSE(Policy({deny()}, {"127.0.0.0/8"}).exempt("127.0.0.1"));
}

}  // namespace
}  // namespace angarium::inbound

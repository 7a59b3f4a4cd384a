#include "engine/inbound/relay_policy.hpp"

#include <algorithm>

#include "engine/smtp/text.hpp"

namespace angarium::inbound {
namespace {

bool any_contains(const std::vector<IpNetwork>& networks, const IpAddress& address) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const IpNetwork& network) { return network.contains(address); });
}

bool names(const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool shows_certificate(const std::vector<std::string>& wanted, const Client& client) {
    if (client.certificate.empty()) return false;
    if (names(wanted, "*") || names(wanted, client.certificate)) return true;
    return std::any_of(
        client.certificate_names.begin(), client.certificate_names.end(), [&](const auto& name) {
            return std::any_of(wanted.begin(), wanted.end(),
                               [&](const auto& known) { return smtp::equals_ignoring_case(known, name); });
        });
}

bool is_identity(const std::vector<std::string>& wanted, const std::string& identity) {
    return !identity.empty() && (names(wanted, "*") || names(wanted, identity));
}

bool matches_client(const RelayRule& rule, const Client& client) {
    return (rule.from.empty() || any_contains(rule.from, client.peer.address)) &&
           (rule.identity.empty() || is_identity(rule.identity, client.identity)) &&
           (rule.certificate.empty() || shows_certificate(rule.certificate, client));
}

bool depends_on_mail(const RelayRule& rule) { return rule.sender || rule.recipient; }

// The whole world is no network of anybody's.
bool in_relay_network(const RelayRule& rule, const IpAddress& address) {
    return std::any_of(rule.from.begin(), rule.from.end(), [&](const IpNetwork& network) {
        return network.prefix > 0 && network.contains(address);
    });
}

}  // namespace

bool RelayStanding::decide(const smtp::ReversePath& sender, const smtp::Mailbox& recipient) const {
    for (const RelayRule* rule : rules_)
        if ((!rule->sender || rule->sender->contains(sender)) &&
            (!rule->recipient || rule->recipient->contains(recipient)))
            return rule->action == RelayAction::allow;
    return otherwise_;
}

RelayStanding RelayPolicy::judge(const Client& client) const {
    RelayStanding standing;
    standing.otherwise_ = !client.identity.empty() || any_contains(relay_from_, client.peer.address);
    if (!rules_) return standing;
    auto& open = standing.rules_;
    for (const RelayRule& rule : *rules_) {
        if (!matches_client(rule, client)) continue;
        if (!depends_on_mail(rule)) {
            standing.otherwise_ = rule.action == RelayAction::allow;
            break;
        }
        open.push_back(&rule);
    }
    // The last ones need not be asked where they say what follows anyway.
    while (!open.empty() && (open.back()->action == RelayAction::allow) == standing.otherwise_)
        open.pop_back();
    return standing;
}

bool RelayPolicy::is_relay_network(const IpAddress& client) const {
    static const std::vector<RelayRule> none;
    for (const RelayRule& rule : rules_ ? *rules_ : none) {
        if (!rule.identity.empty() || !rule.certificate.empty()) continue;
        if (rule.action == RelayAction::allow) {
            if (in_relay_network(rule, client)) return true;
        } else if (!depends_on_mail(rule) && (rule.from.empty() || any_contains(rule.from, client))) {
            return false;
        }
    }
    return any_contains(relay_from_, client);
}

}  // namespace angarium::inbound

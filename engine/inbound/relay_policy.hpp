// Who may relay what over one listener: rules in order, the first one that matches decides, and whoever matches none is
// denied. Behind the configured rules, which all listeners share, stand two of its own: its networks (relay_from) may send to
// any domain, and so may whoever has authenticated.
//
// The parts of a rule that concern the client are judged once, when something is learnt about it; what then remains for a
// recipient is a bool, unless rules for senders or recipients are in its way. Compiled once, immutable. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/inbound/client.hpp"
#include "engine/smtp/address_patterns.hpp"

namespace angarium::inbound {

enum class RelayAction : std::uint8_t { deny, allow };

// Matches when all of its conditions do; a condition that is not set always does.
struct RelayRule {
    std::vector<IpNetwork> from;        // the client's address
    std::vector<std::string> identity;  // whom it has authenticated as; "*": anybody
    std::vector<std::string>
        certificate;  // a fingerprint or a name of Client, in lower case; "*": any verified one
    std::optional<smtp::AddressPatterns> sender, recipient;
    RelayAction action = RelayAction::deny;
};
using RelayRules = std::shared_ptr<const std::vector<RelayRule>>;

// What the policy leaves open for one client. The policy, or a copy of it, outlives it.
class RelayStanding {
  public:
    RelayStanding() = default;  // may do nothing

    // Whether the client may hand over mail from `sender` to `recipient`; the recipient's domain as it is, no part of its
    // local part is an address of its own (RFC 5321 section 2.3.11).
    bool permits(const smtp::ReversePath& sender, const smtp::Mailbox& recipient) const {
        return rules_.empty() ? otherwise_ : decide(sender, recipient);
    }

  private:
    friend class RelayPolicy;
    bool decide(const smtp::ReversePath& sender, const smtp::Mailbox& recipient) const;

    std::vector<const RelayRule*> rules_;  // that depend on sender or recipient, in order
    bool otherwise_ = false;
};

class RelayPolicy {
  public:
    // Denies everything.
    RelayPolicy() = default;
    RelayPolicy(std::vector<IpNetwork> relay_from, RelayRules rules = nullptr)
        : relay_from_(std::move(relay_from)), rules_(std::move(rules)) {}

    // For a client as it is known now.
    RelayStanding judge(const Client& client) const;
    // The client's address alone lets it relay, at least some mail: then no limit of connections per address applies to it.
    bool is_relay_network(const IpAddress& client) const;

  private:
    std::vector<IpNetwork> relay_from_;
    RelayRules rules_;  // null: none
};

}  // namespace angarium::inbound

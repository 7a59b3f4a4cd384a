// What a reload may change about inbound mail on one shard. The program replaces it on the shard's thread; a session looks
// at its listener's terms once, when it begins, and keeps what it began with. Owning thread: the shard's.
#pragma once

#include <memory>
#include <vector>

#include "engine/accounts/account.hpp"
#include "engine/dkim/signer.hpp"
#include "engine/inbound/options.hpp"
#include "engine/runtime/tls_context.hpp"

namespace angarium::inbound {

// What the sessions of one listener are held to. Of `listener` only the address is older than the last reload.
struct Terms {
    ListenerOptions listener;
    std::shared_ptr<runtime::TlsContext> tls;                 // this shard's; nullptr: no TLS
    std::shared_ptr<const accounts::Accounts> accounts = {};  // all shards'; nullptr: no AUTH
};

struct InForce {
    std::vector<std::shared_ptr<const Terms>> listeners;  // in the order of Options::listeners
    // Who signs for whom (DKIM); each message looks at it anew. Null: nobody.
    std::shared_ptr<const dkim::Signer> signer;
};

// Without TLS.
inline InForce plain_terms(const Options& options) {
    InForce made;
    for (const auto& listener : options.listeners)
        made.listeners.push_back(std::make_shared<const Terms>(Terms{listener, nullptr}));
    return made;
}

}  // namespace angarium::inbound

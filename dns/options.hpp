// What can be set about names, with the reason for each default. Values only, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"

namespace angarium::dns {

// The transport (cares_lookup.hpp).
struct LookupOptions {
    std::vector<Endpoint> servers;  // asked in this order; empty: the system's (/etc/resolv.conf)
    // Per server and try, doubled with each round over the servers. A resolver needs a second or two for a name whose
    // own servers are slow; two tries (2 s + 4 s) keep a dead one from holding a destination for longer than 6 s.
    Duration timeout = 2s;
    unsigned tries = 2;
    // The channel is made anew this often while it is in use: reads resolv.conf again, takes other source ports, and
    // asks for large answers again after a server without EDNS had that switched off.
    Duration renew = 60s;
};

// The cache (cache.hpp); one per shard.
struct CacheOptions {
    std::size_t entries = 50'000;  // answers kept; about half a kilobyte each
    std::size_t open = 256;  // questions under way; the servers' and the sockets' buffers hold that many
    std::size_t waiting = 20'000;  // questions waiting for their turn; beyond, they fail at once
    Duration least_ttl = 5s;  // a shorter TTL would turn a busy destination into a query for each message
    Duration most_ttl = 24h;  // a longer one would keep a mistake that its owner has corrected
    Duration most_negative =
        15min;  // RFC 2308 section 5 advises one to three hours at most; mail retries sooner
    Duration negative_without_soa = 30s;
    Duration failure_ttl =
        15s;  // SERVFAIL, timeouts: long enough to spare the servers, shorter than any retry
    // While no server answers, an expired answer still serves this long after its end (RFC 8767 section 5).
    Duration stale_for = 24h;
    unsigned suspect_after = 5;  // questions in a row without any reply; then the servers' health is probed
    Duration probe_every = 2s;   // while they are dead
};

enum class AddressOrder : std::uint8_t {
    alternating,  // an IPv4 address, an IPv6 address, and so on
    v4_first,
    v6_first,
    v4_only,  // AAAA is never asked
    v6_only,  // A is never asked
};

// From answers to exchangers (mx.hpp).
struct RouteOptions {
    std::string hostname;                 // ours; an exchanger of this name is ourselves
    std::vector<Endpoint> own_endpoints;  // where we listen, wildcards expanded (own_endpoints.hpp)
    std::uint16_t port = 25;              // where exchangers listen; own_endpoints count only with this port
    std::vector<IpNetwork> allow;  // prohibited addresses that may be used all the same: test networks only
    AddressOrder order = AddressOrder::alternating;
    std::size_t most_exchangers = 10;  // hosts resolved, best first; an attempt uses a handful of addresses
    std::size_t routes = 20'000;       // resolved domains kept; about half a kilobyte each
};

struct Options {
    LookupOptions lookup;
    CacheOptions cache;
    RouteOptions route;
};

}  // namespace angarium::dns

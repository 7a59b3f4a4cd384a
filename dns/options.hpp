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
    // Questions under way. A burst of them must fit a server's receive buffer: the kernel's default (208 KiB) holds
    // some 160 small datagrams, and each one lost costs a timeout (seen with 200 at once).
    std::size_t open = 128;
    // Questions waiting for their turn; beyond, they fail at once.
    std::size_t waiting = 20'000;
    // A shorter TTL would turn a busy destination into a query for each message; a longer one would keep a mistake that
    // its owner has corrected.
    Duration least_ttl = 5s;
    Duration most_ttl = 24h;
    // What a zone's SOA may ask for "no such name" (RFC 2308 section 5 allows hours; new domains get mail sooner).
    Duration most_negative = 15min;
    Duration negative_without_soa = 30s;
    // SERVFAIL, timeouts: long enough to spare the servers, shorter than any retry.
    Duration failure_ttl = 15s;
    // While no server answers, an expired answer still serves this long after its end (RFC 8767 section 5).
    Duration stale_for = 24h;
    // Questions in a row without any reply, before the servers' health is probed; and how often it is, while they are
    // dead.
    unsigned suspect_after = 5;
    Duration probe_every = 2s;
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
    // A route without the addresses of some exchanger (or without one family), because that question failed, is used for
    // this long before it is resolved anew: a name that always times out must not hold up the others.
    Duration incomplete_for = 1min;
    std::size_t most_exchangers = 10;  // hosts resolved, best first; an attempt uses a handful of addresses
    std::size_t routes = 20'000;       // resolved domains kept; about half a kilobyte each
};

struct Options {
    LookupOptions lookup;
    CacheOptions cache;
    RouteOptions route;
};

}  // namespace angarium::dns

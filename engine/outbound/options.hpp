// What can be set about delivery, with the reason for each default. Values only; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"
#include "engine/outbound/protection.hpp"

namespace angarium::outbound {

// How long we wait for a peer. RFC 5321 section 4.5.3.2 where nothing else is said.
struct Timeouts {
    Duration connect = 30s;  // the RFC names none; a living host answers a SYN within a few retransmissions
    Duration banner = 60s;   // RFC: 5 min; hosts that let us wait longer than one are as good as down
    Duration hello = 300s;
    Duration tls = 60s;  // the reply to STARTTLS, and the handshake; whoever takes longer has it broken
    Duration mail = 300s;
    Duration rcpt = 300s;
    Duration data = 120s;
    Duration block = 180s;        // one write of the body, at most one part
    Duration end_of_data = 600s;  // giving up too early here delivers twice
    Duration rset = 20s;          // no RFC value; nothing depends on the answer but the connection
    Duration quit = 2s;           // for the 221, which nobody needs
};

// One next hop of a static route.
struct RouteHost {
    std::string host;        // a name (looked up as A and AAAA, never MX) or an address
    std::uint16_t port = 0;  // 0: Options::port
    friend bool operator==(const RouteHost&, const RouteHost&) = default;
};

// A static route: the first one with a matching pattern wins.
struct Route {
    std::vector<std::string> domains;  // "example.net", "*.example.net" (its subdomains), "*" (every domain)
    std::vector<RouteHost> to;         // at least one
    bool balance = false;              // in random order rather than in the order given
    ProtectionId protection = 0;
};

// How mail by MX for some domains is protected: the first one with a matching pattern wins.
struct TlsRule {
    std::vector<std::string> domains;  // as in a route
    ProtectionId protection = 0;
};

struct Options {
    std::string hostname = "localhost";                 // ours, for EHLO
    std::uint16_t port = 25;                            // where exchangers listen
    std::optional<IpAddress> source;                    // the local address; empty: the kernel's choice
    std::vector<Protection> protections{Protection{}};  // the first is for mail by MX without a rule
    std::vector<TlsRule> tls_rules;
    std::vector<Route> routes;
    Timeouts timeouts;

    // Connections of all sites and shards together. Each takes a descriptor and some 20 KiB.
    unsigned connections = 5000;
    // Per site: where it starts, and how far successes carry it. Postfix, KumoMTA and PowerMTA end at 10 to 32.
    unsigned site_start = 5;
    unsigned site_most = 20;
    unsigned deliveries_per_connection = 1000;
    Duration idle = 10s;  // an unused connection is kept this long

    // Addresses tried before a site counts as unreachable, and sessions that one attempt of one delivery may use:
    // together they bound what a message costs (Postfix: 5 and 2).
    unsigned addresses_per_attempt = 5;
    unsigned sessions_per_attempt = 2;
    // An address that failed is tried after its living siblings for this long.
    Duration address_rest = 60s;
    // A host whose TLS failed gets plain text for this long, where the protection allows it.
    Duration tls_rest = 10min;
    // Destinations that ask for an unreachable site within this time hear the same reason without a new connection:
    // shorter than any sensible retry, long enough for the domains that share the site to come by. Where sessions broke on
    // one destination's mail alone, only that one.
    Duration site_rest = 5s;
    // The same for a site that refuses our login: servers lock accounts out where somebody goes on guessing.
    Duration login_rest = 60s;
    // Sessions in a row that end without one finished transaction before the site counts as unreachable; at least as
    // many as it has connections.
    unsigned strikes = 3;

    std::size_t recipients_per_transaction =
        100;  // RFC 5321 section 4.5.3.1.8 lets every server take that many
    bool pipelining = true;
    bool chunking = true;
    std::size_t inline_chunk = 64 * 1024;  // bytes of a body that goes with MAIL and RCPT in one flight
    // Refuse to send a body declared BODY=8BITMIME to a server without 8BITMIME. RFC 6152 section 3 wants that or a
    // conversion; in practice every server is 8-bit clean and relays send it as it is, so this is off.
    bool strict_8bitmime = false;
};

}  // namespace angarium::outbound

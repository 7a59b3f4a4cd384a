// What can be set about inbound mail, with the reason for each default, and how it reports refusals. Values only; the
// program fills them before the shards start, and every shard reads the same ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"
#include "engine/inbound/relay_policy.hpp"

namespace angarium::inbound {

// Clients of one shard that are told 421 in place of a banner, and given time to read it.
inline constexpr std::size_t most_turned_away = 64;

struct Limits {
    std::size_t connections = 20'000;           // in all, over all shards
    std::size_t connections_per_address = 100;  // over all shards; relay networks are exempt
    std::size_t recipients = 1'000;             // per message; RFC 5321 section 4.5.3.1.8 wants at least 100
    std::uint64_t message_size = 50ull << 20;   // bytes of content, advertised by SIZE
    unsigned hops = 100;                        // Received: fields, RFC 5321 section 6.3 wants at least 100
    unsigned errors = 50;             // 5xx replies since the last accepted message, before we hang up
    unsigned failed_logins = 3;       // in one connection, before we hang up
    Duration command_timeout = 300s;  // for one command line, RFC 5321 section 4.5.3.2.7
    Duration pressure_timeout =
        30s;  // instead of it and of the next one, when nine tenths of the connections are taken
    Duration data_timeout = 300s;  // between two pieces of content, and the grace of minimum_rate
    std::uint64_t minimum_rate =
        1024;  // bytes of content a second on average: a 50 MiB body at that rate takes hours
    Duration write_timeout = 300s;  // for the client to take our replies
    // After our last reply, for the client to read it and close; while we drain, for a handshake.
    Duration linger = 2s;
    std::size_t reply_backlog = 16'384;  // bytes of replies that may wait before we read no more commands
};

enum class TlsMode : std::uint8_t {
    off,
    starttls,  // RFC 3207
    implicit,  // RFC 8314: the handshake comes before the banner
};

struct ListenerOptions {
    Endpoint address;  // port 0: a free one
    RelayPolicy relay;
    TlsMode tls = TlsMode::off;
    bool require_tls = false;       // nothing but the way to STARTTLS is understood before it
    bool require_auth = false;      // MAIL is refused before AUTH
    bool show_identity = false;     // in Received:, to all recipients
    bool auth_without_tls = false;  // else AUTH is offered under TLS only
};

// A refused sender, recipient or message. The views live for the call.
struct Rejection {
    std::string_view peer;       // "address:port"
    std::string_view helo;       // empty before HELO
    std::string_view sender;     // without brackets; empty for the null sender, or when it was not understood
    std::string_view recipient;  // empty when the refusal is not about one
    std::string_view identity;   // logged in as, or tried to; empty: nobody
    std::uint16_t code = 0;      // 0: no reply could be given
    std::string_view reply;      // enhanced status and text: "5.7.1 Relaying denied"
    WallTime at;
};

struct Options {
    std::string hostname;  // ours: in the banner, in EHLO and in Received:
    Limits limits;
    std::vector<ListenerOptions> listeners;  // where to listen; what else holds there: in_force.hpp
};

// Called on the shard where it happened, within the dialogue: it must neither block nor wait.
using RejectionLog = std::function<void(const Rejection&)>;

}  // namespace angarium::inbound

// The configuration: plain values with their defaults, and how they are read from TOML and printed as TOML. Which keys
// there are, their ranges and their one-line documentation stand in config_schema.hpp; what must hold between keys in
// config_check.cpp. Read once at start, on the main thread; shards get values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/system_facts.hpp"
#include "engine/app/units.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/result.hpp"
#include "engine/base/time.hpp"
#include "engine/dkim/signature.hpp"

namespace angarium::app {

// A host by address or name, with a port: "192.0.2.1:25", "[2001:db8::1]:25", "smtp.example.net:587".
struct HostPort {
    std::string host;  // an address without brackets, or a lower-case name
    std::uint16_t port = 0;

    static std::optional<HostPort> parse(std::string_view text);
    std::string text() const;
    // Where the host is an address.
    std::optional<Endpoint> endpoint() const;
    friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Names of files: written as one text, or as a list of them.
struct Files {
    std::vector<std::string> names;
    bool empty() const { return names.empty(); }
    friend bool operator==(const Files&, const Files&) = default;
};

struct ListenerConfig {
    Endpoint address;
    std::vector<IpNetwork> relay_from;  // empty: nobody may relay here
    std::string tls = "off";            // off, starttls, implicit
    Files certificate, key;             // in pairs
    bool require_tls = false;
    std::string client_certificate = "off";  // off, optional, required
    std::string client_authorities;          // a file; empty: none
    std::string auth;                        // the file of accounts; empty: nobody can log in
    bool auth_without_tls = false;
    bool require_auth = false;
    bool show_identity = false;
};

// A rule of the relay policy: it matches when all conditions that are given do. An empty list: not given.
struct RelayConfig {
    std::string action;                    // "allow" or "deny"
    std::vector<IpNetwork> from;           // the client's address
    std::vector<std::string> identity;     // authenticated as; "*": anybody
    std::vector<std::string> certificate;  // fingerprint or name, in lower case; "*": any verified one
    std::vector<std::string> sender;       // as smtp::AddressPatterns knows them
    std::vector<std::string> recipient;
};

struct RetryConfig {
    Duration first = 5min;
    double factor = 2.0;
    Duration cap = 4h;
    double jitter = 0.2;
    Duration lifetime = 5 * 24h;
};

struct QueueConfig {
    std::string path = "/var/lib/angarium/queue";
    Bytes journal = gib(1);   // of all shards; raised to 4 segments a shard where it is not set
    Bytes segment = mib(64);  // one journal file
    Bytes reserve = gib(1);   // of the disk, for what has been accepted
    unsigned window = 1024;   // ready deliveries in memory per destination
    RetryConfig retry;
};

struct LimitsConfig {
    Bytes memory;  // default: half of the cgroup limit or of RAM
    unsigned connections = 20'000;
    unsigned connections_per_address = 100;
    unsigned recipients = 1'000;
    Bytes message_size = mib(50);
    Duration command_timeout = 5min;
    Duration pressure_timeout = 30s;
    Duration data_timeout = 5min;
    Bytes minimum_rate = kib(1);  // a second, on average over a message
    unsigned hops = 100;
    unsigned errors = 50;
    unsigned auth_failures = 20;
};

struct TimeoutsConfig {  // RFC 5321, section 4.5.3.2, where it names one
    Duration connect = 30s;
    Duration banner = 60s;
    Duration tls = 1min;      // STARTTLS and the handshake
    Duration command = 5min;  // EHLO, MAIL, RCPT
    Duration data = 2min;
    Duration block = 3min;
    Duration end_of_data = 10min;
    Duration quit = 2s;
};

inline constexpr std::string_view system_authorities = "/etc/ssl/certs/ca-certificates.crt";

struct DeliveryConfig {
    unsigned port = 25;
    std::string tls = "opportunistic";  // none, opportunistic, required or verified
    std::string tls_authorities{system_authorities};
    std::optional<IpAddress> source;  // nothing: "any", the kernel's choice
    unsigned connections = 5'000;
    unsigned connections_per_site = 20;
    unsigned connections_at_start = 5;
    unsigned deliveries_per_connection = 1'000;
    Duration idle = 10s;
    unsigned recipients_per_transaction = 100;
    unsigned addresses_per_attempt = 5;
    unsigned sessions_per_attempt = 2;
    TimeoutsConfig timeouts;
};

// How mail by MX for some domains is protected, where not as [delivery] says.
struct TlsPolicyConfig {
    std::vector<std::string> domains;    // as of a route
    std::string tls;                     // as in [delivery]
    std::vector<std::string> tls_names;  // what certificates must be for; empty: the exchanger's name
    std::string tls_authorities;         // default: that of [delivery]
};

struct RouteConfig {
    std::vector<std::string> domains;  // "example.net", "*.example.net" (below it), "*" (all); lower case
    std::vector<HostPort> to;          // tried in this order
    bool balance = false;              // or in random order
    std::string tls;                   // default: that of [delivery], verified with implicit_tls or user
    bool implicit_tls = false;
    std::vector<std::string> tls_names;
    std::string tls_authorities;  // default: that of [delivery]
    std::string certificate, key;
    std::string user, password_file;  // empty: no login
    bool auth_without_tls = false;
};

struct DkimConfig {
    std::vector<std::string> domains;  // lower case
    std::string selector;
    std::string key;  // file
    bool subdomains = false;
    std::string canonicalization = "relaxed/relaxed";
    std::vector<std::string> headers = dkim::default_headers();    // lower case
    std::vector<std::string> oversign = dkim::default_oversign();  // lower case
    Duration expire = 0s;                                          // 0: signatures do not expire
};

struct DnsConfig {
    std::vector<Endpoint> servers;  // empty: the system's
    std::vector<IpNetwork> allow;   // exempt from the prohibited networks
    Duration timeout = 2s;
    unsigned tries = 2;
    unsigned open_queries = 128;
    unsigned cache_entries = 50'000;
    Duration least_ttl = 5s;
    Duration most_ttl = 24h;
    Duration negative_ttl = 15min;
    std::string order = "alternating";  // alternating, v4_first, v6_first, v4_only, v6_only
};

struct HttpConfig {
    std::optional<Endpoint> address = Endpoint{IpAddress::v4(0x7f000001), 9925};  // nothing: "off"
    unsigned connections = 64;
};

struct LogConfig {
    std::string delivery;  // a folder; default: "log" inside queue.path
    std::string level = "info";
};

struct RuntimeConfig {
    unsigned shards = 1;  // default: the cores that this process may use
    bool pin = false;
    unsigned storage_threads = 2;
    Duration drain = 30s;
};

struct Config {
    std::string hostname;  // default: the system's fully qualified name
    std::vector<ListenerConfig> listeners;
    std::vector<RelayConfig> relay;  // in order; the first one that matches decides
    QueueConfig queue;
    LimitsConfig limits;
    DeliveryConfig delivery;
    std::vector<TlsPolicyConfig> tls_policies;
    std::vector<RouteConfig> routes;
    std::vector<DkimConfig> dkim;
    DnsConfig dns;
    HttpConfig http;
    LogConfig log;
    RuntimeConfig runtime;

    // What is allowed but may be a mistake, each a line as in ConfigErrors. Not a key.
    std::vector<std::string> warnings;
};

inline constexpr unsigned most_shards = 64;
inline constexpr unsigned least_segments = 4;  // per shard: being written, next, retiring, spare

// All that is wrong, in the order of the file; each a line "file:line:column: key: what, and the remedy".
using ConfigErrors = std::vector<Error>;

// `name` stands in the errors. After a syntax error nothing else is reported; all other errors are found in one go.
std::expected<Config, ConfigErrors> parse_config(std::string_view text, std::string_view name,
                                                 const SystemFacts& facts);
std::expected<Config, ConfigErrors> load_config(const std::string& path, const SystemFacts& facts);

// The keys whose values differ: "queue.retry.cap", "listener[0].tls"; "route" when there are more or fewer of them.
std::vector<std::string> changed_keys(const Config& before, const Config& after);

// Every key with its effective value and a comment; parse_config reads it back to an equal configuration.
std::string print_config(const Config& config);

// Who may relay what, in the order of judgement, for people to read; every line is a comment in TOML.
std::string relay_table(const Config& config);

}  // namespace angarium::app

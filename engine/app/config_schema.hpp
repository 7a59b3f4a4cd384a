// Every key of the configuration, once: its name, field, range and documentation. The loader, the printer and the list of
// known keys are visitors of these functions, so that a key cannot be read and not printed, or the reverse.
//
// A visitor has value(name, field, doc), value(name, field, least, most, doc), required(name, field, doc) for keys that an
// entry of an array must have, condition(name, list, doc) for lists that may be left out but not be empty,
// section(name, struct, doc) and entries(name, vector, doc). In a table values come first.
#pragma once

#include <concepts>
#include <limits>
#include <type_traits>

#include "engine/app/config.hpp"

namespace angarium::app {

// The struct itself for the loader, its const form for the printer.
template <class T, class S>
concept Shape = std::same_as<std::remove_const_t<T>, S>;

inline constexpr Duration day = 24h;

template <class V, Shape<ListenerConfig> C>
void describe(V& v, C& c) {
    v.required("address", c.address, "where mail is accepted; port 0 takes a free one");
    v.value("relay_from", c.relay_from, "networks that may send to any domain; empty: nobody");
    v.value("tls", c.tls, "off, starttls, or implicit (the handshake comes first: port 465)");
    v.value("certificate", c.certificate,
            "PEM file of the certificate and those above it, or a list: the first for whoever asks for no "
            "other name");
    v.value("key", c.key, "PEM file of its private key, readable by this user only; as many as certificates");
    v.value("require_tls", c.require_tls, "mail is taken behind STARTTLS only");
    v.value("auth", c.auth,
            "file of accounts (`angarium user`); who has logged in may send to any domain; empty: no AUTH");
    v.value("auth_without_tls", c.auth_without_tls,
            "passwords may come in plain text; trusted networks only");
    v.value("require_auth", c.require_auth, "mail is taken behind AUTH only");
    v.value("show_identity", c.show_identity, "Received: says who has logged in, to every recipient");
    v.value(
        "client_certificate", c.client_certificate,
        "off, optional, or required (without a good one the handshake fails); [[relay]] says what it allows");
    v.value("client_authorities", c.client_authorities,
            "PEM file of the authorities that sign clients' certificates");
}

template <class V, Shape<RelayConfig> C>
void describe(V& v, C& c) {
    v.required("action", c.action, "allow or deny");
    v.condition("from", c.from, "networks that the client's address lies in");
    v.condition("identity", c.identity, "names that it has authenticated as; \"*\": any");
    v.condition("certificate", c.certificate,
                "SHA-256 or names of the client certificate that it has shown; \"*\": any verified one");
    v.condition("sender", c.sender, "\"example.net\", \"*.example.net\", \"jack@example.net\" or \"<>\"");
    v.condition("recipient", c.recipient,
                "\"example.net\", \"*.example.net\", \"jack@example.net\" or \"*\"");
}

template <class V, Shape<RetryConfig> C>
void describe(V& v, C& c) {
    v.value("first", c.first, 1s, 30 * day, "wait after the first failed attempt");
    v.value("factor", c.factor, 1.0, 100.0, "each further wait is longer by this factor");
    v.value("cap", c.cap, 1s, 30 * day, "but never longer than this");
    v.value("jitter", c.jitter, 0.0, 0.9, "each wait is shifted at random by up to this share of it");
    v.value("lifetime", c.lifetime, 1s, 60 * day, "a message not delivered by then expires and is bounced");
}

template <class V, Shape<QueueConfig> C>
void describe(V& v, C& c) {
    v.value("path", c.path, "folder of journal and store; on a local disk");
    v.value("journal", c.journal, mib(16), gib(4096), "size of the journals of all shards together");
    v.value("segment", c.segment, mib(4), mib(64), "size of one journal file");
    v.value(
        "reserve", c.reserve, Bytes{0}, gib(4096),
        "of the disk: with less free, mail is refused (452); the journals' size and more leaves room for all "
        "that was accepted; 0B: none");
    v.value("window", c.window, 16u, 1'000'000u, "ready deliveries in memory per destination");
    v.section("retry", c.retry, "when a deferred delivery is tried again");
}

template <class V, Shape<LimitsConfig> C>
void describe(V& v, C& c) {
    v.value("memory", c.memory, mib(64), gib(65536),
            "the one memory budget; default: half of the cgroup limit or of RAM");
    v.value("connections", c.connections, 1u, 1'000'000u,
            "inbound connections in all, the last tenth for relay networks; further ones get 421");
    v.value("connections_per_address", c.connections_per_address, 1u, 1'000'000u,
            "inbound connections per client address; relay networks are exempt");
    // More, of one domain, with the longest addresses, would not fit a journal's group when they fail together.
    v.value("recipients", c.recipients, 100u, 1'000u, "recipients per message; further ones get 452");
    v.value("message_size", c.message_size, kib(64), gib(4), "largest message, announced by SIZE");
    v.value("command_timeout", c.command_timeout, 1s, 1h, "silence of a client before it is closed");
    v.value("pressure_timeout", c.pressure_timeout, 1s, 1h,
            "instead of command_timeout and data_timeout, when nine tenths of the connections are taken");
    v.value("data_timeout", c.data_timeout, 1s, 1h, "silence of a client that sends a message");
    v.value("minimum_rate", c.minimum_rate, Bytes{1}, gib(1), "bytes a second that it must send on average");
    v.value("hops", c.hops, 10u, 1'000u, "Received: headers before a message counts as looping");
    v.value("errors", c.errors, 1u, 100'000u,
            "5xx replies since the last accepted message before a client is closed");
    v.value("auth_failures", c.auth_failures, 3u, 10'000u,
            "failed logins of an address or a name before further ones get 454; one is forgotten every 30s");
}

template <class V, Shape<TimeoutsConfig> C>
void describe(V& v, C& c) {
    v.value("connect", c.connect, 100ms, 1h, "until the connection is open");
    v.value("banner", c.banner, 100ms, 1h, "until the remote server's 220");
    v.value("tls", c.tls, 100ms, 1h, "until the reply to STARTTLS, and for the handshake");
    v.value("command", c.command, 100ms, 1h, "until the reply to EHLO, MAIL or RCPT");
    v.value("data", c.data, 100ms, 1h, "until the 354");
    v.value("block", c.block, 100ms, 1h, "until a block of the message is written");
    v.value("end_of_data", c.end_of_data, 100ms, 1h,
            "until the reply to the final dot; too short delivers twice");
    v.value("quit", c.quit, 100ms, 1h, "until the reply to QUIT");
}

template <class V, Shape<DeliveryConfig> C>
void describe(V& v, C& c) {
    v.value("port", c.port, 1u, 65'535u, "of the recipients' servers; changed only in test networks");
    v.value(
        "tls", c.tls,
        "none, opportunistic (where it is offered and works), required or verified (else the mail waits)");
    v.value("tls_authorities", c.tls_authorities,
            "PEM file of the authorities that certificates must lead to");
    v.value("source", c.source, "local address of outbound connections; \"any\": the kernel's choice");
    v.value("connections", c.connections, 1u, 1'000'000u, "outbound connections in all");
    v.value("connections_per_site", c.connections_per_site, 1u, 100'000u, "outbound connections to one site");
    v.value("connections_at_start", c.connections_at_start, 1u, 100'000u,
            "to a site that has not yet taken mail; grows with success");
    v.value("deliveries_per_connection", c.deliveries_per_connection, 1u, 1'000'000u,
            "then it is closed and opened anew");
    v.value("idle", c.idle, 0s, 1h, "how long a connection waits for the next delivery");
    v.value("recipients_per_transaction", c.recipients_per_transaction, 1u, 10'000u,
            "recipients of one message sent at once");
    v.value("addresses_per_attempt", c.addresses_per_attempt, 1u, 100u,
            "exchanger addresses tried before a delivery is deferred");
    v.value("sessions_per_attempt", c.sessions_per_attempt, 1u, 100u,
            "connections that one attempt of a delivery may use up");
    v.section("timeouts", c.timeouts, "how long a remote server may take (RFC 5321, section 4.5.3.2)");
}

template <class V, Shape<TlsPolicyConfig> C>
void describe(V& v, C& c) {
    v.required("domains", c.domains, "as of a route; the first policy that matches counts");
    v.required("tls", c.tls, "none, opportunistic, required or verified");
    v.value(
        "tls_names", c.tls_names,
        "verified: what certificates must be for, \".example.net\" for all below it; empty: the exchanger's "
        "name, as DNS gives it");
    v.value("tls_authorities", c.tls_authorities, "instead of those of [delivery]");
}

template <class V, Shape<RouteConfig> C>
void describe(V& v, C& c) {
    v.required("domains", c.domains,
               "\"example.net\", \"*.example.net\" for all below it, \"*\" for all; the first route that "
               "matches counts");
    v.required("to", c.to, "\"host:port\", tried in this order");
    v.value("balance", c.balance, "in random order instead");
    v.value("tls", c.tls, "default: as in [delivery]; with implicit_tls or user: verified");
    v.value("implicit_tls", c.implicit_tls, "TLS from the start (port 465), not by STARTTLS");
    v.value("tls_names", c.tls_names, "verified: what certificates must be for; empty: the host in \"to\"");
    v.value("tls_authorities", c.tls_authorities, "instead of those of [delivery]");
    v.value("certificate", c.certificate,
            "PEM file of our own certificate and its chain, where the server wants one; empty: none");
    v.value("key", c.key, "PEM file of its private key");
    v.value("user", c.user, "whom to log in as (AUTH SCRAM-SHA-256, PLAIN or LOGIN); empty: nobody");
    v.value("password_file", c.password_file, "file whose first line is the password, closed to other users");
    v.value("auth_without_tls", c.auth_without_tls, "log in even where the password can be read on its way");
}

template <class V, Shape<DkimConfig> C>
void describe(V& v, C& c) {
    v.required(
        "domains", c.domains,
        "domains of authors (From:) that this key signs for; several entries for one: several signatures");
    v.required("selector", c.selector, "the key's name in DNS: SELECTOR._domainkey.DOMAIN");
    v.required("key", c.key, "PEM file of the private key; `angarium dkim keygen` makes one");
    v.value("subdomains", c.subdomains, "also for what is below these domains and has no entry of its own");
    v.value("canonicalization", c.canonicalization,
            "of header/body: relaxed survives changes of white space, simple does not");
    v.value("headers", c.headers, "fields that are signed where they occur; From always is");
    v.value("oversign", c.oversign, "fields that nobody may add on the way: named once more than they occur");
    v.value("expire", c.expire, 0s, 365 * day, "signatures count for so long; \"0s\": without end");
}

template <class V, Shape<DnsConfig> C>
void describe(V& v, C& c) {
    v.value("servers", c.servers, "\"address:port\"; empty: the system's");
    v.value("allow", c.allow,
            "networks where exchangers may be although they are prohibited by default (loopback ...)");
    v.value("timeout", c.timeout, 50ms, 1min, "of one try of a query");
    v.value("tries", c.tries, 1u, 10u, "of a query, each at the next server");
    v.value("open_queries", c.open_queries, 1u, 100'000u, "queries under way per shard; further ones wait");
    v.value("cache_entries", c.cache_entries, 100u, 10'000'000u, "answers kept per shard");
    v.value("least_ttl", c.least_ttl, 0s, 1h, "answers are kept at least so long");
    v.value("most_ttl", c.most_ttl, 1s, 30 * day, "and at most so long");
    v.value("negative_ttl", c.negative_ttl, 0s, day, "\"no such name\" is kept at most so long");
    v.value("order", c.order,
            "of an exchanger's addresses: alternating, v4_first, v6_first, v4_only or v6_only");
}

template <class V, Shape<HttpConfig> C>
void describe(V& v, C& c) {
    v.value("address", c.address, "serves /metrics, /healthz and /readyz; \"off\" serves nothing");
    v.value("connections", c.connections, 1u, 10'000u, "at the same time");
}

template <class V, Shape<LogConfig> C>
void describe(V& v, C& c) {
    v.value("delivery", c.delivery, "folder of the delivery log, one file per shard");
    v.value("level", c.level, "of diagnostics on standard error: debug, info, warning or error");
}

template <class V, Shape<RuntimeConfig> C>
void describe(V& v, C& c) {
    v.value("shards", c.shards, 1u, most_shards,
            "threads that carry mail; default: the cores that may be used");
    v.value("pin", c.pin, "ties each shard to a core");
    v.value("storage_threads", c.storage_threads, 1u, 64u, "threads for the store's blocking calls");
    v.value("drain", c.drain, 0s, 1h, "how long attempts under way may take after SIGTERM");
}

template <class V, Shape<Config> C>
void describe(V& v, C& c) {
    v.value("hostname", c.hostname, "our name in greetings, EHLO, Received: and bounces");
    v.entries("listener", c.listeners, "where mail comes in");
    v.entries("relay", c.relay,
              "who may relay what: the first entry whose conditions all hold decides; then the listener's "
              "relay_from and its authenticated clients are allowed, all others denied");
    v.section("queue", c.queue, "what is kept on disk");
    v.section("limits", c.limits, "what inbound may use");
    v.section("delivery", c.delivery, "how mail goes out");
    v.entries("tls_policy", c.tls_policies,
              "how mail for some domains is protected on its way to their exchangers");
    v.entries("route", c.routes, "where mail for some domains goes instead of to their exchangers");
    v.entries("dkim", c.dkim, "who signs for whom");
    v.section("dns", c.dns, "how names are resolved");
    v.section("http", c.http, "metrics and health");
    v.section("log", c.log, "what is written down");
    v.section("runtime", c.runtime, "threads");
}

}  // namespace angarium::app

#include "engine/app/settings.hpp"

#include <algorithm>

#include "engine/app/memory_shares.hpp"
#include "engine/base/assert.hpp"

namespace angarium::app {
namespace {

// Bytes that an entry of the young table, and a ready delivery without its body, take with their indices.
constexpr std::size_t young_entry = 320, window_entry = 800;

dns::AddressOrder address_order(std::string_view name) {
    if (name == "v4_first") return dns::AddressOrder::v4_first;
    if (name == "v6_first") return dns::AddressOrder::v6_first;
    if (name == "v4_only") return dns::AddressOrder::v4_only;
    if (name == "v6_only") return dns::AddressOrder::v6_only;
    return dns::AddressOrder::alternating;
}

std::optional<smtp::AddressPatterns> patterns(const std::vector<std::string>& given) {
    if (given.empty()) return std::nullopt;
    auto made = smtp::AddressPatterns::make(given);
    ANGARIUM_ASSERT(made);  // the configuration has been checked
    return std::move(*made);
}

inbound::RelayRules relay_rules(const Config& config) {
    if (config.relay.empty()) return nullptr;
    std::vector<inbound::RelayRule> rules;
    for (const auto& given : config.relay) {
        auto& rule = rules.emplace_back();
        rule.from = given.from;
        rule.identity = given.identity;
        rule.certificate = given.certificate;
        rule.sender = patterns(given.sender);
        rule.recipient = patterns(given.recipient);
        rule.action = given.action == "allow" ? inbound::RelayAction::allow : inbound::RelayAction::deny;
    }
    return std::make_shared<const std::vector<inbound::RelayRule>>(std::move(rules));
}

// What the configuration demands of connections, each demand once.
class Protections {
  public:
    explicit Protections(std::vector<outbound::Protection>& all) : all_(all) { all_.clear(); }
    outbound::ProtectionId add(outbound::Protection protection) {
        const auto found = std::find(all_.begin(), all_.end(), protection);
        const auto id = static_cast<outbound::ProtectionId>(found - all_.begin());
        if (found == all_.end()) all_.push_back(std::move(protection));
        return id;
    }

  private:
    std::vector<outbound::Protection>& all_;
};

outbound::Protection protection_of(const std::string& tls, const std::string& authorities) {
    using outbound::TlsPolicy;
    outbound::Protection out;
    for (const auto policy : {TlsPolicy::opportunistic, TlsPolicy::required, TlsPolicy::verified})
        if (tls == to_string(policy)) out.policy = policy;
    out.authorities = authorities;
    // A system without the usual file can still encrypt.
    out.authorities_optional = out.policy != TlsPolicy::verified && authorities == system_authorities;
    return out;
}

}  // namespace

std::vector<inbound::ListenerOptions> listener_options(const Config& config) {
    std::vector<inbound::ListenerOptions> all;
    const auto rules = relay_rules(config);
    for (const auto& listener : config.listeners) {
        auto& out = all.emplace_back();
        out.address = listener.address;
        out.relay = {listener.relay_from, rules};
        if (listener.tls == "starttls") out.tls = inbound::TlsMode::starttls;
        if (listener.tls == "implicit") out.tls = inbound::TlsMode::implicit;
        out.require_tls = listener.require_tls;
        out.require_auth = listener.require_auth;
        out.show_identity = listener.show_identity;
        out.auth_without_tls = listener.auth_without_tls;
    }
    return all;
}

inbound::Options inbound_options(const Config& config) {
    inbound::Options out;
    out.hostname = config.hostname;
    const auto& limits = config.limits;
    out.limits.connections = limits.connections;
    out.limits.connections_per_address = limits.connections_per_address;
    out.limits.recipients = limits.recipients;
    out.limits.message_size = limits.message_size.count;
    out.limits.hops = limits.hops;
    out.limits.errors = limits.errors;
    out.limits.command_timeout = limits.command_timeout;
    out.limits.pressure_timeout = limits.pressure_timeout;
    out.limits.data_timeout = limits.data_timeout;
    out.limits.minimum_rate = limits.minimum_rate.count;
    out.listeners = listener_options(config);
    return out;
}

accounts::LoginOptions login_options(const Config& config) {
    accounts::LoginOptions out;
    out.attempts.most = config.limits.auth_failures;
    return out;
}

outbound::Options outbound_options(const Config& config) {
    outbound::Options out;
    const auto& delivery = config.delivery;
    out.hostname = config.hostname;
    out.port = static_cast<std::uint16_t>(delivery.port);
    out.source = delivery.source;
    Protections protections(out.protections);
    protections.add(protection_of(delivery.tls, delivery.tls_authorities));
    for (const auto& policy : config.tls_policies) {
        auto protection = protection_of(policy.tls, policy.tls_authorities);
        protection.names = policy.tls_names;
        out.tls_rules.push_back({policy.domains, protections.add(std::move(protection))});
    }
    for (const auto& route : config.routes) {
        auto protection = protection_of(route.tls, route.tls_authorities);
        protection.implicit = route.implicit_tls;
        protection.names = route.tls_names;
        protection.certificate = route.certificate;
        protection.key = route.key;
        protection.user = route.user;
        protection.password_file = route.password_file;
        protection.auth_without_tls = route.auth_without_tls;
        outbound::Route to;
        to.protection = protections.add(std::move(protection));
        to.domains = route.domains;
        for (const auto& host : route.to) to.to.push_back({host.host, host.port});
        to.balance = route.balance;
        out.routes.push_back(std::move(to));
    }
    out.timeouts.connect = delivery.timeouts.connect;
    out.timeouts.banner = delivery.timeouts.banner;
    out.timeouts.tls = delivery.timeouts.tls;
    out.timeouts.hello = out.timeouts.mail = out.timeouts.rcpt = delivery.timeouts.command;
    out.timeouts.data = delivery.timeouts.data;
    out.timeouts.block = delivery.timeouts.block;
    out.timeouts.end_of_data = delivery.timeouts.end_of_data;
    out.timeouts.quit = delivery.timeouts.quit;
    out.connections = delivery.connections;
    out.site_start = delivery.connections_at_start;
    out.site_most = delivery.connections_per_site;
    out.deliveries_per_connection = delivery.deliveries_per_connection;
    out.idle = delivery.idle;
    out.addresses_per_attempt = delivery.addresses_per_attempt;
    out.sessions_per_attempt = delivery.sessions_per_attempt;
    out.recipients_per_transaction = delivery.recipients_per_transaction;
    return out;
}

dns::Options dns_options(const Config& config) {
    dns::Options out;
    const auto& dns = config.dns;
    out.lookup.servers = dns.servers;
    out.lookup.timeout = dns.timeout;
    out.lookup.tries = dns.tries;
    out.cache.entries = dns.cache_entries;
    out.cache.open = dns.open_queries;
    out.cache.least_ttl = dns.least_ttl;
    out.cache.most_ttl = dns.most_ttl;
    out.cache.most_negative = dns.negative_ttl;
    out.route.hostname = config.hostname;
    out.route.port = static_cast<std::uint16_t>(config.delivery.port);
    out.route.allow = dns.allow;
    out.route.order = address_order(dns.order);
    return out;
}

queue::QueueOptions queue_options(const Config& config) {
    queue::QueueOptions out;
    const auto memory = memory_shares(config);
    out.path = config.queue.path;
    out.log_directory = config.log.delivery;
    out.hostname = config.hostname;
    out.journal_bytes = config.queue.journal.count;
    out.segment_bytes = config.queue.segment.count;
    out.reserve = config.queue.reserve.count;
    out.body_memory = memory.bodies;
    out.young_messages = std::max<std::size_t>(10'000, memory.young / young_entry);
    const auto& retry = config.queue.retry;
    out.retry = {retry.first, retry.factor, retry.cap, retry.jitter, retry.lifetime};
    out.window.per_destination = config.queue.window;
    out.window.in_all = std::max<std::size_t>(config.queue.window, memory.windows / window_entry);
    return out;
}

queue::StoreOptions store_options(const Config& config, std::function<void(std::string)> alarm) {
    queue::StoreOptions out;
    out.path = config.queue.path + "/store";
    out.memory = memory_shares(config).store;
    out.background_threads = static_cast<int>(config.runtime.storage_threads);
    out.alarm = std::move(alarm);
    return out;
}

}  // namespace angarium::app

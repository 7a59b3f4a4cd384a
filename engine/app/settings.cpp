#include "engine/app/settings.hpp"

#include <algorithm>

namespace angarium::app {
namespace {

// Bytes that an entry of the young table, and a ready delivery without its body, take with their indices.
constexpr std::size_t young_entry = 320, window_entry = 800;
// More cache than this does not help a queue, whose old mail is read once.
constexpr std::size_t most_store_memory = 1u << 30;

dns::AddressOrder address_order(std::string_view name) {
    if (name == "v4_first") return dns::AddressOrder::v4_first;
    if (name == "v6_first") return dns::AddressOrder::v6_first;
    if (name == "v4_only") return dns::AddressOrder::v4_only;
    if (name == "v6_only") return dns::AddressOrder::v6_only;
    return dns::AddressOrder::alternating;
}

}  // namespace

MemoryShares memory_shares(const Config& config) {
    const auto budget = static_cast<std::size_t>(config.limits.memory.count);
    return {budget / 2, std::min(budget / 4, most_store_memory), budget / 8, budget / 16};
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
    for (const auto& listener : config.listeners)
        out.listeners.push_back({listener.address, listener.relay_from});
    return out;
}

outbound::Options outbound_options(const Config& config) {
    outbound::Options out;
    const auto& delivery = config.delivery;
    out.hostname = config.hostname;
    out.port = static_cast<std::uint16_t>(delivery.port);
    out.source = delivery.source;
    for (const auto& route : config.routes) {
        outbound::Route to;
        to.domains = route.domains;
        for (const auto& host : route.to) to.to.push_back({host.host, host.port});
        to.balance = route.balance;
        out.routes.push_back(std::move(to));
    }
    out.timeouts.connect = delivery.timeouts.connect;
    out.timeouts.banner = delivery.timeouts.banner;
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

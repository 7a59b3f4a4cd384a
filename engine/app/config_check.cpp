// What must hold between the keys of a configuration, and names that must be well formed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "engine/app/config_findings.hpp"

namespace angarium::app {
namespace {

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    return std::all_of(label.begin(), label.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    });
}

bool is_name(std::string_view name) {
    if (name.empty() || name.size() > 253) return false;
    while (true) {
        const auto dot = name.find('.');
        if (!is_label(name.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        name.remove_prefix(dot + 1);
    }
}

void check_hostname(const Config& c, Findings& f) {
    if (c.hostname.empty())
        f.report("hostname",
                 "this system has no fully qualified name; set it, such as hostname = \"relay.example.net\"");
    else if (!is_name(c.hostname) || c.hostname.find('.') == std::string::npos)
        f.report(
            "hostname",
            fmt::format("\"{}\" is no fully qualified host name; write one such as \"relay.example.net\"",
                        c.hostname));
}

void check_listeners(const Config& c, Findings& f) {
    if (c.listeners.empty())
        f.report("listener", "nothing would accept mail; add [[listener]] with address = \"127.0.0.1:2525\"");
    std::set<std::string> taken;
    if (c.http.address && c.http.address->port != 0) taken.insert(c.http.address->text());
    for (std::size_t i = 0; i < c.listeners.size(); ++i) {
        const auto& listener = c.listeners[i];
        const auto key = fmt::format("listener[{}]", i);
        if (listener.address.port != 0 && !taken.insert(listener.address.text()).second)
            f.report(key + ".address",
                     fmt::format("{} is used twice; choose another port", listener.address.text()));
        for (const auto& network : listener.relay_from)
            if (network.prefix == 0)
                f.report(key + ".relay_from",
                         fmt::format("{} is the whole world: an open relay; name the networks of "
                                     "your own clients",
                                     network.text()));
    }
}

void check_queue(const Config& c, Findings& f) {
    const auto& q = c.queue;
    if (q.path.empty()) f.report("queue.path", "is empty; name a folder on a local disk");
    if (q.segment.count % 4096 != 0)
        f.report("queue.segment", "is no multiple of 4KiB; choose \"64MiB\" or another power of two");
    const Bytes least{least_segments * q.segment.count * c.runtime.shards};
    if (q.journal < least)
        f.report(
            "queue.journal",
            fmt::format(
                "{} is less than {} segments of {} for each of {} shard(s); set at least \"{}\", or smaller "
                "segments",
                format_size(q.journal), least_segments, format_size(q.segment), c.runtime.shards,
                format_size(least)));
    const Bytes room{q.journal.count / c.runtime.shards / 2};
    if (c.limits.message_size > room)
        f.report("limits.message_size",
                 fmt::format("{} is more than half of a shard's journal ({}); raise queue.journal or "
                             "lower it",
                             format_size(c.limits.message_size), format_size(room)));
    if (q.retry.first > q.retry.cap)
        f.report("queue.retry.cap",
                 fmt::format("{} is shorter than first ({}); raise cap or lower first",
                             format_duration(q.retry.cap), format_duration(q.retry.first)));
    if (q.retry.cap > q.retry.lifetime)
        f.report("queue.retry.lifetime",
                 fmt::format("{} is shorter than cap ({}); raise lifetime or lower cap",
                             format_duration(q.retry.lifetime), format_duration(q.retry.cap)));
}

void check_limits(const Config& c, Findings& f) {
    if (c.limits.connections_per_address > c.limits.connections)
        f.report("limits.connections_per_address",
                 fmt::format("{} is more than connections ({}); lower it or raise those",
                             c.limits.connections_per_address, c.limits.connections));
}

void check_delivery(const Config& c, Findings& f) {
    const auto& d = c.delivery;
    if (d.connections_at_start > d.connections_per_site)
        f.report("delivery.connections_at_start",
                 fmt::format("{} is more than connections_per_site ({}); lower it or raise "
                             "those",
                             d.connections_at_start, d.connections_per_site));
    if (d.connections_per_site > d.connections)
        f.report("delivery.connections_per_site",
                 fmt::format("{} is more than connections ({}); lower it or raise those",
                             d.connections_per_site, d.connections));
}

void check_routes(const Config& c, Findings& f) {
    std::set<std::string> seen;
    bool all = false;
    for (std::size_t i = 0; i < c.routes.size(); ++i) {
        const auto& route = c.routes[i];
        const auto key = fmt::format("route[{}]", i);
        if (all)
            f.report(key, "is never reached: a route above it matches all domains; move that one to the end");
        if (route.domains.empty() && f.given(key + ".domains"))
            f.report(key + ".domains", "is empty; name domains, or \"*\" for all");
        if (route.to.empty() && f.given(key + ".to"))
            f.report(key + ".to", "is empty; name where this mail goes, such as [\"192.0.2.1:25\"]");
        for (const auto& domain : route.domains) {
            const auto name =
                domain.starts_with("*.") ? std::string_view(domain).substr(2) : std::string_view(domain);
            if (domain != "*" && !is_name(name))
                f.report(key + ".domains",
                         fmt::format("\"{}\" is no domain; write \"example.net\", \"*.example.net\" or \"*\"",
                                     domain));
            else if (!all && !seen.insert(domain).second)
                f.report(key + ".domains",
                         fmt::format("\"{}\" has a route above already; remove one", domain));
        }
        all = all || std::find(route.domains.begin(), route.domains.end(), "*") != route.domains.end();
        for (const auto& to : route.to)
            if (!to.endpoint() && !is_name(to.host))
                f.report(
                    key + ".to",
                    fmt::format("\"{}\" is no host; write \"address:port\" or \"name:port\"", to.text()));
    }
}

void check_dns(const Config& c, Findings& f) {
    for (const auto& server : c.dns.servers)
        if (server.port == 0)
            f.report("dns.servers", fmt::format("{} has no port; DNS servers use 53", server.text()));
    if (c.dns.least_ttl > c.dns.most_ttl)
        f.report("dns.least_ttl",
                 fmt::format("{} is longer than most_ttl ({}); lower it", format_duration(c.dns.least_ttl),
                             format_duration(c.dns.most_ttl)));
}

void check_word(Findings& f, const std::string& key, const std::string& value,
                const std::vector<std::string>& words) {
    if (std::find(words.begin(), words.end(), value) == words.end())
        f.report(key, fmt::format("\"{}\" is unknown; write one of {}", value, fmt::join(words, ", ")));
}

}  // namespace

void check_config(const Config& config, Findings& findings) {
    check_hostname(config, findings);
    check_listeners(config, findings);
    check_queue(config, findings);
    check_limits(config, findings);
    check_delivery(config, findings);
    check_routes(config, findings);
    check_dns(config, findings);
    check_word(findings, "dns.order", config.dns.order,
               {"alternating", "v4_first", "v6_first", "v4_only", "v6_only"});
    check_word(findings, "log.level", config.log.level, {"debug", "info", "warning", "error"});
}

}  // namespace angarium::app

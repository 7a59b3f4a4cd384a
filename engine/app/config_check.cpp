// What must hold between the keys of a configuration, and names that must be well formed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "engine/app/config_findings.hpp"
#include "engine/app/memory_shares.hpp"
#include "engine/sasl/mechanism.hpp"

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

void check_word(Findings& f, const std::string& key, const std::string& value,
                const std::vector<std::string>& words) {
    if (std::find(words.begin(), words.end(), value) == words.end())
        f.report(key, fmt::format("\"{}\" is unknown; write one of {}", value, fmt::join(words, ", ")));
}

void check_listener_tls(const ListenerConfig& listener, const std::string& key, Findings& f) {
    check_word(f, key + ".tls", listener.tls, {"off", "starttls", "implicit"});
    check_word(f, key + ".client_certificate", listener.client_certificate, {"off", "optional", "required"});
    const bool asked = listener.client_certificate != "off";
    if (asked && listener.client_authorities.empty())
        f.report(key + ".client_certificate",
                 "needs client_authorities; name a PEM file of those that sign your clients' certificates");
    if (!asked && !listener.client_authorities.empty())
        f.report(key + ".client_authorities",
                 "has no effect; add client_certificate = \"optional\" or \"required\"");
    const auto certificates = listener.certificate.names.size(), keys = listener.key.names.size();
    if (listener.tls == "off") {
        const auto useless = [&](const char* name, bool set) {
            if (set)
                f.report(key + name, "has no effect without TLS; add tls = \"starttls\" or \"implicit\"");
        };
        useless(".certificate", certificates > 0);
        useless(".key", keys > 0);
        useless(".require_tls", listener.require_tls);
        useless(".client_certificate", listener.client_certificate != "off");
    } else if (certificates == 0) {
        f.report(
            key + ".certificate",
            fmt::format("tls = \"{}\" needs a certificate; name its PEM file, and that of its key with key",
                        listener.tls));
    } else if (certificates != keys) {
        f.report(key + ".key",
                 fmt::format("{} certificate(s) and {} key(s); name one key for each certificate, "
                             "in the same order",
                             certificates, keys));
    }
}

void check_listener_auth(const ListenerConfig& listener, const std::string& key, Findings& f) {
    if (listener.auth.empty()) {
        if (listener.auth_without_tls)
            f.report(key + ".auth_without_tls",
                     "has no effect without auth; name the file of accounts with auth");
        if (listener.show_identity)
            f.report(key + ".show_identity",
                     "has no effect without auth; name the file of accounts with auth");
        if (listener.require_auth)
            f.report(key + ".require_auth", "nobody could log in; name the file of accounts with auth");
    } else if (listener.tls == "off" && !listener.auth_without_tls) {
        f.report(key + ".auth",
                 "AUTH is offered under TLS only; add tls = \"starttls\" or \"implicit\", or, on a network "
                 "that you "
                 "trust with passwords, auth_without_tls = true");
    }
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
        check_listener_tls(listener, key, f);
        check_listener_auth(listener, key, f);
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
    if (q.segment.count % mib(4).count != 0)
        f.report("queue.segment", "is no multiple of 4MiB; choose \"64MiB\" or another power of two");
    const Bytes least{least_segments * q.segment.count * c.runtime.shards};
    if (q.journal < least)
        f.report(
            "queue.journal",
            fmt::format("{} is less than {} segments of {} for each of {} shard(s); set at least \"{}\"{}",
                        format_size(q.journal), least_segments, format_size(q.segment), c.runtime.shards,
                        format_size(least), q.segment > mib(4) ? ", or smaller segments" : ""));
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
    if (const Bytes least{least_memory(c)}; c.limits.memory < least)
        f.warn(
            "limits.memory",
            fmt::format(
                "{} is less than {} shard(s) need to keep within it ({}); raise it, or lower runtime.shards",
                format_size(c.limits.memory), c.runtime.shards, format_size(least)));
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

// The patterns of lists of which the first that matches counts.
class Patterns {
  public:
    Patterns(std::string_view what, Findings& findings) : what_(what), findings_(findings) {}
    void check(const std::string& key, const std::vector<std::string>& domains) {
        auto& f = findings_;
        if (all_)
            f.report(key, fmt::format(
                              "is never reached: a {} above it matches all domains; move that one to the end",
                              what_));
        if (domains.empty() && f.given(key + ".domains"))
            f.report(key + ".domains", "is empty; name domains, or \"*\" for all");
        for (const auto& domain : domains) {
            const auto name =
                domain.starts_with("*.") ? std::string_view(domain).substr(2) : std::string_view(domain);
            if (domain != "*" && !is_name(name))
                f.report(key + ".domains",
                         fmt::format("\"{}\" is no domain; write \"example.net\", \"*.example.net\" or \"*\"",
                                     domain));
            else if (!all_ && !seen_.insert(domain).second)
                f.report(key + ".domains",
                         fmt::format("\"{}\" has a {} above already; remove one", domain, what_));
        }
        all_ = all_ || std::find(domains.begin(), domains.end(), "*") != domains.end();
    }

  private:
    std::string_view what_;
    Findings& findings_;
    std::set<std::string> seen_;
    bool all_ = false;
};

// The keys tls, tls_names and tls_authorities, wherever they stand.
void check_tls(Findings& f, const std::string& table, const std::string& tls,
               const std::vector<std::string>& names, const std::string& authorities) {
    check_word(f, table + ".tls", tls, {"none", "opportunistic", "required", "verified"});
    if (tls == "verified" && authorities.empty())
        f.report(table + ".tls_authorities",
                 fmt::format("is empty: nothing could be verified; name a PEM file, such as "
                             "\"{}\"",
                             system_authorities));
    if (!names.empty() && tls != "verified")
        f.report(table + ".tls_names", fmt::format("counts only with tls = \"verified\", not \"{}\"", tls));
    for (const auto& name : names)
        if (!is_name(name.starts_with('.') ? std::string_view(name).substr(1) : std::string_view(name)) ||
            IpAddress::parse(name))
            f.report(table + ".tls_names",
                     fmt::format(
                         "\"{}\" is no name; write \"mx.example.net\", or \".example.net\" for all below it",
                         name));
}

void check_tls_policies(const Config& c, Findings& f) {
    Patterns patterns("policy", f);
    for (std::size_t i = 0; i < c.tls_policies.size(); ++i) {
        const auto& policy = c.tls_policies[i];
        const auto key = fmt::format("tls_policy[{}]", i);
        patterns.check(key, policy.domains);
        if (f.given(key + ".tls")) check_tls(f, key, policy.tls, policy.tls_names, policy.tls_authorities);
    }
}

void check_route_tls(const RouteConfig& route, const std::string& key, Findings& f) {
    check_tls(f, key, route.tls, route.tls_names, route.tls_authorities);
    if (route.implicit_tls && (route.tls == "none" || route.tls == "opportunistic"))
        f.report(key + ".tls",
                 fmt::format("\"{}\" and implicit_tls exclude each other: such a port speaks nothing but "
                             "TLS; write \"verified\" or \"required\"",
                             route.tls));
    if (route.certificate.empty() != route.key.empty())
        f.report(key + (route.key.empty() ? ".certificate" : ".key"),
                 "needs the other one: certificate and key are a pair");
    if (route.user.empty() != route.password_file.empty())
        f.report(key + (route.user.empty() ? ".password_file" : ".user"),
                 "needs the other one: user and password_file belong together");
    if (!route.user.empty() && !sasl::is_name(route.user))
        f.report(key + ".user", "is no name: UTF-8 text without control characters, at most 255 octets");
    if (!route.user.empty() && !route.auth_without_tls &&
        (route.tls == "none" || route.tls == "opportunistic"))
        f.report(
            key + ".tls",
            fmt::format(
                "\"{}\" could show the password to everybody on the way; write \"verified\" or \"required\", "
                "or auth_without_tls = true",
                route.tls));
    if (route.auth_without_tls && route.user.empty())
        f.report(key + ".auth_without_tls", "has no effect without user; name user and password_file");
    if (!route.certificate.empty() && route.tls == "none")
        f.report(key + ".certificate", "is shown only under TLS; write tls = \"verified\" or \"required\"");
}

void check_routes(const Config& c, Findings& f) {
    Patterns patterns("route", f);
    for (std::size_t i = 0; i < c.routes.size(); ++i) {
        const auto& route = c.routes[i];
        const auto key = fmt::format("route[{}]", i);
        patterns.check(key, route.domains);
        check_route_tls(route, key, f);
        if (route.to.empty() && f.given(key + ".to"))
            f.report(key + ".to", "is empty; name where this mail goes, such as [\"192.0.2.1:25\"]");
        for (const auto& to : route.to)
            if (!to.endpoint() && !is_name(to.host))
                f.report(
                    key + ".to",
                    fmt::format("\"{}\" is no host; write \"address:port\" or \"name:port\"", to.text()));
    }
}

// RFC 5322 section 2.2: printable ASCII without the colon.
bool is_field_name(std::string_view name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

void check_dkim(const Config& c, Findings& f) {
    std::set<std::pair<std::string, std::string>> records;
    for (std::size_t i = 0; i < c.dkim.size(); ++i) {
        const auto& dkim = c.dkim[i];
        const auto key = fmt::format("dkim[{}]", i);
        if (dkim.domains.empty() && f.given(key + ".domains"))
            f.report(key + ".domains", "is empty; name the domains of your senders");
        const bool selector = is_name(dkim.selector);
        if (!selector && f.given(key + ".selector"))
            f.report(key + ".selector",
                     fmt::format("\"{}\" is no selector; write labels such as \"s2026\"", dkim.selector));
        for (const auto& domain : dkim.domains) {
            if (!is_name(domain))
                f.report(key + ".domains",
                         fmt::format("\"{}\" is no domain; write \"example.net\", with A-labels (xn--...)",
                                     domain));
            else if (selector && !records.emplace(dkim.selector, domain).second)
                f.report(key + ".selector",
                         fmt::format("an entry above has \"{}\" for {} already; each key needs "
                                     "a selector of its own",
                                     dkim.selector, domain));
        }
        if (!dkim::CanonicalPair::parse(dkim.canonicalization))
            f.report(key + ".canonicalization",
                     fmt::format("\"{}\" is unknown; write \"relaxed/relaxed\", \"relaxed/simple\", "
                                 "\"simple/relaxed\" or \"simple/simple\"",
                                 dkim.canonicalization));
        if (dkim.expire > 0s && dkim.expire < 1min)
            f.report(key + ".expire",
                     fmt::format(
                         "{} is over before the mail is there; write days such as \"7d\", or \"0s\" for none",
                         format_duration(dkim.expire)));
        const auto check_names = [&](const char* list, const std::vector<std::string>& names) {
            for (const auto& name : names) {
                if (!is_field_name(name))
                    f.report(
                        fmt::format("{}.{}", key, list),
                        fmt::format("\"{}\" is no header field's name; write one such as \"subject\"", name));
                else if (name == "received" || name == "return-path" || name == "dkim-signature")
                    f.report(
                        fmt::format("{}.{}", key, list),
                        fmt::format("{} changes on the way and would break the signature; remove it", name));
            }
        };
        check_names("headers", dkim.headers);
        check_names("oversign", dkim.oversign);
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

}  // namespace

void check_config(const Config& config, Findings& findings) {
    check_hostname(config, findings);
    check_listeners(config, findings);
    check_relay(config, findings);
    check_queue(config, findings);
    check_limits(config, findings);
    check_delivery(config, findings);
    check_tls(findings, "delivery", config.delivery.tls, {}, config.delivery.tls_authorities);
    check_tls_policies(config, findings);
    check_routes(config, findings);
    check_dkim(config, findings);
    check_dns(config, findings);
    check_word(findings, "dns.order", config.dns.order,
               {"alternating", "v4_first", "v6_first", "v4_only", "v6_only"});
    check_word(findings, "log.level", config.log.level, {"debug", "info", "warning", "error"});
}

}  // namespace angarium::app

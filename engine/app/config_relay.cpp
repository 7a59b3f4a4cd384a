// The relay policy in the configuration: what is wrong with it, what may make an open relay of us, and the table that
// `angarium check` prints.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "engine/app/config_findings.hpp"
#include "engine/smtp/address_patterns.hpp"

namespace angarium::app {
namespace {

constexpr const char* remedy =
    "add from with your own networks, identity or certificate, or name your own domains in recipient";

bool has(const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_conditional(const RelayConfig& rule) {
    return !rule.from.empty() || !rule.identity.empty() || !rule.certificate.empty() ||
           !rule.sender.empty() || !rule.recipient.empty();
}

// A public network that is wider than one organisation's usually is.
bool is_wide(const IpNetwork& network) {
    static const auto not_public = [] {
        std::vector<IpNetwork> out;
        for (const auto* text : {"10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                 "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"})
            out.push_back(*IpNetwork::parse(text));
        return out;
    }();
    if (network.prefix >= (network.base.is_v4() ? 16u : 32u)) return false;
    return std::none_of(not_public.begin(), not_public.end(), [&](const IpNetwork& range) {
        return range.prefix <= network.prefix && range.contains(network.base);
    });
}

// "*", or a whole top-level domain.
bool is_everywhere(const std::string& pattern) {
    return pattern == "*" || (pattern.starts_with("*.") && pattern.find('.', 2) == std::string::npos);
}

bool reaches_all_domains(const RelayConfig& rule) {
    return rule.recipient.empty() || std::any_of(rule.recipient.begin(), rule.recipient.end(), is_everywhere);
}

void check_patterns(const std::string& key, const std::vector<std::string>& patterns, Findings& f) {
    for (const auto& pattern : patterns)
        if (!smtp::AddressPatterns::make({pattern}))
            f.report(key,
                     fmt::format("\"{}\" is no address pattern; write \"example.net\" for all its addresses, "
                                 "\"*.example.net\" for those below it, \"jack@example.net\" or \"*\"",
                                 pattern));
}

void check_names(const std::string& key, const std::vector<std::string>& names, Findings& f) {
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    for (const auto& name : names)
        if (name.empty() || std::any_of(name.begin(), name.end(), is_control))
            f.report(key, "holds an empty name, or one with control characters; \"*\" stands for any");
}

// Every name will do, but what looks like a fingerprint must be one.
bool is_certificate(const std::string& text) {
    if (text.find_first_not_of("0123456789abcdef") != std::string::npos) return true;
    return text.size() == 64 || (!text.empty() && text.size() < 32);
}

void check_values(const RelayConfig& rule, const std::string& key, Findings& f) {
    if (rule.action != "allow" && rule.action != "deny")
        f.report(key + ".action", fmt::format("\"{}\" is unknown; write \"allow\" or \"deny\"", rule.action));
    check_names(key + ".identity", rule.identity, f);
    check_names(key + ".certificate", rule.certificate, f);
    for (const auto& certificate : rule.certificate)
        if (!is_certificate(certificate))
            f.report(key + ".certificate",
                     fmt::format(
                         "\"{}\" is neither a name nor a SHA-256 fingerprint of 64 hex digits; print it with "
                         "openssl x509 -noout -fingerprint -sha256 -in FILE",
                         certificate));
    check_patterns(key + ".sender", rule.sender, f);
    check_patterns(key + ".recipient", rule.recipient, f);
    if (has(rule.recipient, "<>"))
        f.report(key + ".recipient", "\"<>\" is no recipient; the null sender is named in sender");
}

void warn_of_open_relay(const RelayConfig& rule, const std::string& key, Findings& f) {
    if (rule.action != "allow" || !reaches_all_domains(rule)) return;
    if (!rule.identity.empty() || !rule.certificate.empty()) return;
    if (rule.from.empty() && rule.sender.empty())
        f.warn(key, fmt::format("anybody may send to any domain: an open relay; {}", remedy));
    if (rule.from.empty() && !rule.sender.empty())
        f.warn(key,
               fmt::format("anybody who claims such a sender may send to any domain, and a sender is easily "
                           "forged: an open relay; {}",
                           remedy));
    for (const auto& network : rule.from)
        if (is_wide(network))
            f.warn(key + ".from",
                   fmt::format("from {}, a wide public network, everybody may send to any domain without "
                               "being known: as good as an open relay; {}",
                               network.text(), remedy));
}

// An authority that everybody can get a certificate from.
bool is_public_authority(const std::string& file) { return file.starts_with("/etc/ssl/certs/"); }

void warn_of_public_authorities(const RelayConfig& rule, const std::string& key, const Config& config,
                                Findings& f) {
    if (rule.action != "allow" || !rule.identity.empty() || !has(rule.certificate, "*") ||
        !reaches_all_domains(rule))
        return;
    for (const auto& listener : config.listeners)
        if (is_public_authority(listener.client_authorities))
            f.warn(key + ".certificate",
                   fmt::format(
                       "everybody can have a certificate of the authorities in {}, which the listener {} "
                       "trusts: as "
                       "good as an open relay; name the clients' certificates, or an authority of your own",
                       listener.client_authorities, listener.address.text()));
}

// A condition that no client of ours can meet.
void warn_of_dead_conditions(const RelayConfig& rule, const std::string& key, const Config& config,
                             Findings& f) {
    const auto some_listener = [&](auto has_it) {
        return std::any_of(config.listeners.begin(), config.listeners.end(), has_it);
    };
    if (!rule.identity.empty() && !some_listener([](const auto& listener) { return !listener.auth.empty(); }))
        f.warn(key + ".identity",
               "never matches, since nobody can log in; name a file of accounts with auth at a listener");
    if (!rule.certificate.empty() &&
        !some_listener([](const auto& listener) { return listener.client_certificate != "off"; }))
        f.warn(key + ".certificate",
               "never matches, since no listener asks for certificates; set client_certificate there to "
               "\"optional\" or "
               "\"required\"");
}

void warn_of_listener(const ListenerConfig& listener, const std::string& key, Findings& f) {
    for (const auto& network : listener.relay_from)
        if (is_wide(network))
            f.warn(
                key + ".relay_from",
                fmt::format(
                    "{} is a wide public network: everybody in it may send to any domain, as good as an open "
                    "relay; name the networks of your own clients",
                    network.text()));
    static const auto loopback = *IpNetwork::parse("127.0.0.0/8");
    static const auto loopback6 = *IpNetwork::parse("::1/128");
    const auto& address = listener.address.address;
    if (listener.auth_without_tls && !loopback.contains(address) && !loopback6.contains(address))
        f.warn(key + ".auth_without_tls",
               "passwords may come without TLS, and whoever reads one on its way may send to any domain; "
               "remove it, with tls "
               "= \"starttls\" or \"implicit\"");
}

// One row of the table.
struct Row {
    std::string action, client, sender, recipient, from_where;
};

std::string listed(const std::vector<std::string>& words) {
    return words.empty() || has(words, "*") ? "any" : fmt::format("{}", fmt::join(words, ", "));
}

std::string networks(const std::vector<IpNetwork>& list) {
    std::vector<std::string> texts;
    for (const auto& network : list) texts.push_back(network.text());
    return fmt::format("in {}", fmt::join(texts, ", "));
}

std::string client_of(const RelayConfig& rule) {
    std::vector<std::string> parts;
    if (!rule.from.empty()) parts.push_back(networks(rule.from));
    if (has(rule.identity, "*"))
        parts.push_back("authenticated");
    else if (!rule.identity.empty())
        parts.push_back("authenticated as " + listed(rule.identity));
    if (has(rule.certificate, "*"))
        parts.push_back("with a certificate");
    else if (!rule.certificate.empty())
        parts.push_back("with certificate " + listed(rule.certificate));
    return parts.empty() ? "any" : fmt::format("{}", fmt::join(parts, " and "));
}

std::vector<Row> rows(const Config& config) {
    std::vector<Row> out;
    for (std::size_t i = 0; i < config.relay.size(); ++i) {
        const auto& rule = config.relay[i];
        out.push_back({rule.action, client_of(rule), listed(rule.sender), listed(rule.recipient),
                       fmt::format("[[relay]] {}", i + 1)});
        if (!is_conditional(rule)) return out;  // what follows is never asked
    }
    for (const auto& listener : config.listeners) {
        const auto at = " of listener " + listener.address.text();
        if (!listener.relay_from.empty())
            out.push_back({"allow", networks(listener.relay_from), "any", "any", "relay_from" + at});
        if (!listener.auth.empty())
            out.push_back({"allow", "authenticated", "the account's", "any", "auth" + at});
    }
    out.push_back({"deny", "any", "any", "any", "everybody else"});
    return out;
}

}  // namespace

void check_relay(const Config& config, Findings& f) {
    bool decided = false;
    for (std::size_t i = 0; i < config.relay.size(); ++i) {
        const auto& rule = config.relay[i];
        const auto key = fmt::format("relay[{}]", i);
        if (decided)
            f.report(key, "is never reached: an entry above it has no conditions; move that one to the end");
        check_values(rule, key, f);
        warn_of_open_relay(rule, key, f);
        warn_of_public_authorities(rule, key, config, f);
        warn_of_dead_conditions(rule, key, config, f);
        decided = decided || !is_conditional(rule);
    }
    for (std::size_t i = 0; i < config.listeners.size(); ++i)
        warn_of_listener(config.listeners[i], fmt::format("listener[{}]", i), f);
}

std::string relay_table(const Config& config) {
    auto table = rows(config);
    table.insert(table.begin(), {"action", "client", "sender", "recipient", "by"});
    std::array<std::size_t, 4> width{};
    for (const auto& row : table)
        width = {std::max(width[0], row.action.size()), std::max(width[1], row.client.size()),
                 std::max(width[2], row.sender.size()), std::max(width[3], row.recipient.size())};
    std::string out = "# Who may relay what: the first line that matches decides.\n#\n";
    for (const auto& row : table)
        fmt::format_to(std::back_inserter(out), "# {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}\n", row.action,
                       width[0], row.client, width[1], row.sender, width[2], row.recipient, width[3],
                       row.from_where);
    return out;
}

}  // namespace angarium::app

#include "engine/app/material.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "engine/accounts/accounts_file.hpp"
#include "engine/app/settings.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/runtime/tls_certificate.hpp"
#include "engine/runtime/tls_identity.hpp"
#include "engine/smtp/received.hpp"

namespace angarium::app {
namespace {

using Identities = std::vector<runtime::TlsIdentity>;

Result<Identities> read_identities(const ListenerConfig& listener) {
    Identities identities;
    for (std::size_t i = 0; i < listener.certificate.names.size(); ++i) {
        auto identity = runtime::read_identity(listener.certificate.names[i], listener.key.names[i]);
        if (!identity) return std::unexpected(identity.error());
        identities.push_back(std::move(*identity));
    }
    return identities;
}

using AccountsPointer = std::shared_ptr<const accounts::Accounts>;

// Each file once, however many listeners name it.
std::map<std::string, AccountsPointer> read_accounts(const Config& config, ConfigErrors& errors) {
    std::map<std::string, AccountsPointer> files;
    for (const auto& listener : config.listeners) {
        if (listener.auth.empty() || !files.try_emplace(listener.auth).second) continue;
        auto read = accounts::load_accounts(listener.auth);
        if (read)
            files[listener.auth] = std::move(*read);
        else
            errors.insert(errors.end(), read.error().begin(), read.error().end());
    }
    return files;
}

// The listener's terms on each shard.
Result<void> add_listener(const ListenerConfig& listener, const inbound::ListenerOptions& held_to,
                          const AccountsPointer& accounts, const TicketKeys& ticket_keys,
                          std::vector<Material>& shards) {
    auto identities = read_identities(listener);
    if (!identities) return std::unexpected(identities.error());
    for (const auto& identity : *identities)
        if (const auto end = runtime::end_of_certificate(identity.chain))
            for (auto& shard : shards)
                shard.ends.push_back({fmt::format("the certificate '{}' of listener {}", identity.chain_name,
                                                  listener.address.text()),
                                      *end});
    runtime::TlsServerOptions options;
    options.identities = std::move(*identities);
    options.ticket_keys = ticket_keys;
    if (listener.client_certificate != "off") {
        auto authorities = runtime::read_authorities(listener.client_authorities);
        if (!authorities) return std::unexpected(authorities.error());
        options.client_authorities = std::move(*authorities);
        options.client_authorities_name = listener.client_authorities;
        options.client_certificate = listener.client_certificate == "required"
                                         ? runtime::TlsClientCertificate::required
                                         : runtime::TlsClientCertificate::optional;
    }
    for (auto& shard : shards) {
        inbound::Terms terms{held_to, nullptr, accounts};
        if (terms.listener.tls != inbound::TlsMode::off) {
            auto context = runtime::TlsContext::server(options);
            if (!context) return std::unexpected(context.error());
            terms.tls = std::move(*context);
        }
        shard.inbound.listeners.push_back(std::make_shared<const inbound::Terms>(std::move(terms)));
    }
    return {};
}

// Of certificates that have ended, or do within a week.
void warn_of_ends(const Material& material, const std::function<void(std::string)>& warn) {
    const auto now = runtime::SystemClock().wall();
    for (const auto& [what, at] : material.ends) {
        if (at > now + std::chrono::days(7)) continue;
        std::string date;
        smtp::append_date(date, at);
        warn(fmt::format("{} {} on {}; put a new one in its place and send HUP", what,
                         at <= now ? "has expired" : "expires", date));
    }
}

}  // namespace

std::optional<WallTime> first_end(const Material& material) {
    const auto first = std::ranges::min_element(material.ends, {}, &CertificateEnd::at);
    if (first == material.ends.end()) return std::nullopt;
    return first->at;
}

std::expected<std::vector<Material>, ConfigErrors> read_material(
    const Config& config, unsigned shards, const TicketKeys& ticket_keys, DkimKeys& dkim_keys,
    const std::function<void(std::string)>& warn) {
    std::vector<Material> made(shards);
    ConfigErrors errors;
    const auto options = listener_options(config);
    const auto accounts = read_accounts(config, errors);
    for (std::size_t i = 0; i < options.size(); ++i) {
        const auto& listener = config.listeners[i];
        const auto logins = listener.auth.empty() ? nullptr : accounts.at(listener.auth);
        if (const auto added = add_listener(listener, options[i], logins, ticket_keys, made); !added)
            errors.push_back(
                Error{fmt::format("listener {}: {}", options[i].address.text(), added.error().text)});
    }
    const auto protections = outbound_options(config).protections;
    for (auto& shard : made) {
        auto materials = outbound::make_materials(protections);
        if (!materials) {
            errors.push_back(Error{fmt::format("outbound: {}", materials.error().text)});
            break;
        }
        shard.outbound = std::make_shared<const outbound::Materials>(std::move(*materials));
    }
    auto signers = dkim_keys.load(config.dkim, warn);
    if (!signers)
        errors.push_back(Error{fmt::format("dkim: {}", signers.error().text)});
    else
        for (std::size_t shard = 0; shard < shards; ++shard)
            made[shard].inbound.signer = std::move((*signers)[shard]);
    if (!errors.empty()) return std::unexpected(std::move(errors));
    warn_of_ends(made.front(), warn);
    return made;
}

}  // namespace angarium::app

// What the configuration names in files, and all else that a reload may change: certificates, keys, passwords, who signs mail. Read and made
// on the main thread or on a worker, never on a shard; one Material for each shard, which from then on is that shard's.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/app/config.hpp"
#include "engine/app/dkim_keys.hpp"
#include "engine/inbound/in_force.hpp"
#include "engine/outbound/protection.hpp"

namespace angarium::app {

using TicketKeys = std::shared_ptr<runtime::TlsTicketKeys>;  // of the process, for its whole life

// When one of the certificates that we show ends.
struct CertificateEnd {
    std::string what;  // "the certificate 'FILE' of listener ADDRESS"
    WallTime at;
};

struct Material {
    inbound::InForce inbound;
    std::vector<CertificateEnd> ends;  // the same for every shard
    std::shared_ptr<const outbound::Materials> outbound;
};

// Blocks. Each Error names the file, who wants it, and the remedy; `warn` hears of what will do, but is weak.
std::expected<std::vector<Material>, ConfigErrors> read_material(
    const Config& config, unsigned shards, const TicketKeys& ticket_keys, DkimKeys& dkim_keys,
    const std::function<void(std::string)>& warn);

// When the first of the certificates ends; nothing: there are none.
std::optional<WallTime> first_end(const Material& material);

}  // namespace angarium::app

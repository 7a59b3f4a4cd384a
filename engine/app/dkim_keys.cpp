#include "engine/app/dkim_keys.hpp"

#include <fmt/format.h>

#include "engine/dkim/key_file.hpp"

namespace angarium::app {

Result<std::vector<dkim::Entry>> read_dkim_entries(const std::vector<DkimConfig>& config,
                                                   const std::function<void(std::string)>& warn) {
    std::vector<dkim::Entry> entries;
    if (config.empty()) return entries;
    const dkim::Library library;
    for (const auto& from : config) {
        auto pem = dkim::read_key_file(from.key);
        if (!pem) return std::unexpected(pem.error());
        const auto key = dkim::PrivateKey::parse(library, *pem, from.key);
        if (!key) return std::unexpected(key.error());
        if (key->algorithm() == dkim::Algorithm::rsa_sha256 && key->bits() < dkim::good_rsa_bits)
            warn(
                fmt::format("the RSA key in {} has {} bits; some receivers count less than {} as no "
                            "signature: make a new one under a new "
                            "selector (`angarium dkim keygen`)",
                            from.key, key->bits(), dkim::good_rsa_bits));
        dkim::Entry entry;
        entry.domains = from.domains;
        entry.subdomains = from.subdomains;
        entry.form.selector = from.selector;
        entry.form.canonical = *dkim::CanonicalPair::parse(from.canonicalization);
        entry.form.headers = from.headers;
        entry.form.oversign = from.oversign;
        entry.form.expire = duration_cast<std::chrono::seconds>(from.expire);
        entry.key = std::move(*pem);
        entry.key_name = from.key;
        entries.push_back(std::move(entry));
    }
    return entries;
}

Result<std::vector<std::shared_ptr<const dkim::Signer>>> DkimKeys::load(
    const std::vector<DkimConfig>& config, const std::function<void(std::string)>& warn) {
    std::vector<std::shared_ptr<const dkim::Signer>> signers(libraries_.size());
    const auto entries = read_dkim_entries(config, warn);
    if (!entries) return std::unexpected(entries.error());
    if (entries->empty()) return signers;
    for (std::size_t shard = 0; shard < signers.size(); ++shard) {
        if (!libraries_[shard]) libraries_[shard] = std::make_unique<const dkim::Library>();
        auto signer = dkim::Signer::make(*libraries_[shard], *entries);
        if (!signer) return std::unexpected(signer.error());
        signers[shard] = std::move(*signer);
    }
    return signers;
}

}  // namespace angarium::app

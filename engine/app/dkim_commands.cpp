#include "engine/app/dkim_commands.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "dns/cares_lookup.hpp"
#include "engine/app/commands.hpp"
#include "engine/app/dkim_keys.hpp"
#include "engine/app/settings.hpp"
#include "engine/dkim/key_file.hpp"
#include "engine/dkim/key_record.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/smtp/mailbox.hpp"

namespace angarium::app {
namespace {

constexpr int exit_not_ok = 1;

int complain(int code, std::string_view text) {
    fmt::print(stderr, "{}\n", text);
    return code;
}

// In lower case and A-labels; nothing when it is none.
std::optional<std::string> domain_name(const std::string& text) {
    const auto domain = smtp::Domain::parse(text, smtp::Utf8::allowed);
    auto name = domain ? domain->dns_name() : std::string();
    return name.empty() ? std::nullopt : std::optional(std::move(name));
}

struct Check {
    std::string domain, selector, file;
    dkim::Algorithm algorithm;
    const dkim::PrivateKey* key;
    std::string verdict, detail;  // after the lookup
};

runtime::Task<void> look_up(runtime::RingShard& shard, dns::LookupOptions options, std::vector<Check>& checks,
                            std::string& trouble) {
    auto lookup = dns::make_cares_lookup(shard, shard.poller(), std::move(options));
    if (!lookup) {
        trouble = lookup.error().text;
        co_return;
    }
    for (auto& check : checks) {
        dns::Question question;
        question.name = dkim::record_name(check.selector, check.domain);
        question.type = dns::RecordType::txt;
        const auto answer = co_await (*lookup)->ask(std::move(question));
        if (answer.failure != dns::Failure::none && !dns::is_negative(answer.failure)) {
            check.verdict = "unknown";
            check.detail = fmt::format("the lookup failed: {}", dns::to_string(answer.failure));
            continue;
        }
        const auto finding = dkim::compare(*check.key, answer.data);
        check.verdict = dkim::to_string(finding.verdict);
        check.detail = finding.detail;
    }
}

void print(const std::vector<Check>& checks, bool json) {
    if (!json) {
        for (const auto& check : checks)
            fmt::print("{:<9}  {}  {}  {}{}{}\n", check.verdict,
                       dkim::record_name(check.selector, check.domain), dkim::to_string(check.algorithm),
                       check.file, check.detail.empty() ? "" : "  ", check.detail);
        return;
    }
    auto list = nlohmann::json::array();
    for (const auto& check : checks) {
        list.push_back({{"domain", check.domain},
                        {"selector", check.selector},
                        {"record", dkim::record_name(check.selector, check.domain)},
                        {"algorithm", dkim::to_string(check.algorithm)},
                        {"key", check.file},
                        {"verdict", check.verdict},
                        {"expected", dkim::record_text(*check.key)}});
        if (!check.detail.empty()) list.back()["detail"] = check.detail;
    }
    fmt::print("{}\n", list.dump(2));
}

}  // namespace

int dkim_keygen_command(const DkimKeygenOptions& options) {
    struct Type {
        std::string_view name;
        dkim::Algorithm algorithm;
        int bits;
    };
    static constexpr Type types[] = {{"rsa-2048", dkim::Algorithm::rsa_sha256, 2048},
                                     {"rsa-4096", dkim::Algorithm::rsa_sha256, 4096},
                                     {"ed25519", dkim::Algorithm::ed25519_sha256, 0}};
    const Type* type = nullptr;
    for (const auto& known : types)
        if (known.name == options.type) type = &known;
    if (type == nullptr)
        return complain(
            exit_usage,
            fmt::format("--type: \"{}\" is unknown; choose rsa-2048, rsa-4096 or ed25519", options.type));
    const auto domain = domain_name(options.domain);
    if (!domain)
        return complain(
            exit_usage,
            fmt::format("--domain: \"{}\" is no domain; write one such as example.net", options.domain));
    const auto selector = domain_name(options.selector);
    if (!selector)
        return complain(
            exit_usage,
            fmt::format("--selector: \"{}\" is no selector; write labels such as s2026", options.selector));
    const dkim::Library library;
    const auto key = dkim::PrivateKey::generate(library, type->algorithm, type->bits);
    if (!key) return complain(exit_unavailable, key.error().text);
    if (auto written = dkim::write_key_file(options.out, key->pem(), options.force); !written)
        return complain(exit_cannot_create, written.error().text);
    fmt::print("{}\n", dkim::zone_line(*selector, *domain, *key));
    fmt::print(stderr,
               "the key is in {}; publish the record above, then name both in the "
               "configuration:\n\n[[dkim]]\ndomains = [\"{}\"]\nselector = "
               "\"{}\"\nkey = \"{}\"\n",
               options.out, *domain, *selector, options.out);
    return exit_ok;
}

int dkim_check_command(const std::string& config_file, const std::string& domain, bool json) {
    const auto config = load_or_complain(config_file);
    if (!config) return exit_config;
    const dkim::Library library;
    const auto entries =
        read_dkim_entries(config->dkim, [](const std::string& text) { fmt::print(stderr, "{}\n", text); });
    if (!entries) return complain(exit_config, entries.error().text);
    const auto signer = dkim::Signer::make(library, *entries);
    if (!signer) return complain(exit_config, signer.error().text);
    const auto wanted = domain.empty() ? std::string() : domain_name(domain).value_or(domain);
    std::vector<Check> checks;
    for (std::size_t i = 0; i < entries->size(); ++i)
        for (const auto& name : (*entries)[i].domains) {
            if (!wanted.empty() && name != wanted) continue;
            const auto& key = (*signer)->keys()[i]->key;
            checks.push_back(
                {name, (*entries)[i].form.selector, (*entries)[i].key_name, key.algorithm(), &key, {}, {}});
        }
    if (checks.empty())
        return complain(exit_config,
                        wanted.empty() ? fmt::format("{} has no [[dkim]] entry", config_file)
                                       : fmt::format("{} has no [[dkim]] entry for {}", config_file, wanted));
    runtime::SystemClock clock;
    auto shards = runtime::ShardSet::create(1, clock, runtime::RingOptions{}, false);
    if (!shards) return complain(exit_unavailable, shards.error().text);
    std::string trouble;
    const auto options = dns_options(*config).lookup;
    (*shards)->run([&](runtime::RingShard& shard) { return look_up(shard, options, checks, trouble); });
    if (!trouble.empty()) return complain(exit_unavailable, trouble);
    print(checks, json);
    bool unknown = false;
    for (const auto& check : checks) {
        if (check.verdict != "ok" && check.verdict != "unknown") return exit_not_ok;
        unknown = unknown || check.verdict == "unknown";
    }
    return unknown ? exit_temporary : exit_ok;
}

}  // namespace angarium::app

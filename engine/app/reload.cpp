#include "engine/app/reload.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/app/diagnostics.hpp"
#include "engine/runtime/awaited_job.hpp"

namespace angarium::app {
namespace {

struct ReadJob final : runtime::AwaitedJob {
    std::string config_file;
    const Config* running = nullptr;
    std::vector<ListenerConfig> listeners;  // in force; afterwards those to be
    unsigned shards = 1;
    const TicketKeys* ticket_keys = nullptr;
    DkimKeys* dkim_keys = nullptr;

    std::vector<Material> material;
    std::vector<std::string> warnings, for_restart;
    ConfigErrors errors;

    void work() override {
        auto config = load_config(config_file, read_system_facts());
        if (!config) {
            errors = std::move(config.error());
            return;
        }
        warnings = config->warnings;
        for_restart = keys_for_restart(*running, *config);
        match_listeners(listeners, *config);
        // Of how mail leaves, only what the files hold: the sites are as they are.
        config->delivery = running->delivery;
        config->tls_policies = running->tls_policies;
        config->routes = running->routes;
        auto read = read_material(*config, shards, *ticket_keys, *dkim_keys,
                                  [this](const std::string& text) { warnings.push_back(text); });
        if (!read) {
            errors = std::move(read.error());
            return;
        }
        material = std::move(*read);
        listeners = std::move(config->listeners);
    }
};

// All of a listener but its address, the relay policy, and who signs for whom.
bool is_reloaded(std::string_view key) {
    if (key.starts_with("listener[")) return !key.ends_with("].address");
    for (const auto& table : {"relay", "dkim"})
        if (key == table || key.starts_with(fmt::format("{}[", table))) return true;
    return false;
}

}  // namespace

runtime::Task<std::optional<std::vector<Material>>> Reload::read() {
    ReadJob job;
    job.config_file = config_file_;
    job.running = &running_;
    job.listeners = listeners_;
    job.shards = shards_;
    job.ticket_keys = &ticket_keys_;
    job.dkim_keys = &dkim_keys_;
    workers_.submit(job);
    co_await job;
    if (!job.errors.empty()) {
        for (const auto& error : job.errors) say_error(error.text);
        say_error("HUP: nothing was changed; correct this and send HUP again");
        sheet_.add(metrics::Count::config_reload_failures);
        co_return std::nullopt;
    }
    listeners_ = std::move(job.listeners);
    for (const auto& warning : job.warnings) say_warning(warning);
    if (!job.for_restart.empty())
        say_warning(fmt::format("HUP: these keys are changed by a restart only: {}",
                                fmt::join(job.for_restart, ", ")));
    sheet_.add(metrics::Count::config_reloads);
    co_return std::move(job.material);
}

void match_listeners(const std::vector<ListenerConfig>& in_force, Config& after) {
    auto matched = in_force;
    for (std::size_t i = 0; i < matched.size(); ++i) {
        const auto& wanted = matched[i].address;
        if (i < after.listeners.size() && after.listeners[i].address == wanted) {
            matched[i] = after.listeners[i];
            continue;
        }
        const auto found = std::ranges::find(after.listeners, wanted, &ListenerConfig::address);
        if (found != after.listeners.end()) matched[i] = *found;
    }
    after.listeners = std::move(matched);
}

std::vector<std::string> keys_for_restart(const Config& running, const Config& after) {
    auto keys = changed_keys(running, after);
    std::erase_if(keys, is_reloaded);
    return keys;
}

}  // namespace angarium::app

// A reload (HUP): the configuration and the files that it names are read again on a worker thread. If anything is wrong, it
// is said, and everything stays as it was. What may change while mail flows comes back as Material, which new sessions see;
// open ones keep what they began with. Keys that need a restart are named. Owning thread: shard 0's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/app/material.hpp"
#include "engine/runtime/task.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/sheet.hpp"

namespace angarium::app {

class Reload {
  public:
    // `running`: what the program was started with; outlives this.
    Reload(std::string config_file, const Config& running, unsigned shards, const TicketKeys& ticket_keys,
           DkimKeys& dkim_keys, runtime::Workers& workers, metrics::Sheet& sheet)
        : config_file_(std::move(config_file)),
          running_(running),
          listeners_(running.listeners),
          shards_(shards),
          ticket_keys_(ticket_keys),
          dkim_keys_(dkim_keys),
          workers_(workers),
          sheet_(sheet) {}

    // One for each shard; nothing: what is in force stays.
    runtime::Task<std::optional<std::vector<Material>>> read();

  private:
    const std::string config_file_;
    const Config& running_;
    std::vector<ListenerConfig> listeners_;  // as they are in force
    const unsigned shards_;
    const TicketKeys& ticket_keys_;
    DkimKeys& dkim_keys_;
    runtime::Workers& workers_;
    metrics::Sheet& sheet_;
};

// The listeners of `after` in the order of those that listen: each takes what stands under its address there, and keeps what
// it has where nothing does.
void match_listeners(const std::vector<ListenerConfig>& in_force, Config& after);

// What differs and only a restart changes.
std::vector<std::string> keys_for_restart(const Config& running, const Config& after);

}  // namespace angarium::app

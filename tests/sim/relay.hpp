// One life of the relay in the simulated world: all that the program wires together, on simulated shards, network, names, files and
// workers; only RocksDB is as it is. It is started, runs, and ends in a clean stop or in a crash, after which the next one
// finds what the disk kept. One thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "engine/inbound/server.hpp"
#include "engine/outbound/dispatcher.hpp"
#include "metrics/registry.hpp"
#include "queue/queue.hpp"
#include "tests/sim/files.hpp"
#include "tests/sim/names.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/workers.hpp"

namespace angarium::sim {

// What the lives of one world have in common.
struct Surroundings {
    World& world;
    SimDisk& disk;
    SimFiles& files;
    Internet& internet;
    Names& names;
    // How long the store's jobs usually take: changes, loads.
    const Duration &change_time, &load_time;
};

struct RelayOptions {
    unsigned shards = 1;
    inbound::Options inbound;
    outbound::Options outbound;
    dns::Options dns;
    queue::QueueOptions queue;
    queue::StoreOptions store;
};

class SimRelay {
  public:
    enum class State : std::uint8_t { starting, running, stopping, stopped, failed };

    SimRelay(Surroundings surroundings, RelayOptions options);
    // After it has stopped or been killed.
    ~SimRelay();

    void start();
    void stop();  // a clean one; state() tells when it is over
    void kill(bool power_cut);
    // Listeners of the same addresses: sessions that begin from now on are held to these.
    void reload(const inbound::Options& options);
    State state() const { return state_; }
    const std::string& trouble() const { return trouble_; }
    bool alarmed() const { return !alarms_.empty(); }
    const std::vector<std::string>& alarms() const { return alarms_; }
    bool broken() const;  // the journal or the store can no longer be written
    // Nothing is queued and nothing is under way.
    bool empty() const;
    std::string inventory() const;  // what is left, in words
    // After a clean stop: what was not given back. Empty: all was.
    std::string leftovers() const;
    const metrics::Registry& registry() const { return *registry_; }

  private:
    struct Parts;
    class Meeting;
    class LentStore;
    runtime::Task<void> main(SimShard& shard, Parts& parts);
    runtime::Task<void> end(SimShard& shard, Parts& parts);
    void fail(std::string why);
    runtime::Workers& workers(std::size_t which) { return *workers_[which]; }

    Surroundings around_;
    const RelayOptions options_;
    State state_ = State::starting;
    bool killed_ = false;
    std::string trouble_;
    std::vector<std::string> alarms_;
    std::vector<SimShard*> shards_;
    std::vector<std::unique_ptr<SimWorkers>> workers_;
    std::unique_ptr<queue::Store> store_;
    metrics::Registry* registry_;
    queue::QueueSet* queues_ = nullptr;
    inbound::Connections* connections_;
    outbound::SlotSet* slots_;
    std::vector<Parts*> parts_;
    std::deque<Meeting> meetings_;
    unsigned ended_ = 0;
};

}  // namespace angarium::sim

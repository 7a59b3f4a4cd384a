// The simulated network: connections are pipes of bytes with delays, small windows and odd boundaries, which stall, break and
// lose what was under way. The relay's shards and the world outside use the same streams. One thread.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/runtime/stream.hpp"
#include "tests/sim/shard.hpp"

namespace angarium::sim {

class SimListener;
class SimConnection;

// How the network behaves at the moment.
struct Weather {
    Duration latency = 200us;  // one way, usually
    double breaks = 0.0;       // connections that are reset somewhere on their way
    double stalls = 0.0;       // chunks that are held up for a minute or so
    double refused = 0.0;      // connection attempts that are refused though somebody listens
    double lost = 0.0;         // connection attempts that nobody answers
};

class Internet {
  public:
    explicit Internet(World& world) : world_(world) {}
    World& world() { return world_; }
    Weather weather;

    // The process of these shards is gone: its peers' connections break, at once or (power cut) without a word.
    void lose(const std::vector<SimShard*>& shards, bool silently);
    // Nobody answers at this address, or somebody refuses.
    enum class Host : std::uint8_t { up, refuses, silent };
    void set_host(const IpAddress& address, Host state) { hosts_[address] = state; }

    // Streams that exist; for the judge: all must be gone at the end.
    std::size_t open_streams() const { return streams_; }

  private:
    friend class SimNetwork;
    friend class SimListener;
    friend class SimConnection;
    friend class SimStream;
    World& world_;
    std::multimap<Endpoint, SimListener*> listeners_;
    std::map<IpAddress, Host> hosts_;
    std::map<std::uint64_t, SimConnection*>
        connections_;  // by number, so that their order is the same in every run
    std::uint64_t made_ = 0;
    std::size_t streams_ = 0;
    std::uint16_t next_port_ = 20'000;
};

// One shard's door to it. `address`: what connections come from.
class SimNetwork final : public runtime::Network {
  public:
    SimNetwork(Internet& internet, SimShard& shard, IpAddress address)
        : internet_(internet), shard_(shard), address_(address) {}

    Result<std::unique_ptr<runtime::Listener>> listen(const Endpoint& endpoint) override;
    runtime::Task<IoResult<std::unique_ptr<runtime::Stream>>> connect(Endpoint to,
                                                                      std::optional<IpAddress> source,
                                                                      MonoTime deadline) override;

  private:
    Internet& internet_;
    SimShard& shard_;
    const IpAddress address_;
};

}  // namespace angarium::sim

// The simulated DNS: zones that change, servers that fail. One Lookup per shard of the relay, in the place of c-ares.
// One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dns/lookup.hpp"
#include "tests/sim/shard.hpp"

namespace angarium::sim {

class Names {
  public:
    explicit Names(World& world) : world_(world) {}
    World& world() { return world_; }

    std::map<std::string, std::vector<dns::MxRecord>> exchangers;
    std::map<std::string, std::vector<IpAddress>> addresses;
    std::set<std::string> names;  // exist, with or without records
    // Questions that fail although there is an answer, and how long an answer is good for.
    double failures = 0.0;
    std::chrono::seconds ttl{60};
    std::uint64_t asked = 0;

    dns::Answer answer(const dns::Question& question);

  private:
    World& world_;
};

class SimLookup final : public dns::Lookup {
  public:
    SimLookup(Names& names, SimShard& shard) : names_(names), shard_(shard) {}
    runtime::Task<dns::Answer> ask(dns::Question question) override;
    void cancel() override { canceled_ = true; }

  private:
    Names& names_;
    SimShard& shard_;
    bool canceled_ = false;
};

}  // namespace angarium::sim

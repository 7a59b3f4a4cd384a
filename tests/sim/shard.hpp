// A shard of the simulated world. What reaches it (completions, letters, timers) is an event of the world that runs inside
// the shard, followed by turns until nothing is ready. A crash stops it in the middle: no event enters it any more, and
// what it held is left behind. One thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/runtime/shard.hpp"
#include "tests/sim/world.hpp"

namespace angarium::sim {

class SimShard final : public runtime::Shard {
  public:
    SimShard(World& world, ShardId id, unsigned shards);

    // The others of its process, by id; before any letter.
    void know(std::vector<SimShard*> siblings) { siblings_ = std::move(siblings); }
    World& world() { return world_; }
    bool dead() const { return dead_; }
    void kill() { dead_ = true; }

    // Runs `what` inside the shard at that time, unless it is dead by then.
    void at(MonoTime when, std::function<void()> what);
    void after(Duration wait, std::function<void()> what) { at(world_.now() + wait, std::move(what)); }
    // Now; from outside of any shard.
    void run(std::function<void()> what);

    void send(ShardId to, std::unique_ptr<runtime::Letter> letter) override;
    bool congested(ShardId to) const override;

  private:
    void set_alarm();

    World& world_;
    std::vector<SimShard*> siblings_;
    bool dead_ = false;
    struct Lane {
        MonoTime last{};  // letters keep their order
        std::size_t under_way = 0;
        std::size_t capacity = 0;
    };
    std::vector<Lane> lanes_;
    MonoTime alarm_ = no_deadline;
};

}  // namespace angarium::sim

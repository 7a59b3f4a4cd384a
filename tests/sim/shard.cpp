#include "tests/sim/shard.hpp"

#include <algorithm>

namespace angarium::sim {
namespace {
// A shard that is still busy after so many turns of one event will never be done.
constexpr unsigned most_turns = 100'000;
}  // namespace

SimShard::SimShard(World& world, ShardId id, unsigned shards)
    : Shard(id, shards, world, Random(world.random().next())), world_(world), lanes_(shards) {
    constexpr std::size_t capacities[] = {2, 16, 1024};
    for (auto& lane : lanes_) lane.capacity = capacities[world.below(3)];
}

void SimShard::at(MonoTime when, std::function<void()> what) {
    world_.at(when, [this, what = std::move(what)] {
        if (!dead_) run(what);
    });
}

void SimShard::run(std::function<void()> what) {
    enter();
    // Through the ready list, so that it sees the shard's clock as it is now.
    ready().push({[](void* function) { (*static_cast<std::function<void()>*>(function))(); }, &what});
    unsigned turns = 0;
    while (turn(16)) ANGARIUM_ASSERT(++turns < most_turns);
    leave();
    if (!dead_) set_alarm();
}

void SimShard::set_alarm() {
    const auto next = timers().next();
    if (next == no_deadline || (alarm_ != no_deadline && alarm_ <= next && alarm_ > world_.now())) return;
    alarm_ = std::max(next, world_.now() + 1us);
    const auto mine = alarm_;
    at(mine, [this, mine] {
        if (alarm_ == mine) alarm_ = no_deadline;
    });
}

void SimShard::send(ShardId to, std::unique_ptr<runtime::Letter> letter) {
    auto& lane = lanes_[index(to)];
    lane.last = std::max(lane.last + 1ns, world_.now() + world_.latency(10us));
    ++lane.under_way;
    auto* const target = siblings_[index(to)];
    auto* const raw = letter.release();
    target->at(lane.last, [this, raw, to] {
        --lanes_[index(to)].under_way;
        raw->arrive();
    });
}

bool SimShard::congested(ShardId to) const {
    const auto& lane = lanes_[index(to)];
    return lane.under_way >= lane.capacity;
}

}  // namespace angarium::sim

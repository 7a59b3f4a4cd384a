// What every shard has in common, real or simulated: which one runs on this thread, sleeping, and a turn.
#include "engine/runtime/shard.hpp"

namespace angarium::runtime {
namespace {
thread_local Shard* current_shard = nullptr;
}

ReadyList& current_ready_list() { return Shard::current().ready(); }

Shard& Shard::current() {
    ANGARIUM_ASSERT(current_shard != nullptr);
    return *current_shard;
}

Shard::Shard(ShardId id, unsigned shards, Clock& clock, Random random)
    : id_(id),
      shards_(shards),
      clock_(clock),
      now_(clock.mono()),
      wall_now_(clock.wall()),
      random_(random),
      timers_(now_) {}

Shard::~Shard() = default;

void Shard::job_out() { ANGARIUM_ASSERT(!"this kind of shard has no worker threads"); }
void Shard::job_back(Job&) { ANGARIUM_ASSERT(!"this kind of shard has no worker threads"); }

void Shard::enter() {
    ANGARIUM_ASSERT(current_shard == nullptr);
    current_shard = this;
}

void Shard::leave() {
    ANGARIUM_ASSERT(current_shard == this);
    current_shard = nullptr;
}

bool Shard::turn(unsigned most_rounds) {
    now_ = clock_.mono();
    wall_now_ = clock_.wall();
    timers_.advance(now_);
    if (most_rounds > 0) heavy_work_.begin_turn();
    for (unsigned round = 0; round < most_rounds && !ready_.empty(); ++round) ready_.run();
    return !ready_.empty() || heavy_work_.waiting();
}

Shard::SleepAwaiter::SleepAwaiter(Shard& shard, MonoTime until)
    : shard_(shard),
      until_(until),
      timer_(
          [](void* self) { current_ready_list().push(resume_of(static_cast<SleepAwaiter*>(self)->waiter_)); },
          this) {}

void Shard::SleepAwaiter::await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    timer_.arm(shard_.timers(), until_);
}

}  // namespace angarium::runtime

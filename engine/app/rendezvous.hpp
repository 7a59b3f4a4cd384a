// Where all shards wait for one another, once: the last to arrive wakes the rest. Nothing blocks meanwhile.
#pragma once

#include <atomic>
#include <deque>

#include "engine/runtime/event.hpp"
#include "engine/runtime/ring_shard.hpp"

namespace angarium::app {

class Rendezvous {
  public:
    explicit Rendezvous(runtime::ShardSet& set) : set_(set), events_(set.size()) {}

    runtime::Task<void> meet(ShardId self) {
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == set_.size())
            for (unsigned i = 0; i < set_.size(); ++i)
                set_.call(ShardId{static_cast<std::uint8_t>(i)}, [this, i] { events_[i].signal(); });
        co_await events_[index(self)].wait();
    }

  private:
    runtime::ShardSet& set_;
    std::atomic<unsigned> arrived_ = 0;
    std::deque<runtime::Event> events_;
};

}  // namespace angarium::app

// /queue: what waits where, as JSON, for `angarium queue summary`. Asks every shard in turn, on its own thread, and the store.
// Owning thread: the shard on which the HTTP server listens.
#pragma once

#include "engine/http/message.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/runtime/workers.hpp"
#include "queue/queue.hpp"

namespace angarium::app {

class QueuePage final : public http::Service {
  public:
    // Destinations listed at most: the largest ones.
    static constexpr std::size_t most_destinations = 1000;

    QueuePage(runtime::ShardSet& shards, queue::QueueSet& queues, runtime::Workers& readers)
        : shards_(shards), queues_(queues), readers_(readers) {}
    runtime::Task<http::Response> answer(const http::Request& request) override;

  private:
    runtime::ShardSet& shards_;
    queue::QueueSet& queues_;
    runtime::Workers& readers_;
};

}  // namespace angarium::app

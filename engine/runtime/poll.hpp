// The Poller of a shard: readiness of foreign descriptors (c-ares, a signalfd). Owning thread: the shard's.
#pragma once

#include "engine/runtime/context.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::runtime {

class RingPoller final : public Poller {
  public:
    explicit RingPoller(IoContext& context) : context_(context) {}
    std::unique_ptr<Poll> watch(int descriptor, bool read, bool write,
                                std::function<void(Ready)> callback) override;

  private:
    IoContext& context_;
};

}  // namespace angarium::runtime

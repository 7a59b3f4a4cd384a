// From the configuration to each part's own options: the one place that knows both.
#pragma once

#include <functional>
#include <string>

#include "dns/options.hpp"
#include "engine/app/config.hpp"
#include "engine/inbound/options.hpp"
#include "engine/outbound/options.hpp"
#include "queue/queue.hpp"

namespace angarium::app {

// How the one memory budget is shared out, in bytes.
struct MemoryShares {
    std::size_t bodies;  // half: bodies on their way in and waiting to be sent
    std::size_t store;   // a quarter: RocksDB's cache, memtables and table readers
    std::size_t young;   // an eighth: the young table
    std::size_t
        windows;  // a sixteenth: ready deliveries without their bodies; the rest is for connections and buffers
};
MemoryShares memory_shares(const Config& config);

inbound::Options inbound_options(const Config& config);
outbound::Options outbound_options(const Config& config);
dns::Options dns_options(const Config& config);
queue::QueueOptions queue_options(const Config& config);
queue::StoreOptions store_options(const Config& config, std::function<void(std::string)> alarm);

}  // namespace angarium::app

// What `angarium bench store` found, as a table and as JSON. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/histogram.hpp"
#include "bench/store.hpp"

namespace angarium::bench {

struct StoreFigure {
    double rate = 0;                 // messages a second
    double cpu_microseconds = 0;     // of processor time, a message
    std::uint64_t p50 = 0, p99 = 0;  // from append to durable, or of one write: nanoseconds
    void set(std::uint64_t messages, double seconds, double cpu_seconds, const Histogram& latency);
};

struct StoreRow {
    std::uint64_t size = 0;
    unsigned group = 0;             // messages that were always under way
    double messages_per_group = 0;  // that shared a write
    double written_per_byte = 0;    // bytes to the disk for each byte of message
    StoreFigure journal, raw;
};

struct StoreBatchRow {
    std::uint64_t size = 0;
    unsigned batch = 0;           // messages that are moved at a time
    double written_per_byte = 0;  // by this process, for each byte of message
    std::uint64_t flush_p50 = 0;  // nanoseconds
    StoreFigure figure;           // percentiles are those of a batch
};

struct StoreResults {
    Histogram sync;  // of one synced write of 4 KiB, nanoseconds
    std::vector<StoreRow> rows;
    std::vector<StoreBatchRow> batches;
};

std::string store_text(const StoreOptions& options, const StoreResults& results);
std::string store_json(const StoreOptions& options, const StoreResults& results);  // one line

}  // namespace angarium::bench

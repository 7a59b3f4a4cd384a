// RocksDB's part of `angarium bench store`: what the store of the queue takes when mail that waits is moved into it. Blocks its
// caller, the only thread but RocksDB's own.
#pragma once

#include <cstdint>
#include <string>

#include "bench/store_report.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

// Batches of so many messages of `size` bytes, with a flush after every 64 MiB of them and at the end, for so long at least. The
// store is a new one at `path`, and stays there.
Result<StoreBatchRow> measure_batches(const std::string& path, std::uint64_t size, unsigned batch,
                                      Duration time);

}  // namespace angarium::bench

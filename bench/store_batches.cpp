#include "bench/store_batches.hpp"

#include "bench/store_samples.hpp"
#include "bench/usage.hpp"

namespace angarium::bench {
namespace {

constexpr std::uint64_t segment_bytes =
    64u << 20;  // of the journal: the store is flushed when one has been moved into it

}  // namespace

Result<StoreBatchRow> measure_batches(const std::string& path, std::uint64_t size, unsigned batch,
                                      Duration time) {
    queue::StoreOptions options;
    options.path = path;
    auto opened = queue::open_rocks_store(options);
    if (!opened) return std::unexpected(opened.error());
    auto& store = **opened;
    Survivors survivors("r0@d001.example.test", noise(size));
    StoreBatchRow row;
    row.size = size;
    row.batch = batch;
    Histogram applies, flushes;
    std::uint64_t messages = 0;
    const auto written = written_bytes();
    const auto cpu = CpuTime::now();
    const auto begun = mono_nanoseconds();
    for (queue::Lsn tail = 0; mono_nanoseconds() - begun < static_cast<std::uint64_t>(time.count());) {
        for (std::uint64_t bytes = 0; bytes < segment_bytes; bytes += batch * size) {
            queue::StoreBatch changes;
            for (unsigned i = 0; i < batch; ++i) changes.survivors.push_back(survivors.next());
            changes.tail = {ShardId{0}, ++tail};
            const auto at = mono_nanoseconds();
            if (auto applied = store.apply(changes); !applied) return std::unexpected(applied.error());
            applies.record(mono_nanoseconds() - at);
            messages += batch;
        }
        const auto at = mono_nanoseconds();
        if (auto flushed = store.flush(); !flushed) return std::unexpected(flushed.error());
        flushes.record(mono_nanoseconds() - at);
    }
    const auto seconds = static_cast<double>(mono_nanoseconds() - begun) / 1e9;
    row.figure.set(messages, seconds, (CpuTime::now() - cpu).total(), applies);
    row.flush_p50 = flushes.percentile(50);
    opened->reset();  // what it still had to write
    row.written_per_byte =
        static_cast<double>(written_bytes() - written) / static_cast<double>(messages * size);
    return row;
}

}  // namespace angarium::bench

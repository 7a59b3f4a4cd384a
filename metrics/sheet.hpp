// A Sheet: one shard's metrics. One thread writes (the shard's), any thread may read; there are no locked
// instructions and no cache line is shared with another sheet, so that counting costs a load, an add and a
// store.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/base/time.hpp"
#include "metrics/catalogue.hpp"
#include "metrics/scale.hpp"

namespace angarium::metrics {

class alignas(128) Sheet {
  public:
    Sheet() = default;
    Sheet(const Sheet&) = delete;
    Sheet& operator=(const Sheet&) = delete;

    void add(Count id, std::uint64_t n = 1) { bump(counts_[index(id)], n); }
    // For counts named `..._seconds_total`.
    void add_time(Count id, Duration time) { bump(counts_[index(id)], nanoseconds(time)); }

    void set(Level id, std::int64_t value) { levels_[index(id)].store(value, std::memory_order_relaxed); }
    void add(Level id, std::int64_t delta) { bump(levels_[index(id)], delta); }

    // For spreads named `..._seconds`; a negative time counts as zero.
    void observe(Spread id, Duration time) { put(id, nanoseconds(time)); }
    // For all other spreads: bytes, or a number.
    void observe(Spread id, std::uint64_t value) { put(id, value); }

    // For readers. Spreads: how many observations fell into the bucket, and the sum in nanoseconds, bytes or
    // a number.
    std::uint64_t value(Count id) const { return counts_[index(id)].load(std::memory_order_relaxed); }
    std::int64_t value(Level id) const { return levels_[index(id)].load(std::memory_order_relaxed); }
    std::uint64_t bucket(Spread id, std::size_t bucket) const {
        return spreads_[index(id)].buckets[bucket].load(std::memory_order_relaxed);
    }
    double sum(Spread id) const { return spreads_[index(id)].sum.load(std::memory_order_relaxed); }

  private:
    struct Histogram {
        std::atomic<double> sum{
            0};  // a double: an integer of nanoseconds would wrap within a minute of heavy backlog
        std::array<std::atomic<std::uint64_t>, most_buckets> buckets{};
    };

    template <class T, class U>
    static void bump(std::atomic<T>& cell, U n) {
        cell.store(cell.load(std::memory_order_relaxed) + static_cast<T>(n), std::memory_order_relaxed);
    }
    static std::uint64_t nanoseconds(Duration time) {
        return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
    }
    void put(Spread id, std::uint64_t value) {
        Histogram& histogram = spreads_[index(id)];
        bump(histogram.buckets[bucket_of(unit(id), value)], 1);
        bump(histogram.sum, value);
    }

    std::array<std::atomic<std::uint64_t>, counts> counts_{};
    std::array<std::atomic<std::int64_t>, levels> levels_{};
    std::array<Histogram, spreads> spreads_{};
};

}  // namespace angarium::metrics

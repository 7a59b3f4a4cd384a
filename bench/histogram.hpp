// Latencies with bounded relative error (HDR style): 128 linear steps in every power of two, so that a percentile is at
// most 0.8 % high. Values are integers, here nanoseconds. One thread writes; merged when all is done.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace angarium::bench {

class Histogram {
  public:
    Histogram();
    void record(std::uint64_t value);
    void merge(const Histogram& other);

    std::uint64_t count() const { return count_; }
    std::uint64_t max() const { return max_; }
    double mean() const;
    // The value that `percent` (0 .. 100) of all values do not exceed: the upper end of its step, never over max().
    // 0 when nothing was recorded.
    std::uint64_t percentile(double percent) const;

  private:
    static constexpr unsigned step_bits = 7;
    static constexpr unsigned value_bits = 48;  // 78 hours in nanoseconds; more counts as that
    static constexpr std::uint64_t largest = (std::uint64_t{1} << value_bits) - 1;

    // Below 2^step_bits a value is its own index; above, its highest step_bits + 1 bits, under the power they stand in.
    static std::size_t index_of(std::uint64_t value) {
        if (value < (std::uint64_t{1} << step_bits)) return value;
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
        return (std::size_t{shift} << step_bits) + (value >> shift);
    }
    static std::uint64_t highest_of(std::size_t index);

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t max_ = 0;
    double sum_ = 0;
};

}  // namespace angarium::bench

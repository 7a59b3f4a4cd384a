#include "bench/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace angarium::bench {

Histogram::Histogram() : counts_(index_of(largest) + 1) {}

void Histogram::record(std::uint64_t value) {
    value = std::min(value, largest);
    ++counts_[index_of(value)];
    ++count_;
    sum_ += static_cast<double>(value);
    max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::uint64_t Histogram::percentile(double percent) const {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(percent / 100 * static_cast<double>(count_));
    const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= rank) return std::min(highest_of(i), max_);
    }
    return max_;
}

std::uint64_t Histogram::highest_of(std::size_t index) {
    constexpr std::size_t steps = std::size_t{1} << step_bits;
    if (index < 2 * steps) return index;
    const auto shift = (index >> step_bits) - 1;
    const auto lowest = (std::uint64_t{steps + (index & (steps - 1))}) << shift;
    return lowest + (std::uint64_t{1} << shift) - 1;
}

}  // namespace angarium::bench

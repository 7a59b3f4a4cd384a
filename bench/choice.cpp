#include "bench/choice.hpp"

#include <cmath>
#include <numeric>

#include "engine/base/assert.hpp"

namespace angarium::bench {

WeightedChoice::WeightedChoice(std::span<const double> weights) : cells_(weights.size()) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    ANGARIUM_ASSERT(sum > 0);
    // In units of a cell; who has less than one gets its rest filled by somebody who has more.
    std::vector<double> left(weights.size());
    std::vector<std::uint32_t> less, more;
    for (std::uint32_t i = 0; i < left.size(); ++i) {
        left[i] = weights[i] / sum * static_cast<double>(weights.size());
        (left[i] < 1 ? less : more).push_back(i);
        cells_[i] = {~0u, i};  // whole, unless it is filled below
    }
    while (!less.empty() && !more.empty()) {
        const auto poor = less.back(), rich = more.back();
        less.pop_back();
        cells_[poor] = {static_cast<std::uint32_t>(left[poor] * 0x1.0p32), rich};
        left[rich] -= 1 - left[poor];
        if (left[rich] >= 1) continue;
        more.pop_back();
        less.push_back(rich);
    }
}

std::vector<double> zipf_weights(std::size_t count, double exponent) {
    std::vector<double> weights(count);
    for (std::size_t i = 0; i < count; ++i) weights[i] = std::pow(static_cast<double>(i + 1), -exponent);
    return weights;
}

}  // namespace angarium::bench

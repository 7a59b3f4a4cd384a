// Draws with given odds. Immutable once made; any thread may draw with a generator of its own. Nothing is allocated then.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/random.hpp"

namespace angarium::bench {

// One of n alternatives in constant time (alias method: n cells of equal width, each shared by at most two alternatives,
// so that one random number picks the cell and the part of it).
class WeightedChoice {
  public:
    // Not negative, and not all zero; at most 2^32 - 1 of them.
    explicit WeightedChoice(std::span<const double> weights);
    std::size_t size() const { return cells_.size(); }
    std::uint32_t draw(Random& random) const {
        const auto product = static_cast<unsigned __int128>(random.next()) * cells_.size();
        const auto cell = static_cast<std::uint32_t>(product >> 64);
        const auto within = static_cast<std::uint32_t>(static_cast<std::uint64_t>(product) >> 32);
        return within < cells_[cell].own ? cell : cells_[cell].other;
    }

  private:
    struct Cell {
        std::uint32_t own;    // 2^32 parts of the cell that are its own alternative's
        std::uint32_t other;  // whose the rest is
    };
    std::vector<Cell> cells_;
};

// Weights of `count` ranks, 1 / rank^exponent: few domains get most of the mail, many get some.
std::vector<double> zipf_weights(std::size_t count, double exponent);

}  // namespace angarium::bench

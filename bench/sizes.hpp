// Message sizes as the command line gives them: "4KiB", a range "1KiB-64KiB", or a mix with weights
// "4KiB:70,32KiB:25,1MiB-4MiB:5". Pure values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"

namespace angarium::bench {

// One part of a mix: sizes from `least` to `most` bytes, equally likely on a logarithmic scale.
struct SizeShare {
    std::uint64_t least = 4096;
    std::uint64_t most = 4096;
    double weight = 1;
    friend bool operator==(const SizeShare&, const SizeShare&) = default;
};

// A range is sent as so many sizes at most, evenly spaced by logarithm: what a message of each looks like is worked out
// once, before the run.
inline constexpr unsigned most_steps = 256;

// "4096", "4KiB", "1.5MB" (1000 and 1024 as the units say, in any case), bytes.
Result<std::uint64_t> parse_size(std::string_view text);
Result<std::vector<SizeShare>> parse_sizes(std::string_view text);
// As parse_sizes() takes it.
std::string sizes_text(const std::vector<SizeShare>& shares);

// A size and how often it is sent, relative to the others.
struct SizeStep {
    std::uint64_t size;
    double weight;
};
std::vector<SizeStep> size_steps(const std::vector<SizeShare>& shares);

}  // namespace angarium::bench

#include "tests/sim/world.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace angarium::sim {

void World::tell(std::string_view line) {
    auto text = fmt::format("{:>14.6f} {}", std::chrono::duration<double>(elapsed()).count(), line);
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    if (loud) std::fprintf(stderr, "%s\n", text.c_str());
    story_.push_back(std::move(text));
    if (story_.size() > kept_lines) story_.pop_front();
}

}  // namespace angarium::sim

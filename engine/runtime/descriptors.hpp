// How many files and connections this process may have open, and has. Any thread.
#pragma once

#include <cstddef>

namespace angarium::runtime {

// Raises the soft limit to the hard one: that of a login shell (1024) is for programs that use select(). Before anybody
// needs them.
void allow_all_descriptors();

std::size_t most_descriptors();
std::size_t open_descriptors();

}  // namespace angarium::runtime

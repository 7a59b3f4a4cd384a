// How many files and connections this process may have open. Any thread, before it needs them.
#pragma once

namespace angarium::runtime {

// Raises the soft limit to the hard one: that of a login shell (1024) is for programs that use select().
void allow_all_descriptors();

}  // namespace angarium::runtime

// Broken invariants end the process: a peer can never cause one, so continuing would only hide a bug.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace angarium::detail {
[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
    std::abort();
}
}  // namespace angarium::detail

#define ANGARIUM_ASSERT(condition)          \
    (static_cast<bool>(condition) ? void(0) \
                                  : ::angarium::detail::assertion_failed(#condition, __FILE__, __LINE__))

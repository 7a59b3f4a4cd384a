#include "engine/base/random.hpp"

#include <sys/random.h>

#include "engine/base/assert.hpp"

namespace angarium {

std::uint64_t kernel_random() {
    std::uint64_t bits = 0;
    ANGARIUM_ASSERT(::getrandom(&bits, sizeof bits, 0) == sizeof bits);
    return bits;
}

}  // namespace angarium

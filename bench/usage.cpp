#include "bench/usage.hpp"

#include <sys/resource.h>

namespace angarium::bench {
namespace {

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage usage() {
    rusage own{};
    ::getrusage(RUSAGE_SELF, &own);
    return own;
}

}  // namespace

CpuTime CpuTime::now() {
    const auto own = usage();
    return {seconds(own.ru_utime), seconds(own.ru_stime)};
}

std::uint64_t peak_resident_bytes() { return static_cast<std::uint64_t>(usage().ru_maxrss) * 1024; }

}  // namespace angarium::bench

#include "bench/usage.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <string>

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

std::uint64_t peak_resident_bytes() {
    // Not ru_maxrss: that still knows the size of whoever started us.
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
    return 0;
}

}  // namespace angarium::bench

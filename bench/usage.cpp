#include "bench/usage.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

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

// The number behind a name that begins a line.
std::uint64_t own_number(const char* path, std::string_view name) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size(), nullptr, 10);
    return 0;
}

}  // namespace

CpuTime CpuTime::now() {
    const auto own = usage();
    return {seconds(own.ru_utime), seconds(own.ru_stime)};
}

std::uint64_t written_bytes() { return own_number("/proc/self/io", "write_bytes:"); }

// Not ru_maxrss: that still knows the size of whoever started us.
std::uint64_t peak_resident_bytes() { return own_number("/proc/self/status", "VmHWM:") * 1024; }

}  // namespace angarium::bench

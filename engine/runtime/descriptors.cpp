#include "engine/runtime/descriptors.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>

namespace angarium::runtime {

void allow_all_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t most_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return std::numeric_limits<std::size_t>::max();
    return limit.rlim_cur;
}

std::size_t open_descriptors() {
    constexpr auto folder = "/proc/self/fd";
    struct stat status{};
    if (::stat(folder, &status) == 0 && status.st_size > 0)  // since Linux 6.2: how many there are
        return static_cast<std::size_t>(status.st_size);
    std::error_code failed;
    std::filesystem::directory_iterator entries(folder, failed);
    std::size_t count = 0;
    while (!failed && entries != std::filesystem::directory_iterator()) {
        ++count;
        entries.increment(failed);
    }
    return count > 0 ? count - 1 : 0;  // without the one that is reading
}

}  // namespace angarium::runtime

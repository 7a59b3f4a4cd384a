// Reads /etc/hosts, /proc and the cgroup files. See system_facts.hpp.
#include "engine/app/system_facts.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace angarium::app {
namespace {

bool qualified(const std::string& name) {
    const auto dot = name.find('.');
    return dot != std::string::npos && dot > 0 && dot + 1 < name.size() && !name.ends_with(".localdomain") &&
           !name.ends_with(".localhost");
}

// The name that /etc/hosts gives first on the line that holds `alias`: what `hostname -f` prints on most systems.
std::optional<std::string> canonical_name(const std::string& hosts, const std::string& alias) {
    std::ifstream file(hosts);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string address, best, word;
        bool ours = false;
        words >> address;
        while (words >> word) {
            if (best.empty() && qualified(word)) best = word;
            ours = ours || word == alias;
        }
        if (ours && !best.empty()) return best;
    }
    return std::nullopt;
}

std::optional<std::string> find_hostname(const std::string& root) {
    std::string name;
    if (root.empty()) {
        char buffer[256] = {};
        if (::gethostname(buffer, sizeof buffer - 1) != 0) return std::nullopt;
        name = buffer;
    } else {
        std::ifstream(root + "/etc/hostname") >> name;
    }
    if (qualified(name)) return name;
    return canonical_name(root + "/etc/hosts", name);
}

// This process's place in the unified hierarchy, "/" where it is unknown.
std::string cgroup_path(const std::string& root) {
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::/")) return line.substr(3);
    return "/";
}

// Calls `read` with each directory from ours up to the top: a limit anywhere above us holds.
template <class F>
void each_cgroup(const std::string& root, F read) {
    const std::string top = root + "/sys/fs/cgroup";
    for (std::string path = cgroup_path(root);; path = path.substr(0, path.rfind('/'))) {
        if (path == "/") path.clear();
        read(top + path);
        if (path.empty()) return;
    }
}

std::uint64_t find_memory(const std::string& root) {
    std::uint64_t memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto lower = [&memory](const std::string& file) {
        std::uint64_t limit = 0;  // "max" is no number and leaves it
        if (std::ifstream(file) >> limit && limit > 0) memory = std::min(memory, limit);
    };
    each_cgroup(root, [&lower](const std::string& folder) { lower(folder + "/memory.max"); });
    lower(root + "/sys/fs/cgroup/memory/memory.limit_in_bytes");  // the first version of cgroups
    return memory;
}

unsigned find_cores(const std::string& root) {
    cpu_set_t set;
    CPU_ZERO(&set);
    double cores = 1;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
    each_cgroup(root, [&cores](const std::string& folder) {
        double quota = 0, period = 0;
        if (std::ifstream(folder + "/cpu.max") >> quota >> period && quota > 0 && period > 0)
            cores = std::min(cores, quota / period);
    });
    return std::max(1u, static_cast<unsigned>(std::ceil(cores)));
}

}  // namespace

SystemFacts read_system_facts(const std::string& root) {
    return {find_hostname(root), find_memory(root), find_cores(root)};
}

}  // namespace angarium::app

// What defaults depend on: this machine's name, memory and cores, as far as this process may use them. Read once, at
// start, from files; asks no network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace angarium::app {

struct SystemFacts {
    std::optional<std::string> hostname;  // fully qualified; none where the system has no such name
    std::uint64_t memory = 0;             // bytes: the smallest cgroup limit above us, or RAM
    unsigned cores = 1;                   // by affinity and the cgroups' quota, rounded up
};

// `root` is put before every path: "" for the real system.
SystemFacts read_system_facts(const std::string& root = "");

}  // namespace angarium::app

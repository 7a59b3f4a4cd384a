// `angarium bench relay`: sink with DNS, relay and generator together, as processes of this program on loopback, and what
// each of them did and used. The relay is `angarium serve` as anybody runs it: this folder knows nothing of it but its
// configuration and its /metrics. Owning thread: main's, the only one; nothing that it started outlives it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/time.hpp"

namespace angarium::bench {

struct RelayOptions {
    std::uint64_t messages = 0;  // accepted; 0: until `duration` is over
    Duration duration{};
    std::uint64_t warm_up =
        0;  // messages before them, which are delivered when those begin, and count for nothing
    unsigned sessions = 50;
    std::string size = "4KiB";  // as `bench send` takes it
    unsigned recipients = 1;    // of one message
    unsigned domains = 100;
    double rate = 0;                    // messages a second, open loop; 0: closed loop
    bool by_mx = true;                  // else all mail goes by one route, to a smarthost
    unsigned exchangers = 10;           // that the domains share
    std::uint64_t waiting = 0;          // messages for dead destinations that wait in the queue meanwhile
    unsigned shards = 0;                // of the relay; 0: as many as it chooses
    std::vector<std::string> settings;  // of the relay, "limits.memory=1GiB"
    std::string path = ".";  // where a folder for queue and output is made: the disk that is measured
    bool keep = false;       // leave that folder
    bool stay = false;       // leave everything running until a signal comes
    bool json = false;
    bool progress = false;
};

// Runs, prints the result on standard output (diagnostics and progress on standard error) and returns the exit code: 0
// only if every message was accepted and arrived exactly once and undamaged, 130 when interrupted.
int run_relay(const RelayOptions& options);

}  // namespace angarium::bench

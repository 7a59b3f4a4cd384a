// The relay: everything of one process, wired. `main` makes one from the configuration and runs it; a message's way through it
// is told in the project's README. Each shard gets an inbound server, a queue, a resolver and a dispatcher of its own.
//
// Start, in step over all shards: journals of another number of shards, or to be repaired, are drained · each shard reads its
// journal · listeners are bound · mail flows. Stop (TERM): no new connections, sessions hear 421 · attempts finish · outcomes are recorded ·
// journals and the delivery log are synced · exit.
#pragma once

#include <memory>

#include "engine/app/config.hpp"
#include "engine/base/result.hpp"

namespace angarium::app {

struct RelayOptions {
    std::string config_file;  // read again by HUP
    Config config;
    bool repair_journal = false;
};

// Runs until TERM or INT. The exit code: 0 after a clean drain; 75 when something had to be given up (the journal failed);
// 78 when it could not start, after saying why.
int run_relay(RelayOptions options);

// Where the running relay of this queue can be asked, as "address:port"; left in the queue's folder while it runs.
std::string control_file(const Config& config);

}  // namespace angarium::app

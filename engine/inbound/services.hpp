// What all sessions of a shard share. Everything it names outlives them. Owning thread: the shard's, except connections.
#pragma once

#include "engine/inbound/connections.hpp"
#include "engine/inbound/options.hpp"
#include "engine/runtime/shard.hpp"
#include "metrics/sheet.hpp"
#include "queue/intake.hpp"

namespace angarium::inbound {

struct Services {
    runtime::Shard& shard;
    queue::Intake& intake;
    metrics::Sheet& sheet;
    Connections& connections;
    const Options& options;
    RejectionLog rejected;  // may be empty
};

}  // namespace angarium::inbound

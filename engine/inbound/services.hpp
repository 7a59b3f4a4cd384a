// What all sessions of a shard share. Everything it names outlives them. Owning thread: the shard's, except connections.
#pragma once

#include "engine/accounts/logins.hpp"
#include "engine/inbound/connections.hpp"
#include "engine/inbound/in_force.hpp"
#include "engine/inbound/options.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/sheet.hpp"
#include "queue/intake.hpp"

namespace angarium::inbound {

struct Services {
    runtime::Shard& shard;
    queue::Intake& intake;
    metrics::Sheet& sheet;
    Connections& connections;
    const Options& options;
    const InForce& in_force;
    RejectionLog rejected;                // may be empty
    accounts::Logins* logins = nullptr;   // must be there where terms have accounts
    runtime::Workers* signing = nullptr;  // for signatures that take long; null: they are made here
};

}  // namespace angarium::inbound

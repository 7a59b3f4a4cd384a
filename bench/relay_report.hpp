// The summary of `bench relay`, as text and as JSON. Pure functions.
#pragma once

#include <string>

#include "bench/relay_run.hpp"

namespace angarium::bench {

std::string relay_text(const RelayOptions& options, const RelaySummary& summary);
std::string relay_json(const RelayOptions& options, const RelaySummary& summary);  // one line

}  // namespace angarium::bench

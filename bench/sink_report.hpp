// The sink's summary and its lines while running, as text and as JSON. Pure functions.
#pragma once

#include <string>

#include "bench/sink_run.hpp"

namespace angarium::bench {

std::string sink_text(const SinkSummary& summary);
std::string sink_json(const SinkSummary& summary);  // one line
// One line of JSON: the counts so far.
std::string sink_progress_json(const Ledger& ledger, double seconds);

}  // namespace angarium::bench

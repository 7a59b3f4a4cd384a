// The generator's summary and its progress line, as text and as JSON. Pure functions.
#pragma once

#include <string>

#include "bench/send_run.hpp"

namespace angarium::bench {

std::string send_text(const SendOptions& options, const SendSummary& summary);
std::string send_json(const SendOptions& options, const SendSummary& summary);  // one line
std::string send_progress_text(const SendProgress& before, const SendProgress& now);

}  // namespace angarium::bench

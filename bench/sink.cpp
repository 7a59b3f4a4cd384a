#include "bench/sink.hpp"

#include <cstdio>

#include <fmt/core.h>

#include "bench/sink_report.hpp"
#include "bench/sink_run.hpp"
#include "engine/runtime/signals.hpp"

namespace angarium::bench {
namespace {

void announce(const SinkAddresses& addresses) {
    for (const auto& endpoint : addresses.smtp) fmt::print(stderr, "listening smtp {}\n", endpoint.text());
    if (addresses.dns) fmt::print(stderr, "listening dns {}\n", addresses.dns->text());
    if (addresses.http) fmt::print(stderr, "listening http {}\n", addresses.http->text());
    fmt::print(stderr, "ready\n");
    std::fflush(stderr);
}

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace

int run_sink(const SinkOptions& options) {
    runtime::block_service_signals();
    SinkRun sink(options);
    const auto summary = sink.run(
        true,
        {announce, [](const Ledger& ledger, double seconds) { print(sink_progress_json(ledger, seconds)); },
         [](std::uint64_t microseconds) {
             fmt::print(stderr, "warm {:.6f}\n", static_cast<double>(microseconds) / 1e6);
             std::fflush(stderr);
         }});
    if (!summary) {
        fmt::print(stderr, "angarium bench sink: {}\n", summary.error().text);
        return 1;
    }
    print(options.json ? sink_json(*summary) : sink_text(*summary));
    return summary->clean() ? 0 : 1;
}

}  // namespace angarium::bench

#include "bench/relay.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include <fmt/core.h>

#include "bench/relay_report.hpp"
#include "bench/relay_run.hpp"

namespace angarium::bench {
namespace {

constexpr int exit_interrupted = 130;  // as of a program that INT ended

// A line that changes on a terminal, a line each elsewhere.
void show(const RelayOptions& options, std::uint64_t accepted, std::uint64_t delivered) {
    const auto of = options.messages > 0 ? fmt::format(" of {}", options.messages) : std::string();
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    fmt::print(stderr, "{}accepted {}{}   delivered {}{}", terminal ? "\r\x1b[K" : "", accepted, of,
               delivered, terminal ? "" : "\n");
    std::fflush(stderr);
}

std::string invitation(const RelaySummary& s) {
    const auto colon = s.smtp.rfind(':');
    return fmt::format(
        "\nEverything stays up. A message of your own:\n"
        "  swaks --server {}:{} --from me@example.net --to you@d001.example.test\n"
        "  tail -n 2 {}/queue/log/*.jsonl\n"
        "Metrics, and what waits:\n"
        "  curl -s http://{}/metrics\n"
        "  {} queue summary --config {}\n"
        "Ctrl-C ends it.\n",
        s.smtp.substr(0, colon), s.smtp.substr(colon + 1), s.folder, s.http,
        std::filesystem::read_symlink("/proc/self/exe").string(), s.config);
}

}  // namespace

int run_relay(const RelayOptions& options) {
    bool good = false;
    RelayRunHooks hooks;
    if (options.progress)
        hooks.progress = [&](std::uint64_t accepted, std::uint64_t delivered) {
            show(options, accepted, delivered);
        };
    hooks.done = [&](const RelaySummary& summary) {
        good = summary.exact();
        if (options.progress && ::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "\n");
        fmt::print("{}{}", options.json ? relay_json(options, summary) : relay_text(options, summary),
                   options.stay && !options.json ? invitation(summary) : "");
        std::fflush(stdout);
    };
    RelayRun run(options, std::move(hooks));
    const auto done = run.run();
    if (!done) fmt::print(stderr, "angarium bench relay: {}\n", done.error().text);
    if (!done && run.interrupted()) return exit_interrupted;
    return done && good ? 0 : 1;
}

}  // namespace angarium::bench

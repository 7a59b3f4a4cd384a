// Prometheus' own checker accepts the text of a scrape, empty and filled.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "metrics/registry.hpp"

namespace angarium::metrics {
namespace {

struct Outcome {
    int status;
    std::string output;
};

Outcome promtool(const std::string& text) {
    const auto path = testing::TempDir() + "angarium_exposition_" + std::to_string(::getpid());
    std::ofstream(path) << text;
    const std::string command = ANGARIUM_ROOT "/tests/support/peer promtool check metrics <" + path + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {127, "no shell"};
    std::string output;
    char chunk[4096];
    for (std::size_t n; (n = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) output.append(chunk, n);
    const int status = ::pclose(pipe);
    std::remove(path.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

TEST(Promtool, AcceptsAnEmptyRegistry) {
    const auto outcome = promtool(Registry(1).exposition());
    EXPECT_EQ(outcome.status, 0) << outcome.output << "(promtool is missing? run 'make deps')";
    EXPECT_EQ(outcome.output, "");
}

TEST(Promtool, AcceptsEveryMetricFilled) {
    Registry registry(64);
    registry.build("0.1.0", "g++ 12");
    for (unsigned shard = 0; shard < 64; ++shard) {
        Sheet& sheet = registry.sheet(ShardId(shard));
        for (std::size_t i = 0; i < counts; ++i) sheet.add(Count(i), i + 1);
        for (std::size_t i = 0; i < levels; ++i) sheet.set(Level(i), static_cast<std::int64_t>(i) - 3);
        for (std::size_t i = 0; i < spreads; ++i)
            for (std::uint64_t value = 1; value < 1ull << 50; value *= 7) sheet.observe(Spread(i), value);
    }
    const auto outcome = promtool(registry.exposition());
    EXPECT_EQ(outcome.status, 0) << outcome.output << "(promtool is missing? run 'make deps')";
    EXPECT_EQ(outcome.output, "");
}

}  // namespace
}  // namespace angarium::metrics

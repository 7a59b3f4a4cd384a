// The relay's configuration for a measurement: sections, values that replace earlier ones, what becomes text.
#include "bench/relay_config.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

TEST(RelayConfig, GathersSections) {
    RelayConfig config;
    config.set("queue.path", "/q");
    config.set("hostname", "relay.test");
    config.set("queue.retry.first", "1s");
    config.set("queue.journal", "1GiB");
    config.add("route", {{"domains", R"(["*"])"}, {"to", R"(["127.0.0.1:25"])"}});
    EXPECT_EQ(config.text(), R"(hostname = "relay.test"

[queue]
path = "/q"
journal = "1GiB"

[queue.retry]
first = "1s"

[[route]]
domains = ["*"]
to = ["127.0.0.1:25"]
)");
}

TEST(RelayConfig, TheLastValueCounts) {
    RelayConfig config;
    config.set("limits.memory", "2GiB");
    ASSERT_TRUE(config.set(" limits.memory = 1GiB "));
    EXPECT_EQ(config.text(), "\n[limits]\nmemory = \"1GiB\"\n");
}

TEST(RelayConfig, KnowsWhatIsText) {
    RelayConfig config;
    for (const auto* setting : {"a.text=5m", "a.quoted=\"5m\"", "a.number=2.5", "a.truth=true",
                                "a.list=[\"x\"]", R"(a.odd=C:\"q)", "a.equals=k=v"})
        ASSERT_TRUE(config.set(setting)) << setting;
    EXPECT_EQ(config.text(), R"(
[a]
text = "5m"
quoted = "5m"
number = 2.5
truth = true
list = ["x"]
odd = "C:\\\"q"
equals = "k=v"
)");
}

TEST(RelayConfig, RefusesWhatIsNoSetting) {
    RelayConfig config;
    for (const auto* setting : {"", "limits.memory", "=1", ".memory=1", "limits.=1"})
        EXPECT_FALSE(config.set(setting)) << setting;
    EXPECT_EQ(config.text(), "");
}

}  // namespace
}  // namespace angarium::bench

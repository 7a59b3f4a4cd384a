// Facts are read from a made-up system below a temporary folder, and from the real one.
#include "engine/app/system_facts.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace angarium::app {
namespace {

class FakeSystem : public testing::Test {
  protected:
    FakeSystem() : root_(testing::TempDir() + "angarium_facts_" + std::to_string(::getpid())) {}
    ~FakeSystem() override { std::filesystem::remove_all(root_); }
    void file(const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    const std::string root_;
};

TEST_F(FakeSystem, QualifiedNameIsTaken) {
    file("/etc/hostname", "relay.example.net\n");
    EXPECT_EQ(read_system_facts(root_).hostname, "relay.example.net");
}

TEST_F(FakeSystem, ShortNameIsCompletedFromHosts) {
    file("/etc/hostname", "relay\n");
    file("/etc/hosts", "127.0.0.1 localhost\n# relay no.example.net\n192.0.2.1 relay.example.net relay\n");
    EXPECT_EQ(read_system_facts(root_).hostname, "relay.example.net");
}

TEST_F(FakeSystem, NoNameIsNoName) {
    file("/etc/hostname", "box\n");
    file("/etc/hosts", "127.0.1.1 box.localdomain box\n");
    EXPECT_EQ(read_system_facts(root_).hostname, std::nullopt);
}

TEST_F(FakeSystem, SmallestLimitAboveUsCounts) {
    file("/proc/self/cgroup", "0::/system.slice/angarium.service\n");
    file("/sys/fs/cgroup/system.slice/angarium.service/memory.max", "max\n");
    file("/sys/fs/cgroup/system.slice/memory.max", "104857600\n");
    file("/sys/fs/cgroup/system.slice/angarium.service/cpu.max", "max 100000\n");
    file("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    const auto facts = read_system_facts(root_);
    EXPECT_EQ(facts.memory, 100u << 20);
    EXPECT_EQ(facts.cores, 1u);
}

TEST_F(FakeSystem, FirstVersionOfCgroups) {
    file("/proc/self/cgroup", "4:memory:/x\n");
    file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "209715200\n");
    EXPECT_EQ(read_system_facts(root_).memory, 200u << 20);
}

TEST(SystemFacts, OfThisMachine) {
    const auto facts = read_system_facts();
    EXPECT_GE(facts.cores, 1u);
    EXPECT_GT(facts.memory, 16u << 20);
}

}  // namespace
}  // namespace angarium::app

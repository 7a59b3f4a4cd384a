// The queue as a whole (see whole_queue.hpp) in a process that is killed again and again, and started with another number of
// shards: what was acknowledged ends exactly once in the record, and the other side sees few doubles.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>
#include <thread>

#include "tests/unit/queue/whole_queue.hpp"

namespace angarium::queue {
namespace {

using namespace whole;

std::uintmax_t size_of(const std::string& path) {
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    return none ? 0 : size;
}

// Not a test by itself: the process that the next test kills.
TEST(QueueChild, Run) {
    const char* const what = std::getenv("ANGARIUM_QUEUE_CHILD");
    if (what == nullptr) GTEST_SKIP() << "started by QueueCrash.WhatWasAcknowledgedEndsOnce";
    std::istringstream words(what);
    std::string path;
    Scenario scenario;
    bool disk_fails = false;
    words >> path >> scenario.shards >> scenario.seed >> disk_fails;
    scenario.messages = 100'000;
    scenario.forbidden = scenario.seed % 3 == 1;
    const int events = ::open((path + "/events").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    Judge judge(events);
    std::thread breaker;
    if (disk_fails) {  // once mail goes through, no file may be written beyond its second megabyte
        scenario.exit_on_alarm = 7;
        breaker = std::thread([events = path + "/events"] {
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(200);
            while (size_of(events) < 40'000 && std::chrono::steady_clock::now() < deadline)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{2u << 20, RLIM_INFINITY};
            ::setrlimit(RLIMIT_FSIZE, &limit);
        });
    }
    Start(path, scenario, judge).go();
    if (breaker.joinable()) breaker.join();
}

pid_t start_child(const std::string& path, unsigned shards, std::uint64_t seed, bool disk_fails = false) {
    std::string setting = "ANGARIUM_QUEUE_CHILD=" + path + " " + std::to_string(shards) + " " +
                          std::to_string(seed) + (disk_fails ? " 1" : " 0");
    std::vector<char*> settings{setting.data()};
    for (char** at = environ; *at != nullptr; ++at) settings.push_back(*at);
    settings.push_back(nullptr);
    const std::string output = path + "/output";
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
        ::dup2(STDOUT_FILENO, STDERR_FILENO);  // where assertions speak
        const char* arguments[] = {"queue-child", "--gtest_filter=QueueChild.Run", "--gtest_break_on_failure",
                                   nullptr};
        ::execve("/proc/self/exe", const_cast<char**>(arguments), settings.data());
        ::_exit(127);
    }
    return pid;
}

std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Starts once more, until nothing is left. Returns how many ends the other side saw beyond the first.
std::size_t finish(const TestPlace& place, unsigned shards, std::uint64_t seed) {
    Judge judge;
    Scenario scenario;
    scenario.shards = shards;
    scenario.seed = seed;
    scenario.messages = 0;
    scenario.heal = true;
    scenario.until_empty = true;
    scenario.patience = 150s;
    Start(place.path(), scenario, judge).go();

    std::set<LogJudge::Recipient> accepted;
    std::map<LogJudge::Recipient, unsigned> attempts;
    std::istringstream events(content(place.path("events")));
    for (std::string kind, id, recipient; events >> kind >> id >> recipient;) {
        if (kind == "A")
            accepted.insert({id, recipient});
        else
            ++attempts[{id, recipient}];
    }
    EXPECT_GT(accepted.size(), 50u);
    EXPECT_EQ(LogJudge(place.path("log")).about(accepted), "");
    std::size_t doubles = 0;
    for (const auto& [recipient, count] : attempts) doubles += count - 1;
    return doubles;
}

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t much = 100'000;  // bytes of events before a kill; everything takes five times as long
#else
constexpr std::uint64_t much = 400'000;
#endif

class QueueCrash : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(QueueCrash, WhatWasAcknowledgedEndsOnce) {
    const auto seed = GetParam();
    TestPlace place;
    Random random(seed);
    constexpr unsigned kills = 4;
    for (unsigned round = 0; round < kills; ++round) {
        // Soon after the start, or when much has been retired and loaded again.
        const auto enough = size_of(place.path("events")) + 20'000 + random.below(much);
        const auto child =
            start_child(place.path(), 1 + static_cast<unsigned>(random.below(3)), seed + round);
        for (int looks = 0; looks < 400 && size_of(place.path("events")) < enough; ++looks)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        std::this_thread::sleep_for(std::chrono::milliseconds(random.below(400)));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            << content(place.path("output")).substr(0, 4000);
    }
    const auto doubles = finish(place, 1 + static_cast<unsigned>(random.below(3)), seed + kills);
    EXPECT_LE(doubles, kills * 3 * 48 * 4);  // what the windows of three shards can have under way
    RecordProperty("doubles", static_cast<int>(doubles));
}

// What a failed write leaves is unknown; whatever was acknowledged before it is there.
TEST_P(QueueCrash, AFailedJournalAcknowledgesNothing) {
    TestPlace place;
    const auto child = start_child(place.path(), 1 + static_cast<unsigned>(GetParam() % 2), GetParam(), true);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    // RocksDB 7.8 may end the process itself when a flush fails while another one waits (an assertion in
    // MemTableList::RollbackMemtableFlush): a crash like any other, and nothing may be lost by it.
    const auto output = content(place.path("output"));
    const bool by_rocksdb = WIFSIGNALED(status) && output.find("RollbackMemtableFlush") != std::string::npos;
    ASSERT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 7) || by_rocksdb) << output.substr(0, 4000);
    finish(place, 2, GetParam() + 1);
}

INSTANTIATE_TEST_SUITE_P(Seeds, QueueCrash, ::testing::Range<std::uint64_t>(0, 2));

}  // namespace
}  // namespace angarium::queue

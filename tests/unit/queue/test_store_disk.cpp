// The store and the disk: what a crash leaves is a prefix of the batches, and a drained queue gives its disk back.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "queue/store.hpp"
#include "tests/unit/queue/place.hpp"
#include "tests/unit/queue/samples.hpp"
#include "tests/unit/queue/store_steps.hpp"

namespace angarium::queue {
namespace {

using namespace samples;
using namespace steps;

std::unique_ptr<Store> open(const std::string& path, std::chrono::milliseconds reclaim_every = 30'000ms) {
    StoreOptions options;
    options.path = path;
    options.memory = 32 << 20;
    options.reclaim_every = reclaim_every;
    auto opened = open_rocks_store(options);
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(*opened);
}

// Not a test by itself: the process that the next test kills. Two threads apply, a third flushes and says what is safe.
TEST(StoreChild, Run) {
    const char* path = std::getenv("ANGARIUM_STORE_CHILD");
    if (path == nullptr) GTEST_SKIP() << "started by StoreDisk.KilledProcessLeavesAPrefix";
    const auto store = open(path);
    auto meta = store->meta();
    if (meta.shards == 0) meta = two_shards();
    ASSERT_TRUE(store->set_meta(meta));
    std::atomic<std::uint64_t> applied[2] = {meta.tails[0], meta.tails[1]};
    const auto write = [&](unsigned shard) {
        for (auto step = applied[shard].load() + 1;; ++step) {
            if (!store->apply(step_of(shard, step))) std::abort();
            applied[shard] = step;
        }
    };
    std::thread first(write, 0), second(write, 1);
    for (;;) {
        const std::uint64_t safe[2] = {applied[0].load(), applied[1].load()};
        if (!store->flush()) std::abort();
        if (::write(STDOUT_FILENO, safe, sizeof safe) != sizeof safe) std::abort();
    }
}

struct Child {
    pid_t pid;
    int output;
};

Child start_child(const std::string& path) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    std::string setting = "ANGARIUM_STORE_CHILD=" + path;
    std::vector<char*> settings{setting.data()};
    for (char** at = environ; *at != nullptr; ++at) settings.push_back(*at);
    settings.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::close(ends[0]);
        const char* arguments[] = {"store-child", "--gtest_filter=StoreChild.Run", "--gtest_brief=1",
                                   nullptr};
        ::execve("/proc/self/exe", const_cast<char**>(arguments), settings.data());
        ::_exit(127);
    }
    ::close(ends[1]);
    return {pid, ends[0]};
}

TEST(StoreDisk, KilledProcessLeavesAPrefix) {
    TestPlace place;
    std::uint64_t tails[2] = {0, 0};
    for (int round = 0; round < 5; ++round) {
        const auto child = start_child(place.path("store"));
        std::string said;
        char bytes[4096];
        for (int reads = 0; reads < 5 + 7 * round; ++reads) {
            const auto got = ::read(child.output, bytes, sizeof bytes);
            ASSERT_GT(got, 0);
            said.append(bytes, static_cast<std::size_t>(got));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(3 * round));
        ::kill(child.pid, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child.pid, &status, 0), child.pid);
        for (ssize_t got; (got = ::read(child.output, bytes, sizeof bytes)) > 0;)
            said.append(bytes, static_cast<std::size_t>(got));
        ::close(child.output);
        std::uint64_t safe[2];  // the last pair; what gtest prints comes before the first
        ASSERT_GE(said.size(), sizeof safe);
        std::memcpy(safe, said.data() + said.size() - sizeof safe, sizeof safe);

        const auto store = open(place.path("store"));
        for (unsigned shard = 0; shard < 2; ++shard) {
            EXPECT_GE(store->meta().tails[shard], safe[shard]);
            EXPECT_GE(store->meta().tails[shard], tails[shard]);
            tails[shard] = store->meta().tails[shard];
        }
        expect_prefix(*store);
    }
    EXPECT_GT(tails[0], 20u);
}

TEST(StoreDisk, WhatWasNotFlushedIsGoneTogetherWithItsTail) {
    TestPlace place;
    const auto store = open(place.path("store"));
    ASSERT_TRUE(store->set_meta(two_shards()));
    for (std::uint64_t step = 1; step <= 15; ++step) ASSERT_TRUE(store->apply(step_of(0, step)));
    ASSERT_TRUE(store->flush());
    for (std::uint64_t step = 16; step <= 25; ++step) ASSERT_TRUE(store->apply(step_of(0, step)));
    std::filesystem::copy(place.path("store"), place.path("copy"), std::filesystem::copy_options::recursive);
    const auto copy = open(place.path("copy"));
    EXPECT_EQ(copy->meta().tails[0], 15u);
    expect_prefix(*copy);
    expect_prefix(*store);
}

TEST(StoreDisk, ADrainedQueueGivesItsDiskBack) {
    TestPlace place;
    constexpr unsigned messages = 6400;  // of 32 KiB: 200 MiB
    auto store = open(place.path("store"), 100ms);
    for (unsigned i = 0; i < messages; i += 64) {
        StoreBatch batch;
        for (unsigned k = i; k < i + 64; ++k)
            batch.survivors.push_back(survivor(id(k), {"x@a.com"}, std::string(32 * 1024, 'x')));
        ASSERT_TRUE(store->apply(batch));
    }
    ASSERT_TRUE(store->flush());
    EXPECT_GT(place.bytes(), 200'000'000u);
    const auto survivor_of_all = id(messages / 2);
    for (unsigned i = 0; i < messages; i += 64) {
        StoreBatch batch;
        for (unsigned k = i; k < i + 64; ++k)
            if (id(k) != survivor_of_all)
                batch.effects.push_back(outcome(facts(id(k), {"x@a.com"}), {}, Verdict::delivered));
        ASSERT_TRUE(store->apply(batch));
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (place.bytes() > 3'000'000 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_LT(place.bytes(), 3'000'000u);
    EXPECT_EQ(*store->read_body(survivor_of_all, 0), std::string(32 * 1024, 'x'));
    store = nullptr;
    store = open(place.path("store"));
    EXPECT_EQ(*store->read_body(survivor_of_all, 0), std::string(32 * 1024, 'x'));
    EXPECT_EQ(store->load_ready({"default", "a.com"}, MessageId(), 10)->entries.size(), 1u);
}

std::set<std::string> blob_files(const std::string& store) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(store))
        if (entry.path().extension() == ".blob") names.insert(entry.path().filename());
    return names;
}

// What lay there before the start counts: else the few that were removed would seem more than all that is left, and the
// whole queue would be written again.
TEST(StoreDisk, AStartDoesNotRewriteAQueueOfWhichLittleHasGone) {
    TestPlace place;
    constexpr unsigned messages = 8000, gone = 1600;
    auto store = open(place.path("store"));
    const auto each = [&](unsigned many, auto add) {
        for (unsigned i = 0; i < many; i += 64) {
            StoreBatch batch;
            for (unsigned k = i; k < i + 64; ++k) add(batch, id(k));
            ASSERT_TRUE(store->apply(batch));
        }
        ASSERT_TRUE(store->flush());
    };
    each(messages, [](StoreBatch& batch, const MessageId& id) {
        batch.survivors.push_back(survivor(id, {"x@a.com"}, std::string(2048, 'x')));
    });
    each(gone, [](StoreBatch& batch, const MessageId& id) {
        batch.effects.push_back(outcome(facts(id, {"x@a.com"}), {}, Verdict::delivered));
    });
    store = nullptr;
    const auto before = blob_files(place.path("store"));
    ASSERT_FALSE(before.empty());
    store = open(place.path("store"), 1ms);
    std::this_thread::sleep_for(500ms);  // some hundred looks; a slow machine's fewer pass as well
    EXPECT_EQ(blob_files(place.path("store")), before);
}

}  // namespace
}  // namespace angarium::queue

// The store on a disk that loses power, fills up and breaks.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "queue/store.hpp"
#include "tests/unit/queue/faulty_files.hpp"
#include "tests/unit/queue/place.hpp"
#include "tests/unit/queue/store_steps.hpp"

namespace angarium::queue {
namespace {

using namespace steps;
using namespace std::chrono_literals;

class StoreFaults : public ::testing::Test {
  protected:
    void SetUp() override {
        disk_->full = disk_->broken = false;
        disk_->free = 1ull << 40;
        store_ = open(place_.path("store"), FaultyFiles::uri);
        ASSERT_TRUE(store_);
        ASSERT_TRUE(store_->set_meta(two_shards()));
    }
    void TearDown() override { store_.reset(); }

    std::unique_ptr<Store> open(const std::string& path, std::string file_system,
                                std::chrono::milliseconds reclaim_every = 30s) {
        StoreOptions options;
        options.reclaim_every = reclaim_every;
        options.path = path;
        options.memory = 32 << 20;
        options.file_system = std::move(file_system);
        options.alarm = [this](std::string text) {
            const std::lock_guard lock(mutex_);
            alarms_.push_back(std::move(text));
        };
        auto opened = open_rocks_store(options);
        EXPECT_TRUE(opened) << opened.error().text;
        return opened ? std::move(*opened) : nullptr;
    }
    std::vector<std::string> alarms() {
        const std::lock_guard lock(mutex_);
        return alarms_;
    }

    TestPlace place_;
    const std::shared_ptr<DiskState> disk_ = FaultyFiles::enlist();
    std::mutex mutex_;  // alarms_
    std::vector<std::string> alarms_;
    std::unique_ptr<Store> store_;
};

TEST_F(StoreFaults, PowerLossLeavesAPrefixWithEverythingFlushed) {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> applied[2] = {0, 0}, flushed[2] = {0, 0};
    const auto write = [&](unsigned shard) {
        for (std::uint64_t step = 1; !stop; ++step) {
            ASSERT_TRUE(store_->apply(step_of(shard, step)));
            applied[shard] = step;
            if (step % 64 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    };
    std::thread first(write, 0), second(write, 1);
    std::thread flusher([&] {
        while (!stop) {
            const std::uint64_t safe[2] = {applied[0], applied[1]};
            ASSERT_TRUE(store_->flush());
            flushed[0] = safe[0];
            flushed[1] = safe[1];
        }
    });
    Random random(11);
    for (int round = 0; round < 12; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + random.below(60)));
        const std::uint64_t safe[2] = {flushed[0], flushed[1]};
        const auto path = place_.path("image" + std::to_string(round));
        disk_->image(place_.path("store"), path, random);
        const auto image = open(path, {});
        ASSERT_TRUE(image);
        for (unsigned shard = 0; shard < 2; ++shard) EXPECT_GE(image->meta().tails[shard], safe[shard]);
        expect_prefix(*image);
    }
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (flushed[0] <= 100 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    stop = true;
    first.join();
    second.join();
    flusher.join();
    EXPECT_GT(flushed[0].load(), 100u);
    EXPECT_TRUE(alarms().empty());
}

TEST_F(StoreFaults, AFullDiskIsWaitedFor) {
    for (std::uint64_t step = 1; step <= 20; ++step) ASSERT_TRUE(store_->apply(step_of(0, step)));
    disk_->full = true;
    std::atomic<bool> done{false};
    std::thread waiting([&] {
        EXPECT_TRUE(store_->flush());
        EXPECT_TRUE(store_->apply(step_of(0, 21)));
        done = true;
    });
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (alarms().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(600ms);  // once more it tries and does not say so again
    EXPECT_FALSE(done);
    ASSERT_EQ(alarms().size(), 1u);
    EXPECT_NE(alarms()[0].find("it goes on when there is space"), std::string::npos) << alarms()[0];
    expect_prefix(*store_);  // reading still works
    disk_->full = false;
    waiting.join();
    EXPECT_EQ(alarms().size(), 2u);
    // RocksDB 7.8 does not wait in flushes that follow a resumed error: what is in the files counts.
    for (std::uint64_t step = 22; step <= 60; ++step) {
        ASSERT_TRUE(store_->apply(step_of(0, step)));
        ASSERT_TRUE(store_->flush());
    }
    Random random(3);
    disk_->image(place_.path("store"), place_.path("image"), random);
    const auto image = open(place_.path("image"), {});
    ASSERT_TRUE(image);
    EXPECT_EQ(image->meta().tails[0], 60u);
    expect_prefix(*image);
    store_.reset();
    EXPECT_EQ(alarms().size(), 2u);
    store_ = open(place_.path("store"), {});
    ASSERT_TRUE(store_);
    EXPECT_EQ(store_->meta().tails[0], 60u);
    expect_prefix(*store_);
}

TEST_F(StoreFaults, NothingIsCollectedThatTheDiskHasNoSpaceFor) {
    constexpr unsigned messages = 4096, gone = 3072;
    store_ = nullptr;
    disk_->free = 1 << 20;  // what is left are 2 MiB
    store_ = open(place_.path("store"), FaultyFiles::uri, 1ms);
    const auto each = [&](unsigned many, auto add) {
        for (unsigned i = 0; i < many; i += 64) {
            StoreBatch batch;
            for (unsigned k = i; k < i + 64; ++k) add(batch, samples::id(k));
            ASSERT_TRUE(store_->apply(batch));
        }
        ASSERT_TRUE(store_->flush());
    };
    each(messages, [](StoreBatch& batch, const MessageId& id) {
        batch.survivors.push_back(samples::survivor(id, {"x@a.com"}, std::string(2048, 'x')));
    });
    const auto all = place_.bytes(".blob");
    each(gone, [](StoreBatch& batch, const MessageId& id) {
        batch.effects.push_back(samples::outcome(samples::facts(id, {"x@a.com"}), {}, Verdict::delivered));
    });
    std::this_thread::sleep_for(300ms);  // many looks; a slow machine's fewer pass as well
    EXPECT_EQ(place_.bytes(".blob"), all);
    disk_->free = 100 << 20;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (place_.bytes(".blob") > all / 2 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(10ms);
    EXPECT_LT(place_.bytes(".blob"), all / 2);
}

TEST_F(StoreFaults, GivingUpEndsTheWait) {
    ASSERT_TRUE(store_->apply(step_of(0, 1)));
    disk_->full = true;
    std::thread waiting([&] { EXPECT_FALSE(store_->flush()); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    store_->give_up();
    waiting.join();
}

TEST_F(StoreFaults, AnErrorOfTheDiskIsFinal) {
    for (std::uint64_t step = 1; step <= 15; ++step) ASSERT_TRUE(store_->apply(step_of(0, step)));
    ASSERT_TRUE(store_->flush());
    for (std::uint64_t step = 16; step <= 20; ++step) ASSERT_TRUE(store_->apply(step_of(0, step)));
    disk_->broken = true;
    const auto flushed = store_->flush();
    ASSERT_FALSE(flushed);
    EXPECT_NE(flushed.error().text.find("the test says so"), std::string::npos) << flushed.error().text;
    disk_->broken = false;  // a later success would prove nothing
    EXPECT_FALSE(store_->flush());
    EXPECT_FALSE(store_->apply(step_of(0, 21)));
    EXPECT_EQ(alarms().size(), 1u);
    Random random(1);
    disk_->image(place_.path("store"), place_.path("image"), random);
    const auto image = open(place_.path("image"), {});
    ASSERT_TRUE(image);
    EXPECT_GE(image->meta().tails[0], 15u);
    expect_prefix(*image);
}

}  // namespace
}  // namespace angarium::queue

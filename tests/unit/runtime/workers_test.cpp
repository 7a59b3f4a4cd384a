// Worker threads: jobs come home to their shard, in order where there is one thread.
#include "engine/runtime/workers.hpp"

#include <thread>
#include <vector>

#include "engine/runtime/event.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

class Square final : public Job {
  public:
    Square(int number, std::vector<int>& results, Event& changed)
        : number_(number), results_(results), changed_(changed) {}
    void work() override {
        worked_on_ = std::this_thread::get_id();
        result_ = number_ * number_;
    }
    void done() override {
        EXPECT_NE(worked_on_, std::this_thread::get_id());
        results_.push_back(result_);
        changed_.signal();
    }

  private:
    int number_, result_ = 0;
    std::vector<int>& results_;
    Event& changed_;
    std::thread::id worked_on_;
};

Task<void> squares(Workers& workers, int count, bool ordered) {
    std::vector<int> results;
    Event changed;
    std::vector<std::unique_ptr<Square>> jobs;
    for (int i = 0; i < count; ++i) {
        jobs.push_back(std::make_unique<Square>(i, results, changed));
        workers.submit(*jobs.back());
        if (i % 100 == 0) co_await Shard::current().sleep(1ms);
    }
    while (results.size() < static_cast<std::size_t>(count)) co_await changed.wait();
    long sum = 0;
    for (int i = 0; i < count; ++i) {
        if (ordered) {
            EXPECT_EQ(results[static_cast<std::size_t>(i)], i * i);
        }
        sum += results[static_cast<std::size_t>(i)];
    }
    EXPECT_EQ(sum, static_cast<long>(count - 1) * count * (2 * count - 1) / 6);
}

TEST(Workers, OneThreadKeepsTheOrder) {
    const auto workers = make_thread_workers(1, "storage");
    on_shard([&](RingShard&) { return squares(*workers, 1'000, true); });
}

TEST(Workers, ManyThreadsManyShards) {
    const auto workers = make_thread_workers(3, "a name that is far too long");
    on_shards(3, [&](RingShard&) { return squares(*workers, 1'000, false); });
}

// The shards wait for a job that nobody awaits.
class Slow final : public Job {
  public:
    explicit Slow(bool& came_home) : came_home_(came_home) {}
    void work() override { std::this_thread::sleep_for(50ms); }
    void done() override { came_home_ = true; }

  private:
    bool& came_home_;
};
Task<void> submit_and_leave(Workers& workers, Slow& job) {
    workers.submit(job);
    co_return;
}
TEST(Workers, ShardsStopAfterTheLastJob) {
    const auto workers = make_thread_workers(1, "storage");
    bool came_home = false;
    Slow job(came_home);
    on_shard([&](RingShard&) { return submit_and_leave(*workers, job); });
    EXPECT_TRUE(came_home);
}

}  // namespace
}  // namespace angarium::runtime

// Micro-benchmarks of the runtime and of counting: coroutine switch, timers, a letter's hop between shards, metrics.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "bench/micro_samples.hpp"
#include "bench/usage.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/lane.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "metrics/sheet.hpp"

namespace angarium::bench {
namespace {

using runtime::RingShard;
using runtime::Task;

Task<int> immediate(int value) { co_return value; }

// A call of a coroutine that finishes without waiting: its frame, no switch.
Task<void> call_many(std::int64_t times) {
    for (std::int64_t i = 0; i < times; ++i) benchmark::DoNotOptimize(co_await immediate(1));
}
void coroutine_call(benchmark::State& state) {
    runtime::SystemClock clock;
    BareShard shard(clock);
    constexpr std::int64_t batch = 1000;
    for (auto _ : state) {
        auto task = call_many(batch);
        shard.settle();
    }
    state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(coroutine_call);

// From one coroutine to another and back through the ready list.
Task<void> bounce(runtime::Event& mine, runtime::Event& other, std::int64_t times) {
    for (std::int64_t i = 0; i < times; ++i) {
        other.signal();
        co_await mine.wait();
    }
    other.signal();
}
void coroutine_switch(benchmark::State& state) {
    runtime::SystemClock clock;
    BareShard shard(clock);
    constexpr std::int64_t batch = 1000;
    for (auto _ : state) {
        runtime::Event a, b;
        auto one = bounce(a, b, batch);
        auto two = bounce(b, a, batch);
        shard.settle();
    }
    state.SetItemsProcessed(state.iterations() * batch * 2);
}
BENCHMARK(coroutine_switch);

// A deadline that is armed and disarmed again, among many others: what every command does.
void timer_arm_disarm(benchmark::State& state) {
    const MonoTime start{1h};
    runtime::TimerWheel wheel(start);
    std::vector<std::unique_ptr<runtime::Timer>> others;
    for (const auto deadline : other_deadlines()) {
        others.push_back(std::make_unique<runtime::Timer>([](void*) {}, nullptr));
        others.back()->arm(wheel, start + deadline);
    }
    runtime::Timer timer([](void*) {}, nullptr);
    for (auto _ : state) {
        timer.arm(wheel, start + usual_deadline);
        timer.disarm();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(timer_arm_disarm);

// Ten thousand timers that fire and are armed again, over all levels of the wheel.
struct Recurring {
    Recurring(runtime::TimerWheel& wheel_, const MonoTime& now_, Duration period_)
        : timer([](void* self) { static_cast<Recurring*>(self)->again(); }, this),
          wheel(wheel_),
          now(now_),
          period(period_) {
        again();
    }
    void again() { timer.arm(wheel, now + period); }
    runtime::Timer timer;
    runtime::TimerWheel& wheel;
    const MonoTime& now;
    Duration period;
};
void timer_fire(benchmark::State& state) {
    MonoTime now{1h};
    runtime::TimerWheel wheel(now);
    std::vector<std::unique_ptr<Recurring>> timers;
    for (const auto period : recurring_periods())
        timers.push_back(std::make_unique<Recurring>(wheel, now, period));
    std::int64_t fired = 0;
    for (auto _ : state) {
        now += 1ms;
        fired += static_cast<std::int64_t>(wheel.advance(now));
    }
    state.SetItemsProcessed(fired);
}
BENCHMARK(timer_fire);

struct Nothing final : runtime::Letter {
    void arrive() override {}
};

// Letters into a lane and out of it again, on one thread: the queue without the wake-up.
void lane_push_pop(benchmark::State& state) {
    runtime::Lane lane;
    Nothing letter;
    for (auto _ : state) {
        for (int i = 0; i < lane_batch; ++i) lane.push(letter);
        for (auto left = lane.available(); left > 0; --left) benchmark::DoNotOptimize(&lane.pop());
        benchmark::DoNotOptimize(lane.sender_waits());
    }
    state.SetItemsProcessed(state.iterations() * lane_batch);
}
BENCHMARK(lane_push_pop);

// One letter that two real shards send to each other: every hop wakes a sleeping shard.
class Ball final : public runtime::Letter {
  public:
    Ball(std::uint64_t hops, runtime::Event* (&done)[2]) : left_(hops), done_(done) {}
    void arrive() override {
        auto& shard = runtime::Shard::current();
        std::unique_ptr<Letter> self(this);
        if (left_-- == 0) {
            done_[index(shard.id())]->signal();
            return;
        }
        shard.send(ShardId(1 - index(shard.id())), std::move(self));
    }

  private:
    std::uint64_t left_;
    runtime::Event* (&done_)[2];
};
Task<void> play(RingShard& shard, std::uint64_t hops, runtime::Event* (&done)[2]) {
    if (index(shard.id()) == 1) co_return;  // it stays until the last letter has arrived
    auto ball = std::make_unique<Ball>(hops, done);
    shard.send(ShardId{1}, std::move(ball));
    co_await done[0]->wait();
}
void mailbox_hop(benchmark::State& state) {
    for (auto _ : state) {
        runtime::SystemClock clock;
        auto set = runtime::ShardSet::create(2, clock, {}, false);
        if (!set) return state.SkipWithError(set.error().text.c_str());
        runtime::Event events[2];
        runtime::Event* done[2] = {&events[0], &events[1]};
        const auto begun = mono_nanoseconds();
        (*set)->run([&](RingShard& shard) { return play(shard, hops, done); });
        state.SetIterationTime(static_cast<double>(mono_nanoseconds() - begun) / 1e9);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(hops));
}
BENCHMARK(mailbox_hop)->UseManualTime()->Iterations(5);

void metrics_count(benchmark::State& state) {
    const auto sheet = std::make_unique<metrics::Sheet>();
    benchmark::DoNotOptimize(sheet.get());
    for (auto _ : state) {
        sheet->add(metrics::Count::messages_received);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(metrics_count);

void metrics_observe(benchmark::State& state) {
    const auto sheet = std::make_unique<metrics::Sheet>();
    Duration time = 100us;
    for (auto _ : state) {
        sheet->observe(metrics::Spread::sync_time, time);
        time = time < 1s ? time * 3 / 2 : 100us;
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(metrics_observe);

}  // namespace
}  // namespace angarium::bench

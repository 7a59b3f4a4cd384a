// Beside micro_runtime.cpp: timers, queues between threads, and hops from thread to thread, made of the standard library and
// of Boost's headers.
#include <benchmark/benchmark.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/heap/d_ary_heap.hpp>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "bench/micro_samples.hpp"
#include "bench/usage.hpp"

namespace angarium::bench {
namespace {

namespace asio = boost::asio;
constexpr MonoTime start{1h};

// ---- timers ----------------------------------------------------------------------------------------------------------

void arm_disarm_multimap(benchmark::State& state) {
    std::multimap<MonoTime, int> timers;
    for (const auto deadline : other_deadlines()) timers.emplace(start + deadline, 0);
    for (auto _ : state) {
        const auto armed = timers.emplace(start + usual_deadline, 1);
        benchmark::DoNotOptimize(&*armed);
        timers.erase(armed);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(arm_disarm_multimap)->Name("timer_arm_disarm/std_multimap");

// Cancelling posts the waiter's handler, which then runs: what every command of a server made with Asio does.
void arm_disarm_asio(benchmark::State& state) {
    asio::io_context context(1);
    std::vector<std::unique_ptr<asio::steady_timer>> others;
    for (const auto deadline : other_deadlines()) {
        others.push_back(std::make_unique<asio::steady_timer>(context, deadline));
        others.back()->async_wait([](boost::system::error_code) {});
    }
    const auto due = std::chrono::steady_clock::now() + usual_deadline;
    asio::steady_timer timer(context);
    for (auto _ : state) {
        timer.expires_at(due);
        timer.async_wait([](boost::system::error_code) {});
        timer.cancel();
        context.poll_one();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(arm_disarm_asio)->Name("timer_arm_disarm/boost_asio");

void fire_multimap(benchmark::State& state) {
    MonoTime now = start;
    const auto periods = recurring_periods();
    std::multimap<MonoTime, std::size_t> timers;
    for (std::size_t i = 0; i < periods.size(); ++i) timers.emplace(now + periods[i], i);
    std::int64_t fired = 0;
    for (auto _ : state) {
        now += 1ms;
        while (timers.begin()->first <= now) {
            auto due = timers.extract(timers.begin());
            due.key() = now + periods[due.mapped()];
            timers.insert(std::move(due));
            ++fired;
        }
    }
    state.SetItemsProcessed(fired);
}
BENCHMARK(fire_multimap)->Name("timer_fire/std_multimap");

void fire_heap(benchmark::State& state) {
    using Entry = std::pair<MonoTime, std::size_t>;
    boost::heap::d_ary_heap<Entry, boost::heap::arity<4>, boost::heap::compare<std::greater<>>> timers;
    MonoTime now = start;
    const auto periods = recurring_periods();
    for (std::size_t i = 0; i < periods.size(); ++i) timers.emplace(now + periods[i], i);
    std::int64_t fired = 0;
    for (auto _ : state) {
        now += 1ms;
        while (timers.top().first <= now) {
            const auto timer = timers.top().second;
            timers.pop();
            timers.emplace(now + periods[timer], timer);
            ++fired;
        }
    }
    state.SetItemsProcessed(fired);
}
BENCHMARK(fire_heap)->Name("timer_fire/boost_heap");

// ---- from thread to thread ---------------------------------------------------------------------------------------------

template <class Push, class Pop>
void batches(benchmark::State& state, Push push, Pop pop) {
    for (auto _ : state) {
        for (int i = 0; i < lane_batch; ++i) push();
        for (int i = 0; i < lane_batch; ++i) pop();
    }
    state.SetItemsProcessed(state.iterations() * lane_batch);
}

int letter = 0;

void lane_spsc(benchmark::State& state) {
    boost::lockfree::spsc_queue<int*, boost::lockfree::capacity<1024>> queue;
    int* out = nullptr;
    batches(
        state, [&] { queue.push(&letter); },
        [&] {
            queue.pop(out);
            benchmark::DoNotOptimize(out);
        });
}
BENCHMARK(lane_spsc)->Name("lane_push_pop/boost_spsc_queue");

void lane_lockfree(benchmark::State& state) {
    boost::lockfree::queue<int*, boost::lockfree::capacity<1024>> queue;
    int* out = nullptr;
    batches(
        state, [&] { queue.push(&letter); },
        [&] {
            queue.pop(out);
            benchmark::DoNotOptimize(out);
        });
}
BENCHMARK(lane_lockfree)->Name("lane_push_pop/boost_lockfree_queue");

void lane_mutex(benchmark::State& state) {
    std::mutex mutex;
    std::deque<int*> queue;
    batches(
        state,
        [&] {
            const std::lock_guard lock(mutex);
            queue.push_back(&letter);
        },
        [&] {
            const std::lock_guard lock(mutex);
            benchmark::DoNotOptimize(queue.front());
            queue.pop_front();
        });
}
BENCHMARK(lane_mutex)->Name("lane_push_pop/std_mutex_deque");

// A turn that two threads pass to and fro, each waiting for it asleep.
void hop_condition(benchmark::State& state) {
    for (auto _ : state) {
        std::mutex mutex;
        std::condition_variable changed;
        std::uint64_t turn = 0;
        const auto play = [&](std::uint64_t side) {
            std::unique_lock lock(mutex);
            while (turn < hops) {
                changed.wait(lock, [&] { return turn % 2 == side || turn >= hops; });
                if (turn < hops) ++turn;
                changed.notify_one();
            }
        };
        const auto begun = mono_nanoseconds();
        std::thread other(play, 1);
        play(0);
        other.join();
        state.SetIterationTime(static_cast<double>(mono_nanoseconds() - begun) / 1e9);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(hops));
}
BENCHMARK(hop_condition)->Name("mailbox_hop/std_condition_variable")->UseManualTime()->Iterations(5);

// A handler that two io_contexts, each with its thread, post to each other.
struct Court {
    asio::io_context sides[2];
    std::uint64_t left = hops;
    void hop(unsigned side) {
        if (left-- == 0) {
            sides[0].stop();
            sides[1].stop();
            return;
        }
        asio::post(sides[1 - side], [this, side] { hop(1 - side); });
    }
};
void hop_asio(benchmark::State& state) {
    for (auto _ : state) {
        Court court;
        const auto work0 = asio::make_work_guard(court.sides[0]);
        const auto work1 = asio::make_work_guard(court.sides[1]);
        const auto begun = mono_nanoseconds();
        asio::post(court.sides[0], [&court] { court.hop(0); });
        std::thread other([&court] { court.sides[1].run(); });
        court.sides[0].run();
        other.join();
        state.SetIterationTime(static_cast<double>(mono_nanoseconds() - begun) / 1e9);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(hops));
}
BENCHMARK(hop_asio)->Name("mailbox_hop/boost_asio")->UseManualTime()->Iterations(5);

}  // namespace
}  // namespace angarium::bench

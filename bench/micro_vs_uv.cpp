// Beside micro_runtime.cpp: a deadline armed and disarmed among many others by libuv, whose timers are a binary heap.
#include <benchmark/benchmark.h>
#include <uv.h>

#include <vector>

#include "bench/micro_samples.hpp"

namespace angarium::bench {
namespace {

void ignore(uv_timer_t*) {}

void timer_arm_disarm_uv(benchmark::State& state) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    const auto deadlines = other_deadlines();
    std::vector<uv_timer_t> timers(deadlines.size() + 1);
    for (auto& timer : timers) uv_timer_init(&loop, &timer);
    for (std::size_t i = 0; i < deadlines.size(); ++i)
        uv_timer_start(&timers[i], ignore, static_cast<std::uint64_t>(deadlines[i].count()), 0);
    uv_timer_t& timer = timers.back();
    for (auto _ : state) {
        uv_timer_start(&timer, ignore, std::chrono::milliseconds(usual_deadline).count(), 0);
        uv_timer_stop(&timer);
    }
    state.SetItemsProcessed(state.iterations());
    for (auto& each : timers) uv_close(reinterpret_cast<uv_handle_t*>(&each), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}
BENCHMARK(timer_arm_disarm_uv)->Name("timer_arm_disarm/libuv");

}  // namespace
}  // namespace angarium::bench

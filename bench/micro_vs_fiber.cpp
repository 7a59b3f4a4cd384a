// Beside micro_runtime.cpp: fibers with a stack of their own by Boost.Context: one is made, runs and ends; and switches to and fro. Ours
// also pass through the ready list; theirs know nothing of a scheduler.
#include <benchmark/benchmark.h>

#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>

#include "bench/micro_samples.hpp"

namespace angarium::bench {
namespace {

using boost::context::fiber;

void coroutine_call_fiber(benchmark::State& state) {
    boost::context::pooled_fixedsize_stack stacks;
    int result = 0;
    for (auto _ : state) {
        auto ended = fiber(std::allocator_arg, stacks, [&result](fiber&& caller) {
                         result = 1;
                         return std::move(caller);
                     }).resume();
        benchmark::DoNotOptimize(ended);
        benchmark::DoNotOptimize(result);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(coroutine_call_fiber)->Name("coroutine_call/boost_fiber");

void coroutine_switch_fiber(benchmark::State& state) {
    bool stop = false;
    fiber other([&stop](fiber&& caller) {
        while (!stop) caller = std::move(caller).resume();
        return std::move(caller);
    });
    for (auto _ : state) other = std::move(other).resume();
    stop = true;
    other = std::move(other).resume();
    state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(coroutine_switch_fiber)->Name("coroutine_switch/boost_fiber");

}  // namespace
}  // namespace angarium::bench

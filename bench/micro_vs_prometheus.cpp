// Beside micro_runtime.cpp: counting and observing with the Prometheus client for C++ that most programs use (prometheus-cpp), by one
// thread, with the same buckets. Its metrics may be written by any thread; ours only by their shard's.
#include <benchmark/benchmark.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include "bench/micro_samples.hpp"
#include "metrics/scale.hpp"

namespace angarium::bench {
namespace {

void metrics_count_prometheus(benchmark::State& state) {
    prometheus::Counter counter;
    for (auto _ : state) {
        counter.Increment();
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(metrics_count_prometheus)->Name("metrics_count/prometheus_cpp");

void metrics_observe_prometheus(benchmark::State& state) {
    std::vector<double> bounds;
    for (const auto bound : metrics::bucket_bounds(metrics::Unit::seconds))
        bounds.push_back(static_cast<double>(bound) / 1e9);
    prometheus::Histogram histogram(bounds);
    Duration time = 100us;
    for (auto _ : state) {
        histogram.Observe(static_cast<double>(time.count()) / 1e9);
        time = time < 1s ? time * 3 / 2 : 100us;
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(metrics_observe_prometheus)->Name("metrics_observe/prometheus_cpp");

}  // namespace
}  // namespace angarium::bench

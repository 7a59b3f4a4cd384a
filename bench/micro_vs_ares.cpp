// Beside micro_dns.cpp: c-ares' own reader of a reply with MX records.
#include <ares.h>
#include <benchmark/benchmark.h>

#include "bench/micro_samples.hpp"

namespace angarium::bench {
namespace {

void parse_mx_reply_ares(benchmark::State& state) {
    const auto reply = mx_reply();
    std::size_t found = 0;
    for (auto _ : state) {
        ares_mx_reply* records = nullptr;
        if (ares_parse_mx_reply(reply.data(), static_cast<int>(reply.size()), &records) != ARES_SUCCESS)
            return state.SkipWithError("c-ares does not take the reply");
        found = 0;
        for (auto* record = records; record != nullptr; record = record->next) ++found;
        ares_free_data(records);
    }
    if (found != mx_reply_records) state.SkipWithError("c-ares finds other records");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse_mx_reply_ares)->Name("parse_mx_reply/cares");

}  // namespace
}  // namespace angarium::bench

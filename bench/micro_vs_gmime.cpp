// Beside micro_smtp.cpp: dots doubled by GMime's filter for SMTP's DATA. It works on memory that it owns, so it copies; compare it
// with `encode_data/copied`.
#include <benchmark/benchmark.h>
#include <gmime/gmime.h>

#include "bench/micro_samples.hpp"

namespace angarium::bench {
namespace {

void encode_data_gmime(benchmark::State& state) {
    static const bool ready = (g_mime_init(), true);
    benchmark::DoNotOptimize(ready);
    Content content(static_cast<std::uint64_t>(state.range(0)));
    GMimeFilter* const filter = g_mime_filter_smtp_data_new();
    char* out = nullptr;
    std::size_t size = 0, room = 0;
    for (auto _ : state) {
        g_mime_filter_reset(filter);
        g_mime_filter_complete(filter, content.plain.data(), content.plain.size(), 0, &out, &size, &room);
        benchmark::DoNotOptimize(out);
        benchmark::ClobberMemory();
    }
    if (std::string_view(out, size) != content.stuffed()) state.SkipWithError("GMime's content is another");
    g_object_unref(filter);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_data_gmime)->Name("encode_data/gmime")->Arg(4096)->Arg(32768)->Arg(1 << 20);

}  // namespace
}  // namespace angarium::bench

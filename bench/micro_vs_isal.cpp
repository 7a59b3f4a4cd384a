// Beside micro_queue.cpp: CRC32C by ISA-L, the fastest that Debian has, over the bytes that a journal record's XXH3 covers.
#include <benchmark/benchmark.h>
#include <isa-l/crc.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <string>

#include "bench/micro_samples.hpp"

namespace angarium::bench {
namespace {

// ISA-L leaves the upper halves of the vector registers in use; all code without AVX is slower from then on (our journal's checksum four
// times).
#if defined(__x86_64__)
__attribute__((target("avx"))) void zero_upper() { _mm256_zeroupper(); }
void tidy_up() {
    if (__builtin_cpu_supports("avx")) zero_upper();
}
#else
void tidy_up() {}
#endif

void checksum_isal(benchmark::State& state) {
    Content content(static_cast<std::uint64_t>(state.range(0)));
    for (auto _ : state)
        benchmark::DoNotOptimize(crc32_iscsi(reinterpret_cast<unsigned char*>(content.plain.data()),
                                             static_cast<int>(content.plain.size()), 0));
    tidy_up();
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.plain.size()));
}
BENCHMARK(checksum_isal)->Name("checksum/isal_crc32c")->Arg(4096)->Arg(32768);

}  // namespace
}  // namespace angarium::bench

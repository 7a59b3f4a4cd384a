// Micro-benchmarks of the queue's formats: an accept record, a journal group, its verification. And the program's main.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "queue/journal_format.hpp"
#include "queue/record.hpp"

namespace angarium::bench {
namespace {

constexpr std::uint64_t key = 42;

queue::AcceptRecord sample(std::string_view body) {
    Random random(1);
    queue::AcceptRecord record;
    record.id = MessageId::make(WallTime{1'700'000'000'000ms}, 0, ShardId{0}, random);
    record.envelope.sender = *smtp::ReversePath::parse("bounce+4711@sender.example.test");
    record.envelope.recipients.push_back(
        {*smtp::Mailbox::parse("someone@d042.example.test"), smtp::Notify::unspecified, std::nullopt});
    record.trace = {"192.0.2.17:54321", "client.example.net", "ESMTP"};
    record.last_part = body;
    record.size = body.size();
    return record;
}

void encode_accept(benchmark::State& state) {
    const std::string body(4096, 'x');
    const auto record = sample(body);
    std::string out;
    for (auto _ : state) {
        out.clear();
        queue::encode_accept_header(out, record);
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_accept);

void decode_accept(benchmark::State& state) {
    const std::string body(4096, 'x');
    std::string encoded;
    queue::encode_accept_header(encoded, sample(body));
    encoded += body;
    for (auto _ : state) {
        auto record = queue::decode_accept(encoded);
        benchmark::DoNotOptimize(record);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decode_accept);

struct Group {
    Group()
        : memory(static_cast<std::byte*>(std::aligned_alloc(queue::group_alignment, queue::max_group_bytes)),
                 &std::free) {}
    std::size_t fill(std::string_view head, std::string_view body, std::int64_t records) {
        queue::GroupWriter writer({memory.get(), queue::max_group_bytes}, key, 0);
        const std::string_view pieces[] = {head, body};
        for (std::int64_t i = 0; i < records; ++i) writer.add(queue::RecordKind::accept, pieces);
        queue::GroupHeader header;
        header.number = 1;
        return writer.finish(header);
    }
    std::unique_ptr<std::byte, void (*)(void*)> memory;
};

// Arguments: bytes of a message, messages in the group.
void encode_group(benchmark::State& state) {
    const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
    std::string head;
    queue::encode_accept_header(head, sample(body));
    Group group;
    for (auto _ : state) benchmark::DoNotOptimize(group.fill(head, body, state.range(1)));
    state.SetItemsProcessed(state.iterations() * state.range(1));
    state.SetBytesProcessed(state.iterations() * state.range(1) * state.range(0));
}
BENCHMARK(encode_group)->Args({4096, 1})->Args({4096, 64})->Args({32768, 1})->Args({32768, 32});

void verify_group(benchmark::State& state) {
    const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
    std::string head;
    queue::encode_accept_header(head, sample(body));
    Group group;
    const auto bytes = group.fill(head, body, state.range(1));
    const std::span<const std::byte> all(group.memory.get(), bytes);
    const auto header = queue::peek_group(all, 0);
    for (auto _ : state) {
        if (!header || !queue::verify_group(all, *header, key))
            return state.SkipWithError("the group is damaged");
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(verify_group)->Args({4096, 64});

}  // namespace
}  // namespace angarium::bench

BENCHMARK_MAIN();

// Micro-benchmarks of the queue's formats: an accept record, a journal group, its verification, lines of the delivery log.
#include <benchmark/benchmark.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdlib>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "bench/micro_samples.hpp"
#include "queue/event_line.hpp"
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

// XXH3 by the widest vectors that the processor has, and by those that every x86-64 has.
void checksum(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    Checksum sum;
    for (auto _ : state) {
        sum.reset();
        sum.add(content.plain);
        benchmark::DoNotOptimize(sum.value());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.plain.size()));
}
BENCHMARK(checksum)->Arg(4096)->Arg(32768);

void checksum_baseline(benchmark::State& state) {
    const Content content(static_cast<std::uint64_t>(state.range(0)));
    for (auto _ : state)
        benchmark::DoNotOptimize(XXH3_64bits_withSeed(content.plain.data(), content.plain.size(), key));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(content.plain.size()));
}
BENCHMARK(checksum_baseline)->Name("checksum/xxh3_baseline")->Arg(4096)->Arg(32768);

// ---- the delivery log ------------------------------------------------------------------------------------------------

constexpr std::size_t log_buffer = 64 * 1024;  // as much is gathered before it is written

void log_reception(benchmark::State& state) {
    const std::string body(4096, 'x');
    const auto record = sample(body);
    queue::EventLines lines(ShardId{0});
    std::string out;
    queue::Lsn lsn = 0;
    for (auto _ : state) {
        if (out.size() > log_buffer) out.clear();
        lines.reception(out, record, {lsn += 4096, 0});
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(log_reception);

queue::OutcomeRecord sample_outcome() {
    const auto accepted = sample({});
    queue::OutcomeRecord record;
    record.id = accepted.id;
    record.stream = accepted.stream;
    record.domain = "d042.example.test";
    record.attempt = 1;
    record.at = record.id.accepted_at() + 1234ms;
    record.sender = accepted.envelope.sender;
    record.recipients = {"someone@d042.example.test"};
    record.size = 4096;
    record.outcome.reasons = {{250, {2, 0, 0}, "Ok: queued as 01HZX2V9K3M8Q4R7T6Y5W0N1BC"}};
    record.outcome.results = {{0, queue::Verdict::delivered, 0}};
    record.outcome.site = "mx0.example.test,mx1.example.test";
    record.outcome.host = "mx1.example.test";
    record.outcome.peer = "192.0.2.25:25";
    record.outcome.connect_us = 2345;
    record.outcome.attempt_us = 6789;
    return record;
}

void log_delivery(benchmark::State& state) {
    const auto record = sample_outcome();
    queue::EventLines lines(ShardId{0});
    std::string out;
    queue::Lsn lsn = 0;
    for (auto _ : state) {
        if (out.size() > log_buffer) out.clear();
        lines.outcome(out, record, {lsn += 4096, 0});
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(log_delivery);

// The same line by nlohmann-json. It is spared the time, the queue id and the event number, which are given as text.
void log_delivery_nlohmann(benchmark::State& state) {
    const auto record = sample_outcome();
    std::string ours;
    queue::EventLines(ShardId{0}).outcome(ours, record, {4096, 0});
    const auto fields = nlohmann::ordered_json::parse(ours);
    const std::string event = fields["event"], time = fields["time"], id = fields["id"], status = "2.0.0";
    std::string out;
    for (auto _ : state) {
        if (out.size() > log_buffer) out.clear();
        const auto begin = out.size();
        const auto& outcome = record.outcome;
        const auto& reason = outcome.reasons[0];
        nlohmann::ordered_json line;
        line["event"] = event;
        line["time"] = time;
        line["type"] = "delivery";
        line["id"] = id;
        line["sender"] = record.sender.text();
        line["recipient"] = record.recipients[0];
        line["stream"] = record.stream;
        line["destination"] = record.domain;
        line["site"] = outcome.site;
        line["peer"] = {{"name", outcome.host}, {"address", outcome.peer}};
        line["response"] = {{"code", reason.code}, {"status", status}, {"text", reason.text}};
        line["attempt"] = record.attempt;
        line["size"] = record.size;
        line["queued_seconds"] = static_cast<double>((record.at - record.id.accepted_at()).count()) / 1e3;
        line["connect_seconds"] = outcome.connect_us / 1e6;
        line["attempt_seconds"] = outcome.attempt_us / 1e6;
        out += line.dump();
        out += '\n';
        if (out.compare(begin, std::string::npos, ours) != 0)
            return state.SkipWithError("the line is another");
        benchmark::DoNotOptimize(out.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(log_delivery_nlohmann)->Name("log_delivery/nlohmann_json");

}  // namespace
}  // namespace angarium::bench

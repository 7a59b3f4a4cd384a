// Micro-benchmarks of the queue's old mail: retire, from a journal of survivors into the store, by the real queue of one shard; the
// store's part of that alone, by batch; and the loads of a window, also behind many deletions. Everything lies in a temporary folder
// (TMPDIR) of at most some 300 MiB.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "bench/micro_samples.hpp"
#include "bench/store_samples.hpp"
#include "bench/usage.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "queue/queue.hpp"

namespace angarium::bench {
namespace {

using metrics::Count;
using runtime::RingShard;
using runtime::Task;

// A folder that goes with all in it.
class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "angarium-micro-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

std::unique_ptr<queue::Store> open_store(const std::string& path) {
    queue::StoreOptions options;
    options.path = path;
    options.reclaim_every = std::chrono::hours(1);  // else tombstones go while they are being measured
    auto opened = queue::open_rocks_store(options);
    return opened ? std::move(*opened) : nullptr;
}

// ---- retire, the whole of it -------------------------------------------------------------------------------------------

// Takes nothing: mail waits.
class IdleCarrier final : public queue::Carrier {
  public:
    void ready(queue::ReadyQueue&) override {}
    void gone(queue::ReadyQueue&) override {}
    void recorded() override {}
};

// One start of a queue on one shard. The journal is large enough for all mail; what makes it retire is the number of young
// messages that it may have.
class QueueStart {
  public:
    QueueStart(const std::string& path, std::size_t young)
        : registry_(1),
          applier_(runtime::make_thread_workers(1, "apply")),
          reader_(runtime::make_thread_workers(1, "read")) {
        const auto opened = open(path, young);
        if (!opened) fail(opened.error());
    }
    const std::string& error() const { return error_; }
    double seconds() const { return seconds_; }
    double cpu_seconds() const { return cpu_seconds_; }
    std::uint64_t retired() const { return registry_.total(Count::messages_retired); }

    // Takes so many messages in and stops.
    void fill(const std::string& body, unsigned messages) {
        if (error_.empty()) set_->run([&](RingShard& shard) { return main(shard, &body, messages); });
    }
    // Lets it retire until it wants no more, and takes the time.
    void retire() {
        if (error_.empty()) set_->run([&](RingShard& shard) { return main(shard, nullptr, 0); });
    }

  private:
    void fail(const Error& error) { error_ = error.text; }

    Result<void> open(const std::string& path, std::size_t young) {
        auto set = runtime::ShardSet::create(1, clock_, {}, false);
        if (!set) return std::unexpected(set.error());
        set_ = std::move(*set);
        auto store = open_store(path + "/store");
        if (!store) return failure("the store cannot be opened");
        queue::QueueOptions options;
        options.path = path;
        options.hostname = "relay.example.net";
        options.journal_bytes = 128u << 20;
        options.segment_bytes = 8u << 20;
        options.young_messages = young;
        options.window.per_destination = options.window.in_all = options.window.probe =
            1;  // the window is full
        options.alarm = [this](std::string text) { fail({std::move(text)}); };
        auto queues = queue::QueueSet::open(options, 1, set_->files(), std::move(store), *applier_, *reader_,
                                            registry_);
        if (!queues) return std::unexpected(queues.error());
        queues_ = std::move(*queues);
        return {};
    }

    Task<void> main(RingShard& shard, const std::string* body, unsigned messages) {
        const auto prepared = co_await queues_->prepare(shard);
        if (!prepared) {
            fail(prepared.error());
            co_return;
        }
        const auto started = queues_->start(shard);
        if (!started) {
            fail(started.error());
            co_return;
        }
        auto& queue = queues_->here();
        IdleCarrier carrier;
        queue.owner().carry_with(carrier);
        const auto cpu = CpuTime::now();
        const auto begun = mono_nanoseconds();
        queues_->begin(shard);
        if (body != nullptr) {
            constexpr unsigned clients = 64;
            runtime::Gate gate;
            for (unsigned i = 0; i < clients; ++i) gate.hold(feed(queue.intake(), *body, messages / clients));
            co_await gate.closed();
        } else {
            co_await until_retired(shard, queue.origin());
            seconds_ = static_cast<double>(last_change_ - begun) / 1e9;
            cpu_seconds_ = (cpu_then_ - cpu).total();
        }
        queue.origin().stop_intake();
        queue.owner().stop();
        co_await queues_->close_owner(shard);
        co_await queues_->close_origin(shard);
    }

    Task<void> feed(queue::Intake& intake, const std::string& body, unsigned messages) {
        for (unsigned n = 0; n < messages; ++n) {
            auto incoming = intake.open(body.size());
            if (!incoming || !(*incoming)->push(body)) {
                fail({"intake refuses"});
                co_return;
            }
            queue::Trace trace{"192.0.2.17:54321", "client.example.net", "ESMTP"};
            auto envelope = envelope_to("someone@d042.example.test");
            const auto durable = co_await (*incoming)->commit(std::move(envelope), std::move(trace));
            if (!durable) fail({"a message was not accepted"});
        }
    }

    // Nothing has become old for a while.
    Task<void> until_retired(RingShard& shard, queue::Origin& origin) {
        auto left = origin.young_messages();
        last_change_ = mono_nanoseconds();
        while (error_.empty() && mono_nanoseconds() - last_change_ < 500'000'000) {
            co_await shard.sleep(1ms);
            if (origin.young_messages() == left) continue;
            left = origin.young_messages();
            last_change_ = mono_nanoseconds();
            cpu_then_ = CpuTime::now();
        }
    }

    std::string error_;
    double seconds_ = 0, cpu_seconds_ = 0;
    std::uint64_t last_change_ = 0;
    CpuTime cpu_then_;
    runtime::SystemClock clock_;
    metrics::Registry registry_;
    std::unique_ptr<runtime::Workers> applier_, reader_;
    std::unique_ptr<runtime::ShardSet> set_;
    std::unique_ptr<queue::QueueSet> queues_;
};

// Argument: bytes of a message. Some 64 MiB of mail that only the journal holds; then a start that may hardly keep any young: all
// segments but the last are read, verified, written to the store and flushed, one by one.
void retire(benchmark::State& state) {
    const std::string body = Content(static_cast<std::uint64_t>(state.range(0))).plain;
    const auto messages = static_cast<unsigned>((64u << 20) / body.size());
    std::uint64_t retired = 0;
    double cpu = 0;
    for (auto _ : state) {
        const Folder folder;
        {
            QueueStart filling(folder.path(), 1'000'000);
            filling.fill(body, messages);
            if (!filling.error().empty()) return state.SkipWithError(filling.error().c_str());
        }
        QueueStart start(folder.path(), 64);
        start.retire();
        if (!start.error().empty()) return state.SkipWithError(start.error().c_str());
        state.SetIterationTime(start.seconds());
        retired += start.retired();
        cpu += start.cpu_seconds();
    }
    if (retired < messages / 2) state.SkipWithError("little has been retired");
    state.SetItemsProcessed(static_cast<std::int64_t>(retired));
    state.counters["cpu_us_per_message"] = cpu / static_cast<double>(retired) * 1e6;
}
BENCHMARK(retire)->Arg(4096)->Arg(32768)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

// ---- the store's part --------------------------------------------------------------------------------------------------

// Arguments: bytes of a message, messages in a batch, whether the flush at the end of each segment counts. A segment is 32 MiB here.
void store_batches(benchmark::State& state) {
    const Folder folder;
    const auto store = open_store(folder.path());
    if (!store) return state.SkipWithError("the store cannot be opened");
    Survivors survivors("someone@d042.example.test",
                        Content(static_cast<std::uint64_t>(state.range(0))).plain);
    const auto in_batch = state.range(1);
    const auto batches = (32 << 20) / state.range(0) / in_batch;
    queue::Lsn tail = 0;
    for (auto _ : state) {
        std::uint64_t nanoseconds = 0;
        for (std::int64_t i = 0; i < batches; ++i) {
            queue::StoreBatch batch;
            for (std::int64_t n = 0; n < in_batch; ++n) batch.survivors.push_back(survivors.next());
            batch.tail = {ShardId{0}, tail += 4096};
            const auto begun = mono_nanoseconds();
            const auto applied = store->apply(batch);
            nanoseconds += mono_nanoseconds() - begun;
            if (!applied) return state.SkipWithError(applied.error().text.c_str());
        }
        const auto begun = mono_nanoseconds();
        const auto flushed = store->flush();
        if (!flushed) return state.SkipWithError(flushed.error().text.c_str());
        if (state.range(2) != 0) nanoseconds += mono_nanoseconds() - begun;
        state.SetIterationTime(static_cast<double>(nanoseconds) / 1e9);
    }
    state.SetItemsProcessed(state.iterations() * batches * in_batch);
}
BENCHMARK(store_batches)
    ->ArgNames({"bytes", "batch", "flush"})
    ->ArgsProduct({{4096}, {1, 32, 1024}, {0, 1}})
    ->ArgsProduct({{32768}, {1, 128}, {0, 1}})
    ->UseManualTime()
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);

// ---- window loads ------------------------------------------------------------------------------------------------------

constexpr unsigned waiting = 200'000;     // ready deliveries of the destination, and as many of others
constexpr std::size_t window_load = 512;  // half a window: what a destination asks for when it runs low
constexpr unsigned in_one_batch = 1024;
constexpr std::int64_t one_round =
    waiting / window_load;  // a fixed number: filling the store takes longer than measuring

// A destination whose deliveries are in the store's files, and half of which, the oldest, may have ended since: their tombstones
// lie above them in memory.
struct Backlog {
    explicit Backlog(bool half_ended) : store(open_store(folder.path())) {
        if (!store) return;
        Survivors mine("someone@d042.example.test", "body"), others("someone@d041.example.test", "body");
        std::vector<queue::DeliveryFacts> facts;
        for (unsigned made = 0; made < waiting;) {
            queue::StoreBatch batch;
            for (unsigned n = 0; n < in_one_batch && made < waiting; ++n, ++made) {
                batch.survivors.push_back(mine.next());
                facts.push_back(mine.facts());
                batch.survivors.push_back(others.next());
            }
            if (!store->apply(batch)) return;
        }
        if (!store->flush()) return;
        first = MessageId();
        middle = facts[waiting / 2].id;
        name = {facts[0].stream, facts[0].domain};
        if (half_ended) {
            for (unsigned at = 0; at < waiting / 2;) {
                queue::StoreBatch batch;
                for (unsigned n = 0; n < in_one_batch && at < waiting / 2; ++n)
                    batch.effects.push_back(delivered(facts[at++]));
                if (!store->apply(batch)) return;
            }
        }
        good = true;
    }
    static queue::OutcomeRecord delivered(const queue::DeliveryFacts& facts) {
        queue::OutcomeRecord record;
        record.id = facts.id;
        record.stream = facts.stream;
        record.domain = facts.domain;
        record.attempt = 1;
        record.at = facts.id.accepted_at() + 2s;
        record.outcome.reasons = {{250, {2, 0, 0}, "ok"}};
        record.outcome.results = {{0, queue::Verdict::delivered, 0}};
        record.recipients = {facts.recipients[0].mailbox.text()};
        return record;
    }
    const Folder folder;
    const std::unique_ptr<queue::Store> store;
    queue::DestinationName name;
    MessageId first, middle;
    bool good = false;
};

// From a cursor that goes on behind what was loaded, round and round.
void load_from_cursor(benchmark::State& state, bool half_ended) {
    const Backlog backlog(half_ended);
    if (!backlog.good) return state.SkipWithError("the store cannot be filled");
    const auto begin = half_ended ? backlog.middle : backlog.first;
    auto cursor = begin;
    std::int64_t loaded = 0;
    for (auto _ : state) {
        auto result = backlog.store->load_ready(backlog.name, cursor, window_load);
        if (!result || result->entries.empty()) return state.SkipWithError("nothing was loaded");
        loaded += static_cast<std::int64_t>(result->entries.size());
        cursor = result->more ? result->entries.back().facts.id : begin;
    }
    state.SetItemsProcessed(loaded);
}
void window_load_next(benchmark::State& state) { load_from_cursor(state, false); }
BENCHMARK(window_load_next)->Iterations(one_round)->Unit(benchmark::kMicrosecond);
// The older half has ended, and the cursor stands behind it.
void window_load_behind_ended(benchmark::State& state) { load_from_cursor(state, true); }
BENCHMARK(window_load_behind_ended)->Iterations(one_round)->Unit(benchmark::kMicrosecond);

// The same, but the cursor was moved back to the front: 100,000 tombstones are stepped over.
void window_load_over_ended(benchmark::State& state) {
    const Backlog backlog(true);
    if (!backlog.good) return state.SkipWithError("the store cannot be filled");
    for (auto _ : state) {
        const auto result = backlog.store->load_ready(backlog.name, backlog.first, window_load);
        if (!result || result->entries.size() != window_load || result->entries[0].facts.id != backlog.middle)
            return state.SkipWithError("the wrong deliveries were loaded");
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(window_load));
}
BENCHMARK(window_load_over_ended)->Iterations(20)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace angarium::bench

#include "bench/store.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/core.h>

#include "bench/histogram.hpp"
#include "bench/store_batches.hpp"
#include "bench/store_report.hpp"
#include "bench/store_samples.hpp"
#include "bench/usage.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/runtime/signals.hpp"
#include "queue/journal.hpp"

namespace angarium::bench {
namespace {

using runtime::RingShard;
using runtime::Task;

constexpr std::uint64_t segment_bytes = 64u << 20;
constexpr std::uint64_t journal_key = 0x616E676172697565;

std::uint64_t nanoseconds(Duration duration) { return static_cast<std::uint64_t>(duration.count()); }

// What the records of one measurement share.
struct Load {
    queue::Journal& journal;
    const std::string body;
    std::uint64_t ends = 0;  // monotonic nanoseconds: then nothing more is appended
    unsigned under_way = 0;
    std::uint64_t messages = 0;
    bool failed = false;
    Histogram latency;
    runtime::Event done;
};

// A message that is accepted again and again: appended, durable, appended.
class Message final : public queue::JournalRecord {
  public:
    explicit Message(Load& load) : load_(load) {
        record_.envelope = sample_envelope();
        record_.size = load.body.size();
    }
    void append() {
        record_.id = MessageId::make(runtime::Shard::current().wall_now(), 0, ShardId{0},
                                     runtime::Shard::current().random());
        head_.clear();
        record_.last_part = load_.body;
        queue::encode_accept_header(head_, record_);
        appended_ = mono_nanoseconds();
        ++load_.under_way;
        load_.journal.append(*this, queue::Precedence::accept);
    }
    std::size_t bytes() const override {
        return queue::record_header_size + head_.size() + load_.body.size();
    }
    void write(queue::GroupWriter& group) override {
        const std::string_view pieces[] = {head_, load_.body};
        group.add(queue::RecordKind::accept, pieces);
    }
    void durable() override {
        const auto now = mono_nanoseconds();
        load_.latency.record(now - appended_);
        ++load_.messages;
        --load_.under_way;
        if (now < load_.ends)
            append();
        else if (load_.under_way == 0)
            load_.done.signal();
    }
    void failed() override {
        load_.failed = true;
        if (--load_.under_way == 0) load_.done.signal();
    }

  private:
    static smtp::Envelope sample_envelope() {
        smtp::Envelope envelope;
        envelope.sender = *smtp::ReversePath::parse("a@sender.test");
        envelope.recipients.push_back(
            {*smtp::Mailbox::parse("r0@d001.example.test"), smtp::Notify::unspecified, std::nullopt});
        return envelope;
    }
    Load& load_;
    queue::AcceptRecord record_;
    std::string head_;
    std::uint64_t appended_ = 0;
};

// Runs all measurements on one shard.
class StoreRun {
  public:
    explicit StoreRun(const StoreOptions& options, std::string directory)
        : options_(options), directory_(std::move(directory)) {}

    Task<void> main(runtime::FileSystem& files) {
        auto prepared = prepare(files);
        if (!prepared) {
            error_ = prepared.error();
            co_return;
        }
        co_await measure_sync();
        for (const auto size : options_.sizes) {
            for (const auto group : options_.groups) {
                StoreRow row;
                row.size = size;
                row.group = group;
                co_await measure_journal(files, row);
                co_await measure_raw(row);
                if (error_) co_return;
                results_.rows.push_back(row);
                if (!options_.json) fmt::print(stderr, "measured {} bytes, groups of {}\n", size, group);
            }
        }
        raw_.reset();
    }
    // What the shard left to do: RocksDB, which blocks.
    void measure_store() {
        for (const auto size : options_.sizes) {
            for (const auto batch : options_.groups) {
                if (error_) return;
                const auto path = directory_ + "/store";
                const auto row = measure_batches(path, size, batch, options_.seconds);
                std::error_code ignored;
                std::filesystem::remove_all(path, ignored);
                if (!row) {
                    error_ = row.error();
                    return;
                }
                results_.batches.push_back(*row);
                if (!options_.json) fmt::print(stderr, "measured {} bytes, batches of {}\n", size, batch);
            }
        }
    }
    const StoreResults& results() const { return results_; }
    const std::optional<Error>& error() const { return error_; }

  private:
    // Journal segments and a file of the same size for raw writes, all written once.
    Result<void> prepare(runtime::FileSystem& files) {
        for (const char* name : {"0000.seg", "0001.seg", "raw"})
            if (auto made = files.create_filled(directory_ + "/" + name, segment_bytes, nullptr); !made)
                return made;
        auto file = files.open(directory_ + "/raw", runtime::Access::direct);
        if (!file) return std::unexpected(file.error());
        raw_ = std::move(*file);
        return {};
    }
    Task<void> measure_sync();
    Task<void> measure_journal(runtime::FileSystem& files, StoreRow& row);
    Task<void> measure_raw(StoreRow& row);
    Task<std::uint64_t> write_raw(std::size_t bytes, Histogram& latency, std::uint64_t ends);

    const StoreOptions& options_;
    const std::string directory_;
    std::unique_ptr<runtime::File> raw_;
    std::uint64_t raw_at_ = 0;
    std::uint64_t journal_number_ = 1;
    StoreResults results_;
    std::optional<Error> error_;
};

Task<void> StoreRun::measure_sync() {
    constexpr std::size_t smallest = 4096;
    co_await write_raw(smallest, results_.sync, mono_nanoseconds() + nanoseconds(options_.seconds));
}

// One write in flight, each synced, until the time is over; returns how many.
Task<std::uint64_t> StoreRun::write_raw(std::size_t bytes, Histogram& latency, std::uint64_t ends) {
    const auto text = noise(bytes);
    const std::unique_ptr<std::byte, void (*)(void*)> memory(
        static_cast<std::byte*>(std::aligned_alloc(runtime::File::alignment, bytes)), &std::free);
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(memory.get()));
    std::uint64_t writes = 0;
    while (true) {
        const auto begun = mono_nanoseconds();
        if (begun >= ends) co_return writes;
        if (raw_at_ + bytes > segment_bytes) raw_at_ = 0;
        const auto written =
            co_await raw_->write(raw_at_, std::span(memory.get(), bytes), runtime::Durability::synced);
        if (!written) {
            error_ = Error{fmt::format("a raw write failed: {}", to_string(written.error()))};
            co_return writes;
        }
        raw_at_ += bytes;
        ++writes;
        latency.record(mono_nanoseconds() - begun);
    }
}

Task<void> StoreRun::measure_raw(StoreRow& row) {
    // As many messages as the journal's groups carried, in a write as long.
    const auto messages =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(row.messages_per_group + 0.5));
    const auto bytes = queue::aligned(static_cast<std::size_t>(messages * row.size));
    Histogram latency;
    const auto begun = mono_nanoseconds();
    const auto before = CpuTime::now();
    const auto writes = co_await write_raw(bytes, latency, begun + nanoseconds(options_.seconds));
    const double seconds = static_cast<double>(mono_nanoseconds() - begun) / 1e9;
    row.raw.set(writes * messages, seconds, (CpuTime::now() - before).total(), latency);
}

Task<void> StoreRun::measure_journal(runtime::FileSystem& files, StoreRow& row) {
    const auto workers = runtime::make_thread_workers(1, "segments");
    const auto sheet = std::make_unique<metrics::Sheet>();
    queue::JournalOptions options;
    options.directory = directory_;
    options.key = journal_key;
    options.segment_bytes = segment_bytes;
    options.segments = 2;
    queue::JournalEnd end;
    end.number = journal_number_;
    end.free = {"0000.seg", "0001.seg"};
    auto opened = queue::Journal::open(options, end, files, *workers, *sheet);
    if (!opened) {
        error_ = opened.error();
        co_return;
    }
    queue::Journal& journal = **opened;
    // Nothing is kept: a full segment may be written again at once.
    journal.on_segment = [&journal] { journal.release_before(journal.head()); };
    Load load{journal, noise(row.size), 0, 0, 0, false, {}, {}};
    std::vector<std::unique_ptr<Message>> messages;
    for (unsigned i = 0; i < row.group; ++i) messages.push_back(std::make_unique<Message>(load));
    const auto begun = mono_nanoseconds();
    const auto before = CpuTime::now();
    load.ends = begun + nanoseconds(options_.seconds);
    for (auto& message : messages) message->append();
    while (load.under_way > 0) co_await load.done.wait();
    const double seconds = static_cast<double>(mono_nanoseconds() - begun) / 1e9;
    row.journal.set(load.messages, seconds, (CpuTime::now() - before).total(), load.latency);
    const auto groups = sheet->value(metrics::Count::journal_groups);
    row.messages_per_group =
        groups == 0 ? 0 : static_cast<double>(load.messages) / static_cast<double>(groups);
    row.written_per_byte = load.messages == 0
                               ? 0
                               : static_cast<double>(sheet->value(metrics::Count::journal_bytes)) /
                                     static_cast<double>(load.messages * row.size);
    journal_number_ += groups;
    if (load.failed) error_ = Error{"the journal failed to write; see the kernel's log about this disk"};
    co_await journal.close();
}

Result<void> check(const StoreOptions& options) {
    if (options.sizes.empty() || options.groups.empty())
        return failure("give at least one size and one group");
    for (const auto size : options.sizes)
        if (size == 0 || size > queue::part_size)
            return failure(
                fmt::format("sizes are 1 to {} bytes: larger bodies reach the journal in parts of that size",
                            queue::part_size));
    for (const auto group : options.groups)
        if (group == 0 || group > 100'000) return failure("groups are 1 to 100000 messages");
    return {};
}

}  // namespace

int run_store(const StoreOptions& options) {
    const auto fail = [](const std::string& text) {
        fmt::print(stderr, "angarium bench store: {}\n", text);
        return 1;
    };
    if (auto checked = check(options); !checked) return fail(checked.error().text);
    runtime::SystemClock clock;
    auto set = runtime::ShardSet::create(1, clock, {}, false);
    if (!set) return fail(set.error().text);
    const auto directory = fmt::format("{}/angarium-bench-{}", options.path, ::getpid());
    std::error_code error;
    if (!std::filesystem::create_directory(directory, error) || error)
        return fail(fmt::format("cannot make {}: {}", directory, error.message()));
    StoreRun store(options, directory);
    (*set)->run([&](RingShard&) { return store.main((*set)->files()); });
    store.measure_store();
    std::filesystem::remove_all(directory, error);
    if (store.error()) return fail(store.error()->text);
    const auto text =
        options.json ? store_json(options, store.results()) : store_text(options, store.results());
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

}  // namespace angarium::bench

// The store on RocksDB 7.8. The pieces: store_open.cpp (options, format, lock), store_changes.cpp (a batch), store_reclaim.cpp
// (giving the disk back), store_keys.cpp (keys). Here they are put together, and read. See store.hpp for the contract.
#include "queue/store.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <charconv>
#include <thread>

#include <fmt/format.h>

#include "queue/store_changes.hpp"
#include "queue/store_keys.hpp"
#include "queue/store_rocks.hpp"

namespace angarium::queue {
namespace {

constexpr std::uint32_t store_format = 1;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// An iterator over [from, to) of one family.
class Scan {
  public:
    Scan(Rocks& rocks, Family family, std::string_view from, std::string to)
        : to_(std::move(to)), bound_(to_) {
        rocksdb::ReadOptions options;
        if (!to_.empty()) options.iterate_upper_bound = &bound_;
        at_.reset(rocks.db->NewIterator(options, rocks.family(family)));
        seek(from);
    }
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;
    void seek(std::string_view from) { at_->Seek(from); }
    bool valid() const { return at_->Valid(); }
    void next() { at_->Next(); }
    std::string_view key() const { return at_->key().ToStringView(); }
    std::string_view value() const { return at_->value().ToStringView(); }
    rocksdb::Status status() const { return at_->status(); }

  private:
    const std::string to_;
    const rocksdb::Slice bound_;
    std::unique_ptr<rocksdb::Iterator> at_;
};

class RocksStore final : public Store {
  public:
    RocksStore(std::unique_ptr<Rocks> rocks, const StoreOptions& options)
        : rocks_(std::move(rocks)),
          settle_(options.settle_background),
          reclaimer_(*rocks_, options.reclaim_every) {}

    Result<void> read_meta();
    StoreMeta meta() override;
    Result<void> set_meta(const StoreMeta& meta) override;
    Result<void> apply(const StoreBatch& batch) override;
    Result<void> flush() override;
    Result<LoadResult> load_ready(const DestinationName& name, const MessageId& from,
                                  std::size_t most) override;
    Result<LoadResult> load_deferred(const DestinationName& name, WallTime until, std::size_t most,
                                     std::pair<WallTime, MessageId> from) override;
    IoResult<std::string> read_body(const MessageId& id, std::uint32_t part) override;
    Result<std::vector<Found>> find_destinations(const std::optional<DestinationName>& after,
                                                 std::size_t most) override;
    StoreTotals totals() override;
    bool waits_for_space() const override { return rocks_->health->full(); }
    void give_up() override { rocks_->health->give_up(); }

  private:
    Result<std::optional<std::string>> get_meta(const std::string& key);
    Result<std::uint64_t> get_meta_number(const std::string& key);
    Result<void> write(rocksdb::WriteBatch& batch);
    template <class Call>
    Result<void> until_there_is_space(std::string_view what, Call&& call);
    Result<std::uint64_t> flush_in_files();
    std::unexpected<Error> failed(const rocksdb::Status& status);
    void put_held(rocksdb::WriteBatch& batch, const Changes::Delta& held);
    void tell_reclaimer(const Changes::Delta& held) {
        reclaimer_.holds(static_cast<std::uint64_t>(held.messages),
                         static_cast<std::uint64_t>(held.ready + held.deferred));
    }
    std::uint64_t property(Family family, const std::string& name);

    std::unique_ptr<Rocks> rocks_;
    const bool settle_;
    Reclaimer reclaimer_;
    std::mutex applying_;  // one batch at a time: the totals in it follow from the one before
    Changes::Delta held_;  // what the store holds
    std::mutex flushing_;
    std::uint64_t flushes_ = 0;  // numbered, over restarts too
    std::mutex mutex_;           // meta_, held_ for readers
    StoreMeta meta_;
};

std::unexpected<Error> RocksStore::failed(const rocksdb::Status& status) {
    rocks_->health->note("reading failed", status);
    return failure(rocks_->health->reason());
}

// ---- meta -----------------------------------------------------------------------------------------------------------

Result<std::optional<std::string>> RocksStore::get_meta(const std::string& key) {
    std::string value;
    const auto status = rocks_->db->Get({}, rocks_->family(Family::meta), key, &value);
    if (status.ok()) return std::optional(std::move(value));
    if (status.IsNotFound()) return std::optional<std::string>();
    return failed(status);
}

Result<std::uint64_t> RocksStore::get_meta_number(const std::string& key) {
    const auto text = get_meta(key);
    if (!text) return std::unexpected(text.error());
    const auto value = *text ? number(**text) : std::nullopt;
    if (!value) return failure(fmt::format("store: its meta entry '{}' is missing or no number", key));
    return *value;
}

Result<void> RocksStore::read_meta() {
    const auto flushed = get_meta("flush"), format = get_meta("format");
    if (!flushed || !format) return std::unexpected((flushed ? format : flushed).error());
    flushes_ = *flushed ? number(**flushed).value_or(0) : 0;
    if (!*format) return {};  // a new store: shards stay 0
    const auto shards = get_meta_number("shards"), store_id = get_meta_number("store"),
               journal_key = get_meta_number("journal-key");
    for (const auto* value : {&shards, &store_id, &journal_key})
        if (!*value) return std::unexpected(value->error());
    meta_.shards = static_cast<unsigned>(*shards);
    meta_.store_id = static_cast<std::uint8_t>(*store_id);
    meta_.journal_key = *journal_key;
    for (unsigned shard = 0; shard < meta_.shards; ++shard) {
        const auto tail = get_meta_number(tail_key(static_cast<ShardId>(shard)));
        if (!tail) return std::unexpected(tail.error());
        meta_.tails.push_back(*tail);
    }
    const auto messages = get_meta_number("messages"), ready = get_meta_number("ready"),
               deferred = get_meta_number("deferred");
    for (const auto* value : {&messages, &ready, &deferred})
        if (!*value) return std::unexpected(value->error());
    held_.messages = static_cast<std::int64_t>(*messages);
    held_.ready = static_cast<std::int64_t>(*ready);
    held_.deferred = static_cast<std::int64_t>(*deferred);
    tell_reclaimer(held_);
    return {};
}

StoreMeta RocksStore::meta() {
    const std::lock_guard lock(mutex_);
    return meta_;
}

Result<void> RocksStore::set_meta(const StoreMeta& meta) {
    rocksdb::WriteBatch batch;
    auto* family = rocks_->family(Family::meta);
    batch.Put(family, "format", std::to_string(meta.format));
    batch.Put(family, "shards", std::to_string(meta.shards));
    batch.Put(family, "store", std::to_string(meta.store_id));
    batch.Put(family, "journal-key", std::to_string(meta.journal_key));
    put_held(batch, held_);
    for (unsigned shard = 0; shard < 256; ++shard) {
        const auto key = tail_key(static_cast<ShardId>(shard));
        if (shard < meta.shards)
            batch.Put(family, key, std::to_string(shard < meta.tails.size() ? meta.tails[shard] : 0));
        else
            batch.Delete(family, key);
    }
    if (auto written = write(batch); !written) return written;
    {
        const std::lock_guard lock(mutex_);
        meta_ = meta;
        meta_.tails.resize(meta.shards);
    }
    return flush();
}

// ---- changes --------------------------------------------------------------------------------------------------------

// Calls until it succeeds, fails for good, or gives up. A full disk is waited for: what has to go into the store has nowhere
// else to go, and the worker that waits here is what slows intake down.
template <class Call>
Result<void> RocksStore::until_there_is_space(std::string_view what, Call&& call) {
    auto& health = *rocks_->health;
    for (;;) {
        if (health.failed()) return failure(health.reason());
        const rocksdb::Status status = health.full() ? rocks_->db->Resume() : rocksdb::Status::OK();
        if (status.ok()) {
            health.recovered();
            const rocksdb::Status called = call();
            if (called.ok()) return {};
            health.note(what, called);
        } else {
            health.note("resuming failed", status);
        }
        if (health.failed() || !health.wait_for_space()) return failure(health.reason());
    }
}

Result<void> RocksStore::write(rocksdb::WriteBatch& batch) {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    auto written = until_there_is_space("write failed", [&] { return rocks_->db->Write(options, &batch); });
    if (settle_) rocks_->settle();
    return written;
}

void RocksStore::put_held(rocksdb::WriteBatch& batch, const Changes::Delta& held) {
    auto* family = rocks_->family(Family::meta);
    batch.Put(family, "messages", std::to_string(held.messages));
    batch.Put(family, "ready", std::to_string(held.ready));
    batch.Put(family, "deferred", std::to_string(held.deferred));
}

Result<void> RocksStore::apply(const StoreBatch& batch) {
    const std::lock_guard one_at_a_time(applying_);
    Changes changes(*rocks_, batch);
    if (auto added = changes.add(batch); !added) return added;
    const auto& delta = changes.delta();
    const Changes::Delta held{held_.messages + delta.messages, held_.ready + delta.ready,
                              held_.deferred + delta.deferred};
    put_held(changes.writes(), held);
    if (auto written = write(changes.writes()); !written) return written;
    {
        const std::lock_guard lock(mutex_);
        held_ = held;
    }
    reclaimer_.removed(changes.removed_messages(), changes.removed_deliveries());
    tell_reclaimer(held);
    if (batch.tail) {
        const std::lock_guard lock(mutex_);
        const auto shard = index(batch.tail->first);
        if (shard < meta_.tails.size()) meta_.tails[shard] = batch.tail->second;
    }
    return {};
}

// All families in one atomic flush. RocksDB's word is not enough: after an error that was resumed from, 7.8 returns from a
// flush at once, with success. So a number is written first, and it must be found in the files; since the families are
// flushed together and in the order of the batches, all that was applied before is then there as well.
Result<void> RocksStore::flush() {
    std::uint64_t mine = 0;
    {
        const std::lock_guard lock(flushing_);
        mine = ++flushes_;
        rocksdb::WriteBatch batch;
        batch.Put(rocks_->family(Family::meta), "flush", std::to_string(mine));
        if (auto written = write(batch); !written) return written;
    }
    rocksdb::FlushOptions options;
    options.wait = true;
    options.allow_write_stall = true;  // else it would wait for compactions first
    const std::vector<rocksdb::ColumnFamilyHandle*> all(rocks_->handles.begin(), rocks_->handles.end());
    for (;;) {
        auto flushed = until_there_is_space("flush failed", [&] { return rocks_->db->Flush(options, all); });
        if (!flushed) return flushed;
        const auto persisted = flush_in_files();
        if (!persisted) return std::unexpected(persisted.error());
        if (settle_) rocks_->settle();
        if (*persisted >= mine) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

// The newest flush number that a crash would leave.
Result<std::uint64_t> RocksStore::flush_in_files() {
    rocksdb::ReadOptions options;
    options.read_tier = rocksdb::kPersistedTier;  // with no log of its own: not the memtables
    std::string text;
    const auto status = rocks_->db->Get(options, rocks_->family(Family::meta), "flush", &text);
    if (status.IsNotFound()) return 0;
    if (!status.ok()) return failed(status);
    return number(text).value_or(0);
}

// ---- loads ----------------------------------------------------------------------------------------------------------

Result<Loaded> loaded(const keys::Parsed& key, std::string_view value) {
    auto facts = decode_delivery(value);
    if (!facts || facts->id != key.id)
        return failure(
            fmt::format("store: the delivery of message {} to {} cannot be read; it was written by "
                        "another version or is damaged",
                        key.id.text(), key.domain));
    return Loaded{Place{key.due}, std::move(*facts)};
}

Result<LoadResult> RocksStore::load_ready(const DestinationName& name, const MessageId& from,
                                          std::size_t most) {
    LoadResult result;
    Scan scan(*rocks_, Family::ready, keys::ready(name.stream, name.domain, from),
              keys::after(keys::destination(name.stream, name.domain)));
    for (; scan.valid(); scan.next()) {
        if (result.entries.size() == most) {
            result.more = true;
            return result;
        }
        const auto key = keys::parse_ready(scan.key());
        if (!key) return failure("store: a key of the ready deliveries cannot be read");
        auto entry = loaded(*key, scan.value());
        if (!entry) return std::unexpected(entry.error());
        result.entries.push_back(std::move(*entry));
    }
    if (!scan.status().ok()) return failed(scan.status());
    return result;
}

Result<LoadResult> RocksStore::load_deferred(const DestinationName& name, WallTime until, std::size_t most,
                                             std::pair<WallTime, MessageId> from) {
    LoadResult result;
    Scan scan(*rocks_, Family::deferred, keys::deferred(name.stream, name.domain, from.first, from.second),
              keys::after(keys::destination(name.stream, name.domain)));
    for (; scan.valid(); scan.next()) {
        const auto key = keys::parse_deferred(scan.key());
        if (!key) return failure("store: a key of the deferred deliveries cannot be read");
        if (key->due > until || result.entries.size() == most) {
            result.next_due = key->due;
            result.more = key->due <= until;
            return result;
        }
        auto entry = loaded(*key, scan.value());
        if (!entry) return std::unexpected(entry.error());
        result.entries.push_back(std::move(*entry));
    }
    if (!scan.status().ok()) return failed(scan.status());
    return result;
}

IoResult<std::string> RocksStore::read_body(const MessageId& id, std::uint32_t part) {
    std::string bytes;
    const auto status = rocks_->db->Get({}, rocks_->family(Family::body), keys::body(id, part), &bytes);
    if (status.ok()) return bytes;
    if (status.IsNotFound()) return std::unexpected(IoError::end_of_stream);
    rocks_->health->note("reading failed", status);
    return std::unexpected(IoError::failed);
}

// ---- destinations ---------------------------------------------------------------------------------------------------

// One family's destinations in order, one seek each.
class Destinations {
  public:
    using Parse = std::optional<keys::Parsed> (*)(std::string_view);
    Destinations(Rocks& rocks, Family family, Parse parse, std::string_view from)
        : scan_(rocks, family, from, {}), parse_(parse) {
        read();
    }
    const std::optional<DestinationName>& name() const { return name_; }
    WallTime due() const { return due_; }
    void next() {
        scan_.seek(keys::after(keys::destination(name_->stream, name_->domain)));
        read();
    }
    rocksdb::Status status() const { return scan_.status(); }

  private:
    void read() {
        name_.reset();
        for (; scan_.valid() && !name_; scan_.next()) {
            const auto key = parse_(scan_.key());
            if (!key) continue;
            name_ = DestinationName{std::string(key->stream), std::string(key->domain)};
            due_ = key->due;
            return;
        }
    }
    Scan scan_;
    Parse parse_;
    std::optional<DestinationName> name_;
    WallTime due_{};
};

Result<std::vector<Store::Found>> RocksStore::find_destinations(const std::optional<DestinationName>& after,
                                                                std::size_t most) {
    const auto from = after ? keys::after(keys::destination(after->stream, after->domain)) : std::string();
    Destinations ready(*rocks_, Family::ready, keys::parse_ready, from);
    Destinations deferred(*rocks_, Family::deferred, keys::parse_deferred, from);
    std::vector<Found> found;
    while (found.size() < most && (ready.name() || deferred.name())) {
        const bool from_ready = ready.name() && (!deferred.name() || *ready.name() <= *deferred.name());
        const bool from_deferred = deferred.name() && (!ready.name() || *deferred.name() <= *ready.name());
        auto& next = found.emplace_back();
        next.name = from_ready ? *ready.name() : *deferred.name();
        next.ready = from_ready;
        if (from_deferred) next.first_due = deferred.due();
        if (from_ready) ready.next();
        if (from_deferred) deferred.next();
    }
    for (const auto* scan : {&ready, &deferred})
        if (!scan->status().ok()) return failed(scan->status());
    return found;
}

// ---- totals ---------------------------------------------------------------------------------------------------------

std::uint64_t RocksStore::property(Family family, const std::string& name) {
    std::uint64_t value = 0;
    rocks_->db->GetIntProperty(rocks_->family(family), name, &value);
    return value;
}

StoreTotals RocksStore::totals() {
    using Properties = rocksdb::DB::Properties;
    StoreTotals totals;
    {
        const std::lock_guard lock(mutex_);
        totals.messages = static_cast<std::uint64_t>(held_.messages);
        totals.ready = static_cast<std::uint64_t>(held_.ready);
        totals.deferred = static_cast<std::uint64_t>(held_.deferred);
    }
    for (const auto family : all_families) {
        totals.disk_bytes += property(family, Properties::kTotalSstFilesSize);
        totals.memory_bytes += property(family, Properties::kEstimateTableReadersMem);
        totals.pending_compaction_bytes += property(family, Properties::kEstimatePendingCompactionBytes);
    }
    totals.disk_bytes += property(Family::body, Properties::kTotalBlobFileSize);
    totals.memory_bytes += rocks_->cache->GetUsage();  // the memtables are charged to it
    totals.write_stopped = property(Family::unused, Properties::kIsWriteStopped) != 0;
    return totals;
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(const StoreOptions& options) {
    auto rocks = open_rocks(options, store_format);
    if (!rocks) return std::unexpected(rocks.error());
    auto store = std::make_unique<RocksStore>(std::move(*rocks), options);
    if (auto read = store->read_meta(); !read) return std::unexpected(read.error());
    return store;
}

}  // namespace angarium::queue

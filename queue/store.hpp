// The store: RocksDB, the queue of everything older than the journal. All calls block: they belong to storage workers (or
// to start-up). Any thread may read; changes of one shard are applied in the order of issue by one worker.
//
// Column families (keys are byte-ordered; names end with a zero byte, which they cannot contain):
//   body      MessageId, part (4 bytes, big-endian)                     → bytes (BlobDB from 1 KiB)
//   ready     stream 0 domain 0 lane MessageId                          → delivery
//   deferred  stream 0 domain 0 lane due (8, big-endian) MessageId      → delivery
//   pending   MessageId stream 0 domain                                 → empty; only for several destinations
//   meta      names → values (format, shards, store id, journal key, tails)
// RocksDB's own log is off: after a crash the store is a prefix of its batches, each shard's journal tail moved in the same
// batch as the survivors it passes; atomic_flush keeps the families together. Only Put and Delete: replay may repeat a change.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/result.hpp"
#include "queue/body.hpp"
#include "queue/delivery.hpp"
#include "queue/names.hpp"
#include "queue/record.hpp"

namespace angarium::queue {

// Descriptors that a store holds at most: its readers, and what flushes and compactions write.
inline constexpr std::size_t most_store_descriptors = 640;

struct StoreOptions {
    std::string path;
    std::size_t memory =
        256u << 20;  // bytes: block cache and memtables together (WriteBufferManager charges the cache)
    int background_threads = 2;              // flushes and compactions
    std::function<void(std::string)> alarm;  // an error of the disk, in words; called on any thread
    std::string file_system;                 // by RocksDB's name for it; empty: the system's. For fault tests
    // How often to look whether what was removed is worth compacting.
    std::chrono::milliseconds reclaim_every{30'000};
    // For the simulation, whose time is its own. Called instead of waiting half a second for space; false: give up.
    std::function<bool()> wait_for_space;
    bool settle_background = false;  // calls return only when no flush and no compaction runs or is due
};

// A message on its way from the journal into the store.
struct Survivor {
    MessageId id;
    std::vector<std::string> parts;  // the whole body, every part
    struct Entry {
        Place place;
        DeliveryFacts facts;
    };
    std::vector<Entry> deliveries;  // those that have not ended
};

// What one worker job changes, as one atomic WriteBatch, in this order.
struct StoreBatch {
    std::vector<Survivor> survivors;
    std::vector<OutcomeRecord>
        effects;  // of old deliveries: change the store only if the key they name exists
    std::optional<std::pair<ShardId, Lsn>>
        tail;  // set with survivors: everything before it is in the store or ended
};

struct Loaded {
    Place place;
    DeliveryFacts facts;
};

struct LoadResult {
    std::vector<Loaded> entries;
    bool more = false;                 // ready: there are further keys behind the last entry
    std::optional<WallTime> next_due;  // deferred: the first due time that was not loaded
};

struct StoreMeta {
    std::uint32_t format = 1;
    std::uint8_t store_id = 0;
    unsigned shards = 0;            // 0: a new store
    std::uint64_t journal_key = 0;  // seeds the journal's checksums, so that mail cannot forge a group
    std::vector<Lsn> tails;         // per shard of `shards`
};

struct StoreTotals {
    std::uint64_t messages = 0, ready = 0,
                  deferred = 0;  // exact: kept with the batches; the last two count deliveries
    std::uint64_t disk_bytes = 0, memory_bytes = 0;  // files; cache, memtables and readers
    bool write_stopped = false;
    std::uint64_t pending_compaction_bytes = 0;
};

class Store {
  public:
    virtual ~Store() = default;
    virtual StoreMeta meta() = 0;
    // Writes meta and makes it durable (flushes).
    virtual Result<void> set_meta(const StoreMeta& meta) = 0;

    // Applies the batch atomically. An effect whose key is absent changes nothing; an end removes the delivery and, if it
    // is its message's last one (judged now, with the batch's earlier effects in view), the body; a deferral moves it to
    // its new due time with apply(DeliveryFacts&, OutcomeRecord).
    virtual Result<void> apply(const StoreBatch& batch) = 0;
    // Flushes all families atomically; waits. After it, tails applied before the call are durable. A flush that was
    // already running when it was called does not count.
    virtual Result<void> flush() = 0;

    // Ready deliveries of a destination with id >= from, oldest first.
    virtual Result<LoadResult> load_ready(const DestinationName& name, const MessageId& from,
                                          std::size_t most) = 0;
    // Deferred ones with due <= until, in order of due time, starting at (from_due, from_id).
    virtual Result<LoadResult> load_deferred(const DestinationName& name, WallTime until, std::size_t most,
                                             std::pair<WallTime, MessageId> from) = 0;
    virtual IoResult<std::string> read_body(const MessageId& id, std::uint32_t part) = 0;
    // The next `most` destinations that have keys, in order, after the given one: a skip-scan, one seek a destination.
    // next_due is set when only deferred keys were found.
    struct Found {
        DestinationName name;
        bool ready = false;
        std::optional<WallTime> first_due;
    };
    virtual Result<std::vector<Found>> find_destinations(const std::optional<DestinationName>& after,
                                                         std::size_t most) = 0;
    // For metrics and the command line: estimates, cheap.
    virtual StoreTotals totals() = 0;
    // The disk was full when it was last written to, and nothing has succeeded since. Any thread.
    virtual bool waits_for_space() const { return false; }
    // On a full disk apply() and flush() wait for space. After this, from any thread, they fail instead: for the end.
    virtual void give_up() {}
};

Result<std::unique_ptr<Store>> open_rocks_store(const StoreOptions& options);

// For tests of the whole program: the name of a file system (for StoreOptions) whose syncs fail while the file `failing` exists.
std::string failing_file_system(const std::string& failing);

}  // namespace angarium::queue

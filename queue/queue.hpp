// The queue of one process: the store, and on each shard a journal with its origin and an owner. A start goes
//
//   open()      once, any thread      the store is opened
//   prepare()   shard 0               journals of another number of shards are drained into the store
//   start()     every shard           its journal is read, its queue made
//   begin()     every shard, when all have started and their owners have carriers: mail begins to flow
//
// and a stop goes: stop_intake() on every shard, the carriers finish their attempts, stop_owner(), close(), and the QueueSet goes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/file.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/registry.hpp"
#include "queue/carrier.hpp"
#include "queue/disk_reserve.hpp"
#include "queue/intake.hpp"
#include "queue/journal_reader.hpp"
#include "queue/origin.hpp"
#include "queue/owner.hpp"
#include "queue/schedule.hpp"
#include "queue/store.hpp"

namespace angarium::queue {

struct QueueOptions {
    std::string path;                        // holds store/ and journal/NN/
    std::string log_directory;               // of the delivery log; empty: none is kept
    std::string hostname;                    // in bounces
    std::uint64_t journal_bytes = 1u << 30;  // all shards together
    std::uint64_t segment_bytes = 0;         // of one journal file; 0: a sixteenth of a shard's journal
    std::uint64_t reserve = 0;               // bytes of disk that stay free of new mail; 0: none
    std::size_t body_memory = 256u << 20;    // bytes of bodies in memory, all shards together
    std::size_t store_memory = 256u << 20;   // bytes of RocksDB's cache and memtables
    RetryOptions retry;
    WindowLimits window;
    std::size_t young_messages = 1'000'000;  // all shards together
    Duration settled_age = 30s;              // older mail moves into the store though the journal has room
    bool repair_journal = false;             // go on behind damaged groups
    std::function<void(std::string)> alarm;  // something that an operator must see; any thread
};

// One shard's queue.
class Queue {
  public:
    ~Queue();
    Intake& intake() { return *origin_; }
    Outlet& outlet() { return *owner_; }
    Origin& origin() { return *origin_; }
    Owner& owner() { return *owner_; }
    DeliveryLog* log() { return log_.get(); }
    bool journal_failed() const { return journal_->failed(); }
    // Something can no longer be recorded: outcomes under way will never be acknowledged.
    bool broken() const { return journal_->failed() || writer_->failed(); }

  private:
    friend class QueueSet;
    std::unique_ptr<DeliveryLog> log_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<StoreWriter> writer_;
    std::unique_ptr<Origin> origin_;
    std::unique_ptr<Owner> owner_;
};

class QueueSet {
  public:
    // `appliers` has one thread: changes are applied in order. `readers` may have several.
    static Result<std::unique_ptr<QueueSet>> open(QueueOptions options, unsigned shards,
                                                  runtime::FileSystem& files, std::unique_ptr<Store> store,
                                                  runtime::Workers& appliers, runtime::Workers& readers,
                                                  metrics::Registry& registry);
    ~QueueSet();

    runtime::Task<Result<void>> prepare(runtime::Shard& shard);
    Result<void> start(runtime::Shard& shard);
    void begin(runtime::Shard& shard);
    // After the carrier has finished: waits until every outcome of this shard's destinations is recorded.
    runtime::Task<void> close_owner(runtime::Shard& shard);
    // After close_owner() on every shard.
    runtime::Task<void> close_origin(runtime::Shard& shard);

    Queue& of(ShardId shard) { return *queues_[index(shard)]; }
    Queue& here() { return of(runtime::Shard::current().id()); }
    bool started(ShardId shard) const { return queues_[index(shard)] != nullptr; }
    Store& store() { return *store_; }
    std::size_t body_bytes() const;  // any thread

    // For the queues themselves.
    std::uint8_t store_id() const { return meta_.store_id; }
    ShardId origin_of(const MessageId& id) const {
        return ShardId{static_cast<std::uint8_t>(runtime_index(id.origin()))};
    }
    void alarm(std::string text) const {
        if (options_.alarm) options_.alarm(std::move(text));
    }
    void publish_room(ShardId shard, bool room) {
        room_[index(shard)].store(room, std::memory_order_relaxed);
    }
    bool may_attempt() const;
    // For a start's search: resumes when there is room for more to be tried.
    runtime::Task<void> pace_trials(runtime::Shard& shard) const;
    // A shard's journal has failed: none accepts any more, since attempts have stopped for all, and the next start must sort
    // out what is on the disk.
    bool journal_failed() const { return journal_failed_.load(std::memory_order_relaxed); }
    bool disk_is_low() const { return reserve_.touched(); }

  private:
    QueueSet(QueueOptions options, unsigned shards, runtime::FileSystem& files, std::unique_ptr<Store> store,
             runtime::Workers& appliers, runtime::Workers& readers, metrics::Registry& registry);
    unsigned runtime_index(ShardId origin) const { return index(origin) % shards_; }
    std::string journal_directory(unsigned shard) const;
    std::uint64_t segment_bytes() const;
    unsigned segments() const;
    JournalSource source(unsigned shard) const;
    std::size_t on_trial() const;
    runtime::Task<void> find_stored();

    const QueueOptions options_;
    const unsigned shards_;
    runtime::FileSystem& files_;
    const std::unique_ptr<Store> store_;
    runtime::Workers& appliers_;
    runtime::Workers& readers_;
    metrics::Registry& registry_;
    StoreMeta meta_;
    std::vector<std::unique_ptr<Queue>> queues_;
    std::vector<std::shared_ptr<MemoryAccount>> bodies_;  // per shard
    std::vector<std::atomic<bool>> room_;
    std::atomic<bool> stopping_ = false, journal_failed_ = false;
    DiskReserve reserve_;
    runtime::Gate background_;  // shard 0's: what looks around while mail flows
};

}  // namespace angarium::queue

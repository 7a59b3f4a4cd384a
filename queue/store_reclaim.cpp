// The reclaimer's thread (see store_rocks.hpp): when to compact, and nothing else. Errors are RocksDB's background errors and
// reach the store's health through its listener.
#include <rocksdb/db.h>

#include <cstdlib>
#include <map>

#include "queue/store_rocks.hpp"

namespace angarium::queue {
namespace {

// Below these it can wait until nothing has been removed for a while.
constexpr std::uint64_t many_parts = 1024, many_deliveries = 20'000;

std::uint64_t keys_in(Rocks& rocks, Family family) {
    std::uint64_t keys = 0;
    rocks.db->GetIntProperty(rocks.family(family), rocksdb::DB::Properties::kEstimateNumKeys, &keys);
    return keys;
}

// Deletions that lie in the family's files: what an earlier run of the program removed and nobody has compacted yet.
std::uint64_t deletions_in_files(Rocks& rocks, Family family) {
    std::map<std::string, std::string> properties;
    const auto& name = rocksdb::DB::Properties::kAggregatedTableProperties;
    if (!rocks.db->GetMapProperty(rocks.family(family), name, &properties)) return 0;
    return std::strtoull(properties["num_deletions"].c_str(), nullptr, 10);
}

// More was removed than is left, and it is much, or has been all for a while.
bool worthwhile(std::uint64_t removed, std::uint64_t before, std::uint64_t left, std::uint64_t many) {
    return removed > 0 && removed >= left && (removed >= many || removed == before);
}

}  // namespace

Reclaimer::Reclaimer(Rocks& rocks, std::chrono::milliseconds every)
    : rocks_(rocks), every_(every), thread_([this] { run(); }) {}

Reclaimer::~Reclaimer() {
    canceled_ = true;  // also ends a compaction under way
    {
        const std::lock_guard lock(mutex_);
        wake_.notify_all();
    }
    thread_.join();
}

void Reclaimer::run() {
    std::uint64_t parts_before = 0, deliveries_before = 0;
    for (bool first = true;; first = false) {
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_for(lock, every_, [&] { return canceled_.load(); })) return;
        }
        if (first)
            removed(deletions_in_files(rocks_, Family::body),
                    deletions_in_files(rocks_, Family::ready) + deletions_in_files(rocks_, Family::deferred));
        parts_before = look(removed_parts_, parts_before, many_parts, {Family::body});
        deliveries_before = look(removed_deliveries_, deliveries_before, many_deliveries,
                                 {Family::ready, Family::deferred, Family::pending});
    }
}

std::uint64_t Reclaimer::look(std::atomic<std::uint64_t>& counter, std::uint64_t before, std::uint64_t many,
                              std::initializer_list<Family> of) {
    const auto removed = counter.load(std::memory_order_relaxed);
    std::uint64_t left = 0;
    for (const auto family : of) left += keys_in(rocks_, family);
    if (rocks_.health->full() || rocks_.health->failed() || !worthwhile(removed, before, left, many))
        return removed;
    counter.fetch_sub(removed, std::memory_order_relaxed);
    for (const auto family : of) compact(family);
    return 0;
}

void Reclaimer::compact(Family family) {
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.canceled = &canceled_;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
    rocks_.db->CompactRange(options, rocks_.family(family), nullptr, nullptr).PermitUncheckedError();
}

}  // namespace angarium::queue

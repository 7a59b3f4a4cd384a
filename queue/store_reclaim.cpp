// The reclaimer's thread (see store_rocks.hpp): when to compact, and nothing else. Errors are RocksDB's background errors and
// reach the store's health through its listener.
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "queue/store_rocks.hpp"

namespace angarium::queue {
namespace {

// Below these it can wait until nothing has been removed for a while.
constexpr std::uint64_t many_messages = 1024, many_deliveries = 20'000;

// What an earlier run of the program left in the family's files: keys, and deletions that nobody has compacted yet.
struct Lying {
    std::uint64_t keys = 0, deletions = 0;
};

Lying in_files(Rocks& rocks, Family family) {
    std::map<std::string, std::string> properties;
    const auto& name = rocksdb::DB::Properties::kAggregatedTableProperties;
    if (!rocks.db->GetMapProperty(rocks.family(family), name, &properties)) return {};
    const auto entries = std::strtoull(properties["num_entries"].c_str(), nullptr, 10);
    const auto deletions = std::strtoull(properties["num_deletions"].c_str(), nullptr, 10);
    return {entries - std::min<std::uint64_t>(entries, 2 * deletions), deletions};
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
    std::uint64_t messages_before = 0, deliveries_before = 0;
    for (bool first = true;; first = false) {
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_for(lock, every_, [&] { return canceled_.load(); })) return;
        }
        if (first) {
            const auto parts = in_files(rocks_, Family::body);
            // Removed messages had as many parts as those that are left.
            const auto parts_each =
                std::max<std::uint64_t>(1, parts.keys / std::max<std::uint64_t>(1, messages_.load()));
            removed(parts.deletions / parts_each,
                    in_files(rocks_, Family::ready).deletions + in_files(rocks_, Family::deferred).deletions);
        }
        messages_before =
            look(removed_messages_, messages_before, messages_.load(), many_messages, {Family::body});
        deliveries_before = look(removed_deliveries_, deliveries_before, deliveries_.load(), many_deliveries,
                                 {Family::ready, Family::deferred, Family::pending});
    }
}

std::uint64_t Reclaimer::look(std::atomic<std::uint64_t>& counter, std::uint64_t before, std::uint64_t left,
                              std::uint64_t many, std::initializer_list<Family> of) {
    const auto removed = counter.load(std::memory_order_relaxed);
    if (rocks_.health->full() || rocks_.health->failed() || !worthwhile(removed, before, left, many) ||
        !fits(of, removed, left))
        return removed;
    counter.fetch_sub(removed, std::memory_order_relaxed);
    for (const auto family : of) compact(family);
    // A compaction of RocksDB's own that ran meanwhile has made files that ours left alone: once more, then.
    const bool bodies = std::find(of.begin(), of.end(), Family::body) != of.end();
    if (bodies && garbage_remains()) counter.fetch_add(removed, std::memory_order_relaxed);
    return 0;
}

// What is left is written anew before the old files go. On a nearly full disk that waits until less is left, or there is more
// space: to fill it would stop mail, and RocksDB 7.8 may abort where a compaction meets a full disk.
bool Reclaimer::fits(std::initializer_list<Family> of, std::uint64_t removed, std::uint64_t left) {
    using Properties = rocksdb::DB::Properties;
    std::uint64_t free = 0, tables = 0, blobs = 0;
    if (!rocks_.db->GetEnv()->GetFreeSpace(rocks_.db->GetName(), &free).ok()) return true;
    for (const auto family : of) {
        std::uint64_t bytes = 0;
        if (rocks_.db->GetIntProperty(rocks_.family(family), Properties::kLiveSstFilesSize, &bytes))
            tables += bytes;
        if (rocks_.db->GetIntProperty(rocks_.family(family), Properties::kLiveBlobFileSize, &bytes))
            blobs += bytes;
    }
    const auto share =
        static_cast<double>(left) / static_cast<double>(std::max<std::uint64_t>(1, left + removed));
    return static_cast<double>(free) >= share * static_cast<double>(tables + blobs);
}

// At least as many bytes lie in blob files for removed bodies as for those that are left.
bool Reclaimer::garbage_remains() {
    using Properties = rocksdb::DB::Properties;
    std::uint64_t all = 0, garbage = 0;
    auto* const family = rocks_.family(Family::body);
    rocks_.db->GetIntProperty(family, Properties::kLiveBlobFileSize, &all);
    rocks_.db->GetIntProperty(family, Properties::kLiveBlobFileGarbageSize, &garbage);
    return garbage > 0 && garbage >= all - std::min(garbage, all);
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

// Opens the store's database: what RocksDB is asked to do and to leave, the check of the format, the lock, and the listener
// that turns its background errors into the store's health. Errors: words for the operator, with the remedy.
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "queue/store_rocks.hpp"

namespace angarium::queue {
namespace {

constexpr std::size_t min_blob_size =
    1024;  // bytes; smaller bodies stay in the tree, larger ones are written once
constexpr std::size_t blob_file_size = 64 * 1024 * 1024;  // a file goes when all in it is gone
// A compaction that collects garbage has a buffer of this size for every file that it meets: they come to a thousandth of the
// bodies' bytes.
constexpr std::size_t blob_readahead = 64 * 1024;
constexpr int max_open_files = 512;  // table and blob readers; each may hold a few 100 KiB
static_assert(max_open_files + 100 < most_store_descriptors);
constexpr std::size_t largest_memtable = 64 * 1024 * 1024;
// A file with this many deletions among so many neighbours is compacted: seeks over it would crawl.
constexpr std::size_t deletion_window = 1024, deletion_trigger = 768;

// Background errors become the store's health. Automatic recovery is vetoed: after a failed write or sync nobody knows what
// is on the disk; a full disk is resumed by whoever waits for it.
class Listener final : public rocksdb::EventListener {
  public:
    explicit Listener(std::shared_ptr<StoreHealth> health) : health_(std::move(health)) {}
    void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
        health_->note(words(reason), *status);
    }
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* automatic) override {
        *automatic = false;
    }

  private:
    static std::string_view words(rocksdb::BackgroundErrorReason reason) {
        using Reason = rocksdb::BackgroundErrorReason;
        switch (reason) {
            case Reason::kFlush:
            case Reason::kFlushNoWAL:
                return "flush failed";
            case Reason::kCompaction:
                return "compaction failed";
            case Reason::kManifestWrite:
            case Reason::kManifestWriteNoWAL:
                return "writing its list of files failed";
            default:
                return "write failed";
        }
    }
    std::shared_ptr<StoreHealth> health_;
};

std::size_t memtable_size(Family family, std::size_t memory) {
    const auto share = family == Family::body                                  ? memory / 8
                       : family == Family::ready || family == Family::deferred ? memory / 16
                                                                               : memory / 32;
    return std::clamp<std::size_t>(share, 1 << 20, largest_memtable);
}

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache,
                                              bool point_lookups) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = cache;
    table.cache_index_and_filter_blocks = true;  // else they grow with the queue, outside the budget
    table.cache_index_and_filter_blocks_with_high_priority = true;
    table.format_version = 5;
    if (point_lookups) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    return table;
}

rocksdb::ColumnFamilyOptions family_options(Family family, const StoreOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
    rocksdb::ColumnFamilyOptions made;
    made.write_buffer_size = memtable_size(family, options.memory);
    made.max_write_buffer_number = 4;
    // Every retired segment is a small flush: merged only when there are many, else the lower level is written over and over.
    made.level0_file_num_compaction_trigger = 12;
    made.level0_slowdown_writes_trigger = 36;
    made.level0_stop_writes_trigger = 60;
    made.level_compaction_dynamic_level_bytes = true;
    made.target_file_size_base = 16 << 20;
    made.compression = rocksdb::kNoCompression;
    made.bottommost_compression = rocksdb::kNoCompression;
    const bool point_lookups =
        family == Family::ready || family == Family::deferred || family == Family::pending;
    made.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, point_lookups)));
    // Not bodies: nobody scans them, and a small file of deletions would write all of their keys again.
    if (point_lookups)
        made.table_properties_collector_factories.push_back(
            rocksdb::NewCompactOnDeletionCollectorFactory(deletion_window, deletion_trigger));
    if (family == Family::body) {
        made.enable_blob_files = true;
        made.min_blob_size = min_blob_size;
        made.blob_file_size = blob_file_size;
        // A compaction that collected garbage as well would write every body again that it meets: twice the bytes for a
        // growing backlog. The reclaimer does it, when more has been removed than is left.
        made.enable_blob_garbage_collection = false;
        made.blob_compaction_readahead_size = blob_readahead;
    }
    return made;
}

rocksdb::DBOptions database_options(const StoreOptions& options, Rocks& rocks) {
    rocksdb::DBOptions made;
    if (rocks.env) made.env = rocks.env.get();
    made.create_if_missing = true;
    made.create_missing_column_families = true;
    made.paranoid_checks = true;
    made.atomic_flush = true;  // the families stay together; every write leaves RocksDB's own log out
    made.max_bgerror_resume_count = 0;
    made.listeners.push_back(std::make_shared<Listener>(rocks.health));
    made.max_open_files = max_open_files;
    // By default sixteen for each family, however few files there are; and a start opens no more than sixteen of them.
    made.max_file_opening_threads = options.background_threads;
    // Half the budget for memtables, charged to the cache whose capacity is the whole of it.
    made.write_buffer_manager =
        std::make_shared<rocksdb::WriteBufferManager>(options.memory / 2, rocks.cache);
    made.max_background_jobs = options.background_threads + 1;  // one of them flushes
    made.bytes_per_sync = 1 << 20;
    made.compaction_readahead_size = 2 << 20;
    made.avoid_unnecessary_blocking_io = true;
    made.skip_stats_update_on_db_open = true;
    made.stats_dump_period_sec = 0;
    made.stats_persist_period_sec = 0;
    made.info_log_level = rocksdb::WARN_LEVEL;
    made.max_log_file_size = 8 << 20;
    made.keep_log_file_num = 4;
    return made;
}

// The format that a store was written with: 0 for a new one. Opens only what it needs, and only for reading, so that a
// store of another version is not touched.
std::uint32_t stored_format(const std::string& path, rocksdb::Env* env) {
    rocksdb::Options options;
    if (env != nullptr) options.env = env;
    options.info_log_level = rocksdb::FATAL_LEVEL;
    options.max_open_files = 16;
    options.max_file_opening_threads = 1;
    const std::vector<rocksdb::ColumnFamilyDescriptor> wanted = {{rocksdb::kDefaultColumnFamilyName, {}},
                                                                 {std::string(name_of(Family::meta)), {}}};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    if (!rocksdb::DB::OpenForReadOnly(options, path, wanted, &handles, &db).ok()) return 0;
    std::string text;
    std::uint32_t format = 0;
    if (db->Get({}, handles[1], "format", &text).ok()) {
        for (const char c : text) format = format * 10 + static_cast<std::uint32_t>(c - '0');
    }
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
    return format;
}

Result<void> use_file_system(const std::string& name, Rocks& rocks) {
    if (name.empty()) return {};
    std::shared_ptr<rocksdb::FileSystem> files;
    const auto status = rocksdb::FileSystem::CreateFromString(rocksdb::ConfigOptions(), name, &files);
    if (!status.ok()) return failure(fmt::format("no file system '{}': {}", name, status.ToString()));
    rocks.env = rocksdb::NewCompositeEnv(files);
    return {};
}

std::string open_error(const std::string& path, const rocksdb::Status& status) {
    const auto text = status.ToString();
    if (status.IsIOError() && text.find("LOCK") != std::string::npos)
        return fmt::format("queue at {} is in use by another process; stop that one first ({})", path, text);
    if (status.IsCorruption())
        return fmt::format(
            "queue at {} is damaged: {}; restore it, or move it away to start with an empty one", path, text);
    return fmt::format("queue at {} cannot be opened: {}", path, text);
}

}  // namespace

std::string_view name_of(Family family) {
    switch (family) {
        case Family::unused:
            return "default";
        case Family::body:
            return "body";
        case Family::ready:
            return "ready";
        case Family::deferred:
            return "deferred";
        case Family::pending:
            return "pending";
        case Family::meta:
            return "meta";
    }
    return {};
}

void StoreHealth::note(std::string_view what, const rocksdb::Status& status) {
    if (status.ok() || status.IsShutdownInProgress()) return;
    const auto next = status.IsNoSpace() ? State::full : State::failed;
    std::string words;
    {
        const std::lock_guard lock(mutex_);
        if (state_ == State::failed || state_ == next) return;  // no news
        state_ = next;
        reason_ = fmt::format("store: {}: {}", what, status.ToString());
        words = reason_ + (next == State::full ? "; it goes on when there is space again"
                                               : "; nothing more is written, check the disk and restart");
    }
    wake_.notify_all();
    if (alarm_) alarm_(words);
}

void StoreHealth::recovered() {
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::full) return;
        state_ = State::good;
    }
    if (alarm_) alarm_("store: there is space again, it goes on");
}

bool StoreHealth::wait_for_space() {
    if (wait_ && !wait_()) return false;
    std::unique_lock lock(mutex_);
    if (wait_) return !given_up_;
    return !wake_.wait_for(lock, std::chrono::milliseconds(500), [&] { return given_up_; });
}

void StoreHealth::give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    wake_.notify_all();
}

std::string StoreHealth::reason() {
    const std::lock_guard lock(mutex_);
    return reason_;
}

Rocks::Rocks(const StoreOptions& options)
    : health(std::make_shared<StoreHealth>(options.alarm, options.wait_for_space)) {}

Rocks::~Rocks() {
    if (db == nullptr) return;
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    db->Close().PermitUncheckedError();
    delete db;
}

void Rocks::settle() const {
    using Properties = rocksdb::DB::Properties;
    const auto busy = [this](const std::string& name, rocksdb::ColumnFamilyHandle* handle) {
        std::uint64_t value = 0;
        return db->GetIntProperty(handle, name, &value) && value != 0;
    };
    const auto anything = [&] {
        if (busy(Properties::kNumRunningFlushes, handles[0]) ||
            busy(Properties::kNumRunningCompactions, handles[0]))
            return true;
        return std::any_of(handles.begin(), handles.end(), [&](auto* handle) {
            return busy(Properties::kMemTableFlushPending, handle) ||
                   busy(Properties::kCompactionPending, handle);
        });
    };
    while (!health->full() && !health->failed() && anything())
        std::this_thread::sleep_for(std::chrono::microseconds(50));
}

Result<std::unique_ptr<Rocks>> open_rocks(const StoreOptions& options, std::uint32_t format) {
    auto rocks = std::make_unique<Rocks>(options);
    if (auto used = use_file_system(options.file_system, *rocks); !used) return std::unexpected(used.error());
    if (!rocks->env) {
        std::error_code failed;
        std::filesystem::create_directories(options.path, failed);
        if (failed)
            return failure(fmt::format("queue at {} cannot be made: {}", options.path, failed.message()));
    }
    if (const auto stored = stored_format(options.path, rocks->env.get()); stored != 0 && stored != format)
        return failure(
            fmt::format("queue at {} has format {}, this program reads {}; run the version that wrote it",
                        options.path, stored, format));

    rocks->cache = rocksdb::NewLRUCache(options.memory);
    rocksdb::Env::Default()->SetBackgroundThreads(options.background_threads, rocksdb::Env::LOW);
    std::vector<rocksdb::ColumnFamilyDescriptor> wanted;
    for (const auto family : all_families)
        wanted.emplace_back(std::string(name_of(family)), family_options(family, options, rocks->cache));
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const auto status =
        rocksdb::DB::Open(database_options(options, *rocks), options.path, wanted, &handles, &rocks->db);
    if (!status.ok()) return failure(open_error(options.path, status));
    std::copy(handles.begin(), handles.end(), rocks->handles.begin());
    return rocks;
}

}  // namespace angarium::queue

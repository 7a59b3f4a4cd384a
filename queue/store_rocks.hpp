// Inside the store: the open database, what background errors did to it, and the pieces that store.cpp puts together. The
// foreign library is only named here; its headers stay in the .cpp files of the store. Any thread unless said otherwise.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "queue/store.hpp"

namespace rocksdb {
class Cache;
class ColumnFamilyHandle;
class DB;
class Env;
class Status;
}  // namespace rocksdb

namespace angarium::queue {

enum class Family : std::uint8_t {
    unused,
    body,
    ready,
    deferred,
    pending,
    meta
};  // `unused`: RocksDB's default one
inline constexpr std::size_t families = 6;
inline constexpr std::array<Family, families> all_families = {
    Family::unused, Family::body, Family::ready, Family::deferred, Family::pending, Family::meta};
std::string_view name_of(Family family);

// What the store can still do. A full disk passes: calls wait and resume. Everything else is final: after a failed write or
// sync nobody knows what the disk holds (a second try may falsely succeed), so nothing is written any more.
class StoreHealth {
  public:
    // `wait`: what waiting for space is; empty: half a second of sleep.
    StoreHealth(std::function<void(std::string)> alarm, std::function<bool()> wait)
        : alarm_(std::move(alarm)), wait_(std::move(wait)) {}

    bool full() const { return state_.load() == State::full; }
    bool failed() const { return state_.load() == State::failed; }
    // Notes an error with its words, tells the operator when it is news.
    void note(std::string_view what, const rocksdb::Status& status);
    void recovered();
    // Waits a while for space; false when give_up() was called.
    bool wait_for_space();
    void give_up();
    std::string reason();

  private:
    enum class State : std::uint8_t { good, full, failed };
    std::atomic<State> state_{State::good};
    std::mutex mutex_;  // the rest
    std::condition_variable wake_;
    std::string reason_;
    bool given_up_ = false;
    const std::function<void(std::string)> alarm_;
    const std::function<bool()> wait_;
};

// The open database; closes it when it goes.
struct Rocks {
    explicit Rocks(const StoreOptions& options);
    ~Rocks();
    // Nothing runs in the background, and nothing is due.
    void settle() const;
    rocksdb::ColumnFamilyHandle* family(Family which) const {
        return handles[static_cast<std::size_t>(which)];
    }

    std::shared_ptr<StoreHealth> health;
    std::shared_ptr<rocksdb::Cache> cache;  // also charged with the memtables
    std::shared_ptr<rocksdb::Env> env;      // null: the default one
    rocksdb::DB* db = nullptr;
    std::array<rocksdb::ColumnFamilyHandle*, families> handles{};
};

// store_open.cpp: checks the format, takes the lock, opens all families.
Result<std::unique_ptr<Rocks>> open_rocks(const StoreOptions& options, std::uint32_t format);

// Gives the disk back: deleted bodies only vanish when their families are compacted, which nothing else would start once
// the queue is empty. A thread of its own flushes and compacts when more has been removed than is left, so that it
// never rewrites more than was removed.
class Reclaimer {
  public:
    Reclaimer(Rocks& rocks, std::chrono::milliseconds every);
    ~Reclaimer();
    void removed(std::uint64_t messages, std::uint64_t deliveries) {
        removed_messages_.fetch_add(messages, std::memory_order_relaxed);
        removed_deliveries_.fetch_add(deliveries, std::memory_order_relaxed);
    }
    // What the store holds now. By our own books: RocksDB's estimate of its keys knows little of what lay there at the start.
    void holds(std::uint64_t messages, std::uint64_t deliveries) {
        messages_.store(messages, std::memory_order_relaxed);
        deliveries_.store(deliveries, std::memory_order_relaxed);
    }

  private:
    void run();
    // Compacts the families if it is worthwhile; how much removed is still to be compacted afterwards.
    std::uint64_t look(std::atomic<std::uint64_t>& counter, std::uint64_t before, std::uint64_t left,
                       std::uint64_t many, std::initializer_list<Family> of);
    bool fits(std::initializer_list<Family> of, std::uint64_t removed, std::uint64_t left);
    void compact(Family family);
    bool garbage_remains();

    Rocks& rocks_;
    const std::chrono::milliseconds every_;
    // Removed since they were last compacted, and left; what is left is unknown at first.
    std::atomic<std::uint64_t> removed_messages_{0}, removed_deliveries_{0};
    std::atomic<std::uint64_t> messages_{~0ull}, deliveries_{~0ull};
    std::atomic<bool> canceled_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::thread thread_;
};

}  // namespace angarium::queue

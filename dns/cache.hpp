// Cache: answers by (name, type), one per shard, in front of a Lookup.
//
// * An answer is kept for its TTL, within limits; a negative one for what the zone's SOA says; a failure for seconds.
// * One question under way serves all who ask for the same.
// * At most `open` questions are under way; the rest wait in order of arrival, bounded too.
// * While no server answers (breaker.hpp) expired answers still serve, and everything else fails at once.
// * Bounded by entries, with CLOCK eviction; what is under way is not evicted.
//
// Owning thread: the shard's. Errors: an Answer with a Failure; nothing else.
#pragma once

#include <coroutine>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "dns/breaker.hpp"
#include "dns/clock_map.hpp"
#include "dns/lookup.hpp"
#include "dns/options.hpp"
#include "engine/runtime/shard.hpp"
#include "metrics/sheet.hpp"

namespace angarium::dns {

// An answer as it is kept; never changed, so that readers may hold it over suspensions.
struct Kept {
    Answer answer;
    MonoTime expires;      // fresh until then
    MonoTime stale_until;  // may serve until then while the servers are dead
    bool stale = false;    // served after its time: nothing final may be concluded from it
};
using KeptAnswer = std::shared_ptr<const Kept>;

class Cache {
  public:
    // One question to the cache: a future that is awaited once. It begins with start() or with the await; several may be
    // started before the first is awaited. Does not move.
    class Get {
      public:
        // `name` is canonical and outlives the start.
        Get(Cache& cache, std::string_view name, RecordType type) : cache_(cache), name_(name), type_(type) {}
        Get(const Get&) = delete;
        Get& operator=(const Get&) = delete;
        ~Get() { unlink(); }

        void start() {
            if (started_) return;
            started_ = true;
            cache_.begin(*this);
        }
        bool await_ready() {
            start();
            return result_ != nullptr;
        }
        void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
        KeptAnswer await_resume() { return std::move(result_); }  // never null

      private:
        friend class Cache;
        void unlink() {
            if (link_ == nullptr) return;
            *link_ = next_;
            if (next_ != nullptr) next_->link_ = link_;
            link_ = nullptr;
        }
        Cache& cache_;
        std::string_view name_;
        RecordType type_;
        bool started_ = false;
        KeptAnswer result_;
        std::coroutine_handle<> waiter_;
        Get* next_ = nullptr;
        Get** link_ = nullptr;  // what points at us in the entry's list
    };

    Cache(runtime::Shard& shard, Lookup& lookup, metrics::Sheet& metrics, const CacheOptions& options);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

    Get get(std::string_view name, RecordType type) { return Get(*this, name, type); }

    // Gives up every question; all later ones fail with Failure::canceled. To be awaited before the end.
    runtime::Task<void> stop();

    std::size_t entries() const { return entries_.size(); }
    std::size_t open() const { return open_; }
    std::size_t waiting() const { return waiting_.size(); }
    Breaker::State servers() const { return breaker_.state(); }

  private:
    struct Entry {
        enum class State : std::uint8_t { idle, waiting, open };
        std::string name;
        RecordType type;
        State state = State::idle;
        KeptAnswer kept;
        Get* askers = nullptr;
        bool pinned() const { return state != State::idle; }  // askers exist only then
    };

    void begin(Get& get);
    void join(Entry& entry, Get& get);
    void start(Entry& entry);
    runtime::Task<void> fetch(Entry& entry);
    runtime::Task<Answer> ask_all_the_way(Question question);
    void finish(Entry& entry, Answer answer);
    void start_waiting();
    void fail_waiting(Failure why);
    void judge_servers(Failure failure);
    void begin_probe();
    runtime::Task<void> probe();
    KeptAnswer keep(Answer answer) const;
    KeptAnswer keep_stale(const Kept& old) const;
    bool may_serve_stale(const Entry& entry) const;
    Entry& entry_of(std::string_view key, const Get& get);
    void count_levels();

    runtime::Shard& shard_;
    Lookup& lookup_;
    metrics::Sheet& metrics_;
    CacheOptions options_;
    ClockMap<Entry> entries_;
    std::deque<Entry*> waiting_;
    std::size_t open_ = 0;
    bool starting_ = false;
    Breaker breaker_;
    runtime::Timer probe_timer_;
    bool probing_ = false;
    bool stopping_ = false;
    runtime::Gate gate_;
};

}  // namespace angarium::dns

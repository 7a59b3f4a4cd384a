#include "dns/cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dns/message.hpp"
#include "dns/name.hpp"

namespace angarium::dns {
namespace {

using metrics::Count;
using metrics::Level;
using metrics::Spread;

// Name and type as one string, in place: a hit allocates nothing.
class Key {
  public:
    Key(std::string_view name, RecordType type) {
        ANGARIUM_ASSERT(name.size() <= most_name_octets);
        std::memcpy(text_.data(), name.data(), name.size());
        text_[name.size()] = static_cast<char>(static_cast<unsigned>(type) >> 8);
        text_[name.size() + 1] = static_cast<char>(static_cast<unsigned>(type) & 0xFF);
        size_ = name.size() + 2;
    }
    std::string_view view() const { return {text_.data(), size_}; }

  private:
    std::array<char, most_name_octets + 2> text_;
    std::size_t size_;
};

void count(metrics::Sheet& sheet, RecordType type, Count mx, Count a, Count aaaa) {
    switch (type) {
        case RecordType::mx:
            return sheet.add(mx);
        case RecordType::a:
            return sheet.add(a);
        case RecordType::aaaa:
            return sheet.add(aaaa);
        default:
            return;  // the probe's NS has no series of its own
    }
}

// The chain of aliases left what this server knows, and nobody said that the data does not exist.
bool ends_in_the_open(const Answer& answer, const Question& question) {
    return answer.failure == Failure::no_data && !answer.has_ttl && answer.canonical != question.name &&
           is_canonical_name(answer.canonical);
}

}  // namespace

Cache::Cache(runtime::Shard& shard, Lookup& lookup, metrics::Sheet& metrics, const CacheOptions& options)
    : shard_(shard),
      lookup_(lookup),
      metrics_(metrics),
      options_(options),
      entries_(options.entries),
      breaker_(options.suspect_after),
      probe_timer_([](void* cache) { static_cast<Cache*>(cache)->begin_probe(); }, this) {}

Cache::~Cache() { ANGARIUM_ASSERT(open_ == 0 && waiting_.empty()); }

void Cache::begin(Get& get) {
    const Key key(get.name_, get.type_);
    Entry* entry = entries_.find(key.view());
    if (entry != nullptr && entry->state != Entry::State::idle) {
        metrics_.add(Count::dns_coalesced);
        return join(*entry, get);
    }
    if (entry != nullptr && shard_.now() < entry->kept->expires) {
        count(metrics_, get.type_, Count::dns_hits_mx, Count::dns_hits_a, Count::dns_hits_aaaa);
        if (entry->kept->stale) metrics_.add(Count::dns_stale);
        get.result_ = entry->kept;
        return;
    }
    if (stopping_ || (open_ >= options_.open && waiting_.size() >= options_.waiting)) {
        get.result_ = keep(Answer::failed(Failure::canceled));
        return;
    }
    if (breaker_.dead()) {
        if (entry != nullptr && may_serve_stale(*entry)) {
            metrics_.add(Count::dns_stale);
            entry->kept = keep_stale(*entry->kept);
            get.result_ = entry->kept;
        } else {
            get.result_ = keep(Answer::failed(Failure::timed_out));
        }
        return;
    }
    if (entry == nullptr) entry = &entry_of(key.view(), get);
    join(*entry, get);
    if (open_ < options_.open) return start(*entry);
    entry->state = Entry::State::waiting;
    waiting_.push_back(entry);
}

Cache::Entry& Cache::entry_of(std::string_view key, const Get& get) {
    Entry fresh;
    fresh.name = get.name_;
    fresh.type = get.type_;
    auto& entry = entries_.insert(std::string(key), std::move(fresh));
    count_levels();
    return entry;
}

void Cache::join(Entry& entry, Get& get) {
    get.next_ = entry.askers;
    if (get.next_ != nullptr) get.next_->link_ = &get.next_;
    get.link_ = &entry.askers;
    entry.askers = &get;
}

void Cache::start(Entry& entry) {
    entry.state = Entry::State::open;
    ++open_;
    count_levels();
    gate_.hold(fetch(entry));
}

runtime::Task<void> Cache::fetch(Entry& entry) {
    const auto began = shard_.now();
    Question question{entry.name, entry.type};
    count(metrics_, entry.type, Count::dns_queries_mx, Count::dns_queries_a, Count::dns_queries_aaaa);
    auto asking = ask_all_the_way(std::move(question));
    Answer answer = co_await asking;
    metrics_.observe(Spread::dns_time, shard_.now() - began);
    --open_;
    judge_servers(answer.failure);
    finish(entry, std::move(answer));
    start_waiting();
    count_levels();
}

// A resolver follows aliases itself. An authoritative server answers with the part of the chain that it serves: ask on.
runtime::Task<Answer> Cache::ask_all_the_way(Question question) {
    auto asking = lookup_.ask(question);
    Answer answer = co_await asking;
    for (unsigned hops = 0; ends_in_the_open(answer, question) && hops < most_alias_hops; ++hops) {
        question.name = answer.canonical;
        const auto ttl = answer.ttl;
        auto again = lookup_.ask(question);
        answer = co_await again;
        answer.ttl = answer.has_ttl ? std::min(answer.ttl, ttl) : ttl;
    }
    co_return answer;
}

void Cache::finish(Entry& entry, Answer answer) {
    const bool silence = is_silence(answer.failure);
    if (answer.failure != Failure::none && !is_negative(answer.failure))
        count(metrics_, entry.type, Count::dns_failures_mx, Count::dns_failures_a, Count::dns_failures_aaaa);
    if (silence && may_serve_stale(entry)) {
        metrics_.add(Count::dns_stale);
        entry.kept = keep_stale(*entry.kept);
    } else {
        entry.kept = keep(std::move(answer));
    }
    entry.state = Entry::State::idle;
    while (entry.askers != nullptr) {
        Get& get = *entry.askers;
        get.unlink();
        get.result_ = entry.kept;
        if (get.waiter_) shard_.ready().push(runtime::resume_of(get.waiter_));
    }
}

// A lookup may complete inside start(): the outermost call does all the work, so that nothing recurses.
void Cache::start_waiting() {
    if (starting_) return;
    starting_ = true;
    while (open_ < options_.open && !waiting_.empty()) {
        Entry& next = *waiting_.front();
        waiting_.pop_front();
        start(next);
    }
    starting_ = false;
}

void Cache::fail_waiting(Failure why) {
    while (!waiting_.empty()) {
        Entry& entry = *waiting_.front();
        waiting_.pop_front();
        finish(entry, Answer::failed(why));
    }
}

void Cache::judge_servers(Failure failure) {
    if (failure == Failure::canceled) return;
    if (!is_silence(failure))
        breaker_.replied();
    else if (breaker_.silent() && !stopping_)
        begin_probe();
}

void Cache::begin_probe() {
    if (probing_ || stopping_ || breaker_.state() == Breaker::State::trusted) return;
    probing_ = true;
    gate_.hold(probe());
}

runtime::Task<void> Cache::probe() {
    Question root{"", RecordType::ns};
    auto asking = lookup_.ask(root);
    const Answer answer = co_await asking;
    probing_ = false;
    if (answer.failure == Failure::canceled) co_return;
    if (is_silence(answer.failure))
        breaker_.probe_silent();
    else
        breaker_.replied();
    count_levels();
    if (!breaker_.dead()) co_return;
    fail_waiting(Failure::timed_out);
    if (!stopping_) probe_timer_.arm(shard_.timers(), shard_.now() + options_.probe_every);
}

KeptAnswer Cache::keep(Answer answer) const {
    Duration ttl = options_.failure_ttl;
    const auto from_zone = std::max<Duration>(answer.ttl, options_.least_ttl);
    if (answer.failure == Failure::none)
        ttl = std::min(from_zone, options_.most_ttl);
    else if (is_negative(answer.failure))
        ttl = answer.has_ttl ? std::min(from_zone, options_.most_negative) : options_.negative_without_soa;
    else if (answer.failure == Failure::canceled)
        ttl = {};
    auto kept = std::make_shared<Kept>();
    const bool may_age = answer.failure == Failure::none || answer.failure == Failure::no_data;
    kept->expires = shard_.now() + ttl;
    kept->stale_until = kept->expires + (may_age ? options_.stale_for : Duration{});
    kept->answer = std::move(answer);
    return kept;
}

KeptAnswer Cache::keep_stale(const Kept& old) const {
    auto kept = std::make_shared<Kept>(old);
    kept->stale = true;
    kept->expires = std::min(shard_.now() + options_.failure_ttl, old.stale_until);
    return kept;
}

bool Cache::may_serve_stale(const Entry& entry) const {
    return entry.kept != nullptr && shard_.now() < entry.kept->stale_until;
}

runtime::Task<void> Cache::stop() {
    stopping_ = true;
    probe_timer_.disarm();
    fail_waiting(Failure::canceled);
    lookup_.cancel();
    co_await gate_.closed();
    count_levels();
}

void Cache::count_levels() {
    metrics_.set(Level::dns_open, static_cast<std::int64_t>(open_));
    metrics_.set(Level::dns_entries, static_cast<std::int64_t>(entries_.size()));
    metrics_.set(Level::dns_servers_dead, breaker_.dead() ? 1 : 0);
}

}  // namespace angarium::dns

#include "queue/queue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/runtime/awaited_job.hpp"
#include "queue/recovery.hpp"

namespace angarium::queue {

Queue::~Queue() = default;

// ---- letters -----------------------------------------------------------------------------------------------------------

void Delivery::arrive() {
    auto& queue = set_->here();
    std::unique_ptr<Delivery> self(this);
    switch (leg_) {
        case Leg::offered:
            return queue.owner().offered(std::move(self));
        case Leg::returned:
            return queue.origin().returned(std::move(self));
        case Leg::settled:
            return queue.origin().settled(std::move(self));
        case Leg::acknowledged:
            return queue.owner().acknowledged(std::move(self));
    }
}

void Waiting::arrive() {
    const std::unique_ptr<Waiting> self(this);
    set_.here().owner().waiting(name_, origin_, found_);
}

void Want::arrive() {
    std::unique_ptr<Want> self(this);
    if (answered)
        set_.here().owner().wanted(*self);
    else
        set_.here().origin().wanted(std::move(self));
}

void Notice::arrive() {
    const std::unique_ptr<Notice> self(this);
    for (const auto& key : keys_) set_.here().owner().noticed(key.name, key.place, key.id, found_);
}

void BodyCall::arrive() {
    std::unique_ptr<BodyCall> self(this);
    if (!answered) return set_.here().origin().called(std::move(self));
    answer->young = young;
    answer->block = std::move(block);
    runtime::current_ready_list().push(runtime::resume_of(answer->waiter));
}

// ---- start ---------------------------------------------------------------------------------------------------------------

QueueSet::QueueSet(QueueOptions options, unsigned shards, runtime::FileSystem& files,
                   std::unique_ptr<Store> store, runtime::Workers& appliers, runtime::Workers& readers,
                   metrics::Registry& registry)
    : options_(std::move(options)),
      shards_(shards),
      files_(files),
      store_(std::move(store)),
      appliers_(appliers),
      readers_(readers),
      registry_(registry),
      queues_(shards),
      room_(shards),
      reserve_(files, options_.path, options_.reserve, options_.alarm) {
    for (auto& room : room_) room = true;
    for (unsigned shard = 0; shard < shards_; ++shard)
        bodies_.push_back(std::make_shared<MemoryAccount>(options_.body_memory / shards_));
}

QueueSet::~QueueSet() = default;

Result<std::unique_ptr<QueueSet>> QueueSet::open(QueueOptions options, unsigned shards,
                                                 runtime::FileSystem& files, std::unique_ptr<Store> store,
                                                 runtime::Workers& appliers, runtime::Workers& readers,
                                                 metrics::Registry& registry) {
    auto set = std::unique_ptr<QueueSet>(
        new QueueSet(std::move(options), shards, files, std::move(store), appliers, readers, registry));
    set->meta_ = set->store_->meta();
    if (!set->options_.log_directory.empty())
        if (auto made = files.create_directories(set->options_.log_directory); !made)
            return std::unexpected(made.error());
    for (unsigned shard = 0; shard < std::max(shards, set->meta_.shards); ++shard)
        if (auto made = files.create_directories(set->journal_directory(shard)); !made)
            return std::unexpected(made.error());
    set->reserve_.look();  // so that not even the first second takes what does not fit
    return set;
}

std::string QueueSet::journal_directory(unsigned shard) const {
    return fmt::format("{}/journal/{:02}", options_.path, shard);
}

// Sixteen segments or more, each small enough that retiring one is quick and large enough that a flush a segment is cheap.
std::uint64_t QueueSet::segment_bytes() const {
    constexpr std::uint64_t step = max_group_bytes, least = step, most = 64u << 20;
    const auto wanted =
        options_.segment_bytes != 0 ? options_.segment_bytes : options_.journal_bytes / shards_ / 16;
    return std::clamp(wanted / step * step, least, most);
}

unsigned QueueSet::segments() const {
    return std::max(4u, static_cast<unsigned>(options_.journal_bytes / shards_ / segment_bytes()));
}

JournalSource QueueSet::source(unsigned shard) const {
    JournalSource source;
    source.directory = journal_directory(shard);
    source.key = meta_.journal_key;
    source.tail = shard < meta_.tails.size() ? meta_.tails[shard] : 0;
    source.repair = options_.repair_journal;
    source.warn = options_.alarm;
    return source;
}

runtime::Task<Result<void>> QueueSet::prepare(runtime::Shard& shard) {
    // What a repair has stepped over would be in the way of the next start as well.
    bool drain_all = meta_.shards != 0 && (meta_.shards != shards_ || options_.repair_journal);
    std::vector<std::uint64_t> sizes(meta_.shards);
    for (unsigned journal = 0; journal < meta_.shards; ++journal) {
        auto size = segment_bytes_of(files_, journal_directory(journal));
        if (!size) co_return std::unexpected(size.error());
        sizes[journal] = *size;
        if (*size != 0 && *size != segment_bytes()) drain_all = true;
    }
    if (meta_.shards == shards_ && !drain_all) co_return Result<void>();
    // Journals without a file count as well: a start before this one may have ended when it had just removed them.
    Lsn end = 0;
    for (const auto tail : meta_.tails) end = std::max(end, tail);
    for (unsigned journal = 0; journal < meta_.shards; ++journal) {
        if (sizes[journal] == 0) continue;
        const ShardId id{static_cast<std::uint8_t>(journal)};
        std::unique_ptr<DeliveryLog> log;
        if (!options_.log_directory.empty()) {
            auto opened = DeliveryLog::open(files_, options_.log_directory, id, source(journal).tail);
            if (!opened) co_return std::unexpected(opened.error());
            log = std::move(*opened);
        }
        auto recovered = recover(files_, source(journal), sizes[journal], 1, *store_, log.get());
        if (!recovered) co_return std::unexpected(recovered.error());
        if (log) {  // before the tail moves: behind it nobody looks for events
            const auto synced = co_await log->sync();
            if (!synced)
                co_return failure("the delivery log cannot be written: " +
                                  std::string(to_string(synced.error())));
            co_await log->close();
        }
        auto drained = drain(files_, source(journal), sizes[journal], id, *store_, std::move(*recovered));
        if (!drained) co_return std::unexpected(drained.error());
        end = std::max(end, *drained);
    }
    if (auto flushed = store_->flush(); !flushed) co_return flushed;
    // The old files count no more once this is on disk: their key is gone. Numbers go on behind the old ones, for the log's sake.
    meta_.shards = shards_;
    meta_.journal_key = shard.random().next();
    if (meta_.store_id == 0) meta_.store_id = static_cast<std::uint8_t>(shard.random().next() | 1);
    meta_.tails.assign(shards_, (end + segment_bytes() - 1) / segment_bytes() * segment_bytes());
    if (auto set = store_->set_meta(meta_); !set) co_return set;
    for (unsigned journal = 0; journal < std::max<std::size_t>(shards_, sizes.size()); ++journal) {
        auto names = files_.list(journal_directory(journal));
        if (!names) co_return std::unexpected(names.error());
        for (const auto& name : *names)
            if (name.ends_with(".seg"))
                if (auto removed = files_.remove(journal_directory(journal) + "/" + name); !removed)
                    co_return removed;
    }
    co_return Result<void>();
}

Result<void> QueueSet::start(runtime::Shard& shard) {
    const unsigned number = index(shard.id());
    auto queue = std::make_unique<Queue>();
    auto& sheet = registry_.sheet(shard.id());
    if (!options_.log_directory.empty()) {
        auto log = DeliveryLog::open(files_, options_.log_directory, shard.id(), source(number).tail);
        if (!log) return std::unexpected(log.error());
        queue->log_ = std::move(*log);
        queue->log_->report_to(sheet);
    }
    auto recovered = recover(files_, source(number), segment_bytes(), shards_, *store_, queue->log_.get());
    if (!recovered) return std::unexpected(recovered.error());
    const JournalOptions journal{journal_directory(number), shard.id(), meta_.journal_key, segment_bytes(),
                                 segments()};
    auto opened = Journal::open(journal, recovered->end, files_, readers_, sheet);
    if (!opened) return std::unexpected(opened.error());
    queue->journal_ = std::move(*opened);
    queue->journal_->on_failure = [this, id = shard.id()](std::string text) {
        auto& failed = of(id);
        if (failed.journal_failed()) {  // else it just cannot grow
            journal_failed_.store(true, std::memory_order_relaxed);
            publish_room(id, false);
            failed.origin().wake_slowed();
        }
        alarm(std::move(text));
    };
    queue->writer_ = std::make_unique<StoreWriter>(*store_, appliers_, sheet);
    queue->writer_->on_failure = options_.alarm;
    const auto& bodies = bodies_[number];
    OriginLimits limits;
    limits.young_messages = options_.young_messages / shards_;
    limits.settled_age = options_.settled_age;
    limits.settle_reserve = std::min<std::uint64_t>(16u << 20, segment_bytes() / 2);
    limits.slow_below = limits.settle_reserve + segment_bytes();
    queue->origin_ =
        std::make_unique<Origin>(OriginParts{*this, shard, *queue->journal_, *queue->writer_,
                                             queue->log_.get(), sheet, bodies, limits, options_.hostname},
                                 std::move(recovered->young));
    WindowLimits window = options_.window;
    window.in_all = std::max(window.per_destination, window.in_all / shards_);
    queue->owner_ = std::make_unique<Owner>(
        OwnerParts{*this, shard, *store_, readers_, sheet, bodies, options_.retry, window});
    queues_[number] = std::move(queue);
    return {};
}

void QueueSet::begin(runtime::Shard& shard) {
    of(shard.id()).origin().begin();
    if (index(shard.id()) != 0) return;
    background_.hold(find_stored());
    background_.hold(reserve_.watch(shard, readers_));
}

std::size_t QueueSet::body_bytes() const {
    std::size_t sum = 0;
    for (const auto& account : bodies_) sum += account->used();
    return sum;
}

bool QueueSet::may_attempt() const {
    if (std::any_of(bodies_.begin(), bodies_.end(), [](const auto& account) { return account->exhausted(); }))
        return false;
    return std::all_of(room_.begin(), room_.end(),
                       [](const auto& room) { return room.load(std::memory_order_relaxed); });
}

// ---- the store's destinations, found while mail already flows ---------------------------------------------------------------

namespace {

class FindJob final : public runtime::AwaitedJob {
  public:
    FindJob(Store& store, std::optional<DestinationName> after, std::size_t most)
        : store_(store), after_(std::move(after)), most_(most) {}
    void work() override { result = store_.find_destinations(after_, most_); }
    Result<std::vector<Store::Found>> result{failure("not run")};

  private:
    Store& store_;
    const std::optional<DestinationName> after_;
    const std::size_t most_;
};

}  // namespace

std::size_t QueueSet::on_trial() const {
    std::size_t sum = 0;
    for (const auto& queue : queues_) sum += queue->owner_->on_trial();
    return sum;
}

// What a start has found and nobody has tried yet stays few, so that new mail waits neither behind a hundred thousand questions
// about names nor for room in the windows. Where trials take long there is more to try all the same.
runtime::Task<void> QueueSet::pace_trials(runtime::Shard& shard) const {
    constexpr std::size_t most_on_trial = 2048;
    constexpr Duration look = 5ms, longest = 1s;
    const auto until = shard.now() + longest;
    do co_await shard.sleep(look);  // at least once: the letters arrive
    while (on_trial() > most_on_trial && shard.now() < until && !stopping_);
}

runtime::Task<void> QueueSet::find_stored() {
    constexpr std::size_t step = 512;  // destinations a look: some milliseconds of one storage thread
    auto& shard = runtime::Shard::current();
    std::optional<DestinationName> after;
    while (!stopping_) {
        FindJob job(*store_, after, step);
        readers_.submit(job);
        co_await job;
        if (!job.result) {
            alarm("the store cannot be searched for waiting mail: " + job.result.error().text);
            co_return;
        }
        std::vector<std::vector<Notice::Key>> byowner(shards_);
        for (auto& found : *job.result) {
            after = found.name;
            auto& keys = byowner[index(owner_of(found.name.domain, shards_))];
            if (found.ready) keys.push_back({found.name, Place{}, MessageId{}});
            if (found.first_due) keys.push_back({found.name, Place{*found.first_due}, MessageId{}});
        }
        for (unsigned owner = 0; owner < shards_; ++owner)
            if (!byowner[owner].empty())
                shard.send(ShardId{static_cast<std::uint8_t>(owner)},
                           std::make_unique<Notice>(*this, std::move(byowner[owner]), true));
        if (job.result->size() < step) co_return;
        co_await pace_trials(shard);
    }
}

// ---- the end -----------------------------------------------------------------------------------------------------------

runtime::Task<void> QueueSet::close_owner(runtime::Shard& shard) {
    stopping_ = true;
    auto& owner = of(shard.id()).owner();
    owner.stop();
    co_await owner.close();
    if (index(shard.id()) != 0) co_return;
    reserve_.stop();
    co_await background_.closed();
}

runtime::Task<void> QueueSet::close_origin(runtime::Shard& shard) {
    auto& queue = of(shard.id());
    co_await queue.origin().close();
    co_await queue.writer_->close();
    co_await queue.journal_->close();
    if (queue.log_) {
        co_await queue.log_->sync();
        co_await queue.log_->close();
    }
}

}  // namespace angarium::queue

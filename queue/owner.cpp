#include "queue/owner.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/runtime/awaited_job.hpp"
#include "queue/bounce.hpp"
#include "queue/queue.hpp"

namespace angarium::queue {

using metrics::Count;
using metrics::Level;
using metrics::Spread;

class Owner::LoadJob final : public runtime::AwaitedJob {
  public:
    LoadJob(Store& store, DestinationName name, bool deferred, std::size_t most, Place place, MessageId from,
            WallTime now)
        : store_(store),
          name_(std::move(name)),
          deferred_(deferred),
          most_(most),
          place_(place),
          from_(from),
          now_(now) {}
    void work() override {
        result = deferred_ ? store_.load_deferred(name_, now_, most_, {place_.due, from_})
                           : store_.load_ready(name_, from_, most_);
    }
    Result<LoadResult> result{failure("not run")};

  private:
    Store& store_;
    const DestinationName name_;
    const bool deferred_;
    const std::size_t most_;
    const Place place_;
    const MessageId from_;
    const WallTime now_;
};

class Owner::BodyJob final : public runtime::AwaitedJob {
  public:
    BodyJob(Store& store, const MessageId& id, std::uint32_t part) : store_(store), id_(id), part_(part) {}
    void work() override { result = store_.read_body(id_, part_); }
    IoResult<std::string> result{std::unexpected(IoError::canceled)};

  private:
    Store& store_;
    const MessageId id_;
    const std::uint32_t part_;
};

Owner::Owner(OwnerParts parts)
    : set_(parts.set),
      shard_(parts.shard),
      store_(parts.store),
      readers_(parts.readers),
      sheet_(parts.sheet),
      bodies_(std::move(parts.bodies)),
      retry_(parts.retry),
      limits_(parts.window),
      pause_look_([](void* owner) { static_cast<Owner*>(owner)->settle_down(); }, this) {}

Owner::~Owner() = default;

// ---- destinations ------------------------------------------------------------------------------------------------------

Destination& Owner::destination(const DestinationKey& key) {
    if (const auto found = destinations_.find(key); found != destinations_.end()) return **found;
    sheet_.add(Level::destinations, 1);
    return **destinations_.insert(std::make_unique<Destination>(*this, key.name())).first;
}

void Owner::touch(Destination& destination) {
    if (std::exchange(destination.touched_, true)) return;
    if (touched_.empty())
        shard_.ready().push({[](void* owner) { static_cast<Owner*>(owner)->settle_down(); }, this});
    touched_.push_back(&destination);
}

// Once for all that was touched: callbacks of the carrier never run inside its own calls.
void Owner::settle_down() {
    const auto touched = std::exchange(touched_, {});
    for (Destination* destination : touched) {
        destination->touched_ = false;
        const bool idle = destination->settle_down();
        if (!idle || destination->touched_ || destination->hungry_.any()) continue;
        destinations_.erase(destinations_.find(destination->key()));
        sheet_.add(Level::destinations, -1);
    }
    // Room in the shard's windows: those that found none get their turn, in the order in which they came.
    const bool may = may_attempt();
    for (const auto source : sources) {
        if (!may && !share(source).hungry.empty() && !stopping_)
            pause_look_.arm(shard_.timers(), shard_.now() + 100ms);
        if (!may) continue;
        auto& hungry = share(source).hungry;
        for (auto left = room(source) / worth_a_load(); left > 0 && !hungry.empty(); --left) {
            Destination* const destination = hungry.front();
            hungry.pop_front();
            destination->hungry_.reset(static_cast<std::size_t>(source));
            touch(*destination);
        }
    }
    if (stopping_ && held() == 0) quiet_.signal();
}

std::size_t Owner::room(Source source) const {
    const auto left = [](std::size_t most, std::size_t used) { return most > used ? most - used : 0; };
    std::size_t used = 0;
    for (const auto& one : shares_) used += one.held + one.coming;
    return std::min(left(limits_.in_all, used),
                    left(most_of_one(), share(source).held + share(source).coming));
}

runtime::Task<void> Owner::load(Destination& destination, bool deferred, std::size_t most, Place place,
                                MessageId from) {
    const auto started = shard_.now();
    LoadJob job(store_, destination.name_, deferred, most, place, from, shard_.wall_now());
    readers_.submit(job);
    co_await job;
    sheet_.add(Count::store_loads);
    sheet_.observe(Spread::load_time, shard_.now() - started);
    LoadResult result;
    if (job.result) {
        sheet_.add(Count::store_deliveries_loaded, job.result->entries.size());
        result = std::move(*job.result);
    } else {
        sheet_.add(Count::store_failures);
        set_.alarm("the store cannot be read: " + job.result.error().text);
        co_await shard_.sleep(10s);
        if (deferred)
            result.next_due = place.due;
        else
            destination.look(place, from);
    }
    share(Source::stored).coming -= most;
    destination.loaded(deferred, std::move(result));
}

// ---- the carrier's side --------------------------------------------------------------------------------------------------

void Owner::settle(std::unique_ptr<Delivery> delivery) {
    auto& target = destination({delivery->facts.stream, delivery->facts.domain});
    target.settled(std::move(delivery));
}

// A failure that the sender is told about quotes the message: it is fetched where it is not at hand.
void Owner::send_outcome(std::unique_ptr<Delivery> delivery) {
    delivery->taken_ = delivery->outcome.remote_accepted;
    if (delivery->taken_) sheet_.add(Level::unrecorded_remote, 1);
    bool bounces = false;
    for (const auto& result : delivery->outcome.results)
        bounces |= result.verdict == Verdict::failed &&
                   wants_bounce(delivery->facts.sender, delivery->facts.recipients[result.recipient]);
    if (bounces && !delivery->body) {
        unquoted_.push_back(std::move(delivery));
        if (quoting_ < most_quoting) gate_.hold(settle_with_bodies());
        return;
    }
    if (!bounces) delivery->body.reset();
    delivery->leg_ = Delivery::Leg::settled;
    const auto origin = set_.origin_of(delivery->facts.id);
    shard_.send(origin, std::move(delivery));
}

runtime::Task<void> Owner::settle_with_bodies() {
    ++quoting_;
    while (!unquoted_.empty()) {
        auto delivery = std::move(unquoted_.front());
        unquoted_.pop_front();
        if (!bodies_->exhausted()) {
            const auto first = co_await fetch(*delivery, 0);
            if (first) delivery->body = *first;  // without it the bounce just quotes nothing
        }
        delivery->leg_ = Delivery::Leg::settled;
        const auto origin = set_.origin_of(delivery->facts.id);
        shard_.send(origin, std::move(delivery));
    }
    --quoting_;
}

void Owner::put_back(std::unique_ptr<Delivery> delivery) {
    auto& target = destination({delivery->facts.stream, delivery->facts.domain});
    target.put_back(std::move(delivery));
}

void Owner::fail(ReadyQueue& destination, Verdict verdict, Reason reason) {
    static_cast<Destination&>(destination).fail(verdict, reason);
}

void Owner::reached(ReadyQueue& destination) { static_cast<Destination&>(destination).reached(); }

bool Owner::may_attempt() const { return set_.may_attempt(); }

runtime::Task<IoResult<BlockRef>> Owner::fetch(const Delivery& delivery, std::uint32_t part) {
    if (delivery.body && delivery.facts.parts == 1) co_return delivery.body;
    const auto id = delivery.facts.id;
    if (!delivery.from_store_) {
        struct Wait {
            explicit Wait(BodyCall::Answer& answer_) : answer(answer_) {}
            BodyCall::Answer& answer;
            bool await_ready() const { return false; }
            void await_suspend(std::coroutine_handle<> waiter) { answer.waiter = waiter; }
            void await_resume() const {}
        };
        BodyCall::Answer answer;
        auto call = std::make_unique<BodyCall>(set_, id, part, shard_.id());
        call->answer = &answer;
        const auto origin = set_.origin_of(id);
        shard_.send(origin, std::move(call));
        Wait wait(answer);
        co_await wait;
        if (answer.young) co_return std::move(answer.block);
    }
    BodyJob job(store_, id, part);
    readers_.submit(job);
    co_await job;
    sheet_.add(Count::bodies_read_back);
    if (!job.result) co_return std::unexpected(job.result.error());
    BlockRef block = std::make_shared<const Block>(std::move(*job.result), bodies_);
    co_return block;
}

// ---- letters from origins --------------------------------------------------------------------------------------------------

void Owner::offered(std::unique_ptr<Delivery> delivery) {
    auto& target = destination({delivery->facts.stream, delivery->facts.domain});
    target.offered(std::move(delivery));
}

void Owner::acknowledged(std::unique_ptr<Delivery> delivery) {
    if (delivery->taken_) carrier_->recorded();
    auto& target = destination({delivery->facts.stream, delivery->facts.domain});
    target.acknowledged(delivery->facts.id);
}

void Owner::waiting(const DestinationName& name, ShardId origin, bool found) {
    auto& target = destination(name);
    target.waiting_at(origin);
    if (found) target.begin_trial();
}

void Owner::wanted(const Want& want) {
    share(Source::young).coming -= want.count;
    destination(want.name).wanted(want.origin, want.more);
}

void Owner::noticed(const DestinationName& name, Place place, const MessageId& id, bool found) {
    auto& target = destination(name);
    target.in_store(place, id);
    if (found) target.begin_trial();
}

std::vector<Owner::Report> Owner::report() const {
    std::vector<Report> out;
    out.reserve(destinations_.size());
    for (const auto& destination : destinations_) {
        Report line;
        line.name = destination->name_;
        line.ready = destination->ready();
        line.attempting = destination->taken_;
        line.in_store = destination->store_ready_ || destination->next_due_.has_value();
        if (destination->backing_off_)
            line.backing_off =
                std::chrono::ceil<std::chrono::milliseconds>(destination->until_ - shard_.now());
        line.failures = destination->failures_;
        line.last_reason = destination->last_reason_;
        out.push_back(std::move(line));
    }
    return out;
}

// ---- the end -----------------------------------------------------------------------------------------------------------

void Owner::stop() {
    stopping_ = true;
    // In order of their names, so that a simulated end is always the same.
    std::vector<Destination*> all;
    for (auto& destination : destinations_) all.push_back(destination.get());
    std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->name_ < b->name_; });
    for (auto* const destination : all) destination->give_back_all();
}

runtime::Task<void> Owner::close() {
    ANGARIUM_ASSERT(stopping_);
    while (held() != 0) co_await quiet_.wait();
    co_await gate_.closed();
}

}  // namespace angarium::queue

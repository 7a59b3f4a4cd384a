// Intake and lending; settle.cpp and retire.cpp hold the other two duties.
#include "queue/origin.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"
#include "queue/incoming.hpp"
#include "queue/queue.hpp"

namespace angarium::queue {

using metrics::Count;
using metrics::Level;
using State = YoungDelivery::State;

Origin::Origin(OriginParts parts, YoungTable young)
    : set_(parts.set),
      shard_(parts.shard),
      journal_(parts.journal),
      writer_(parts.writer),
      log_(parts.log),
      sheet_(parts.sheet),
      bodies_(std::move(parts.bodies)),
      limits_(parts.limits),
      hostname_(std::move(parts.hostname)),
      young_(std::move(young)),
      alarm_([](void* origin) { static_cast<Origin*>(origin)->ring(); }, this),
      slow_look_([](void* origin) { static_cast<Origin*>(origin)->slowed_.wake_all(); }, this),
      age_look_([](void* origin) { static_cast<Origin*>(origin)->retire_work_.signal(); }, this) {
    journal_.on_segment = [this] {
        publish_room();
        retire_work_.signal();
    };
    if (log_ != nullptr) log_->on_written = [this] { publish_room(); };
    std::int64_t open = 0;
    for (const Young* message = young_.oldest(); message != nullptr; message = message->next)
        open += message->open;
    sheet_.set(Level::messages_young, static_cast<std::int64_t>(young_.size()));
    sheet_.set(Level::deliveries_young, open);
}

Origin::~Origin() = default;

// ---- intake --------------------------------------------------------------------------------------------------------

std::expected<void, Refusal> Origin::would_open(std::uint64_t declared) {
    if (journal_.failed() || set_.journal_failed()) return std::unexpected(Refusal::journal_failed);
    if (stopping_) return std::unexpected(Refusal::shutting_down);
    if (writer_.failed() || set_.disk_is_low()) return std::unexpected(Refusal::storage);
    // The disk is full, and nobody knows for how long: better said now than after a minute's wait for room.
    const bool full = set_.store().waits_for_space() || (log_ != nullptr && log_->failing());
    if (full && slow()) return std::unexpected(Refusal::storage);
    if (log_ != nullptr && log_->behind()) return std::unexpected(Refusal::storage);
    if (young_.size() >= limits_.young_messages) return std::unexpected(Refusal::storage);
    // The disk is full and the journal too small to take anything but settles.
    if (journal_.capacity() < limits_.slow_below + journal_.segment_bytes())
        return std::unexpected(Refusal::storage);
    if (journal_.free_bytes() <
        limits_.settle_reserve + std::min<std::uint64_t>(declared, journal_.segment_bytes()))
        return std::unexpected(Refusal::storage);
    if (bodies_->full(std::min<std::uint64_t>(declared, part_size))) return std::unexpected(Refusal::memory);
    return {};
}

std::expected<std::unique_ptr<Incoming>, Refusal> Origin::open(std::uint64_t declared) {
    if (auto refused = would_open(declared); !refused) return std::unexpected(refused.error());
    const auto id = MessageId::make(shard_.wall_now(), set_.store_id(), shard_.id(), shard_.random());
    return std::make_unique<IncomingMessage>(*this, id, declared);
}

// What waits for its group will need room too: commits that go on together must not take what settles and retire need.
bool Origin::slow() const { return journal_.free_bytes() < limits_.slow_below + journal_.waiting_bytes(); }

// Under pressure the 250 waits for the store: intake slows down instead of failing, up to a limit that clients bear.
// Whoever has waited looks again in the step that appends: others may have taken the room.
runtime::Task<std::expected<void, Refusal>> Origin::wait_for_room(MonoTime until) {
    constexpr Duration look = 1s;
    while (slow()) {
        if (journal_.failed()) co_return std::unexpected(Refusal::journal_failed);
        if (stopping_) co_return std::unexpected(Refusal::shutting_down);
        if (writer_.failed() || shard_.now() >= until) co_return std::unexpected(Refusal::storage);
        if (!slow_look_.armed()) slow_look_.arm(shard_.timers(), shard_.now() + look);
        co_await slowed_.wait();
    }
    if (journal_.failed()) co_return std::unexpected(Refusal::journal_failed);
    co_return std::expected<void, Refusal>();
}

void Origin::room_again() {
    if (!slowed_.empty() && !slow()) slowed_.wake_all();
}

void Origin::stop_intake() {
    stopping_ = true;
    slowed_.wake_all();
}

// Owners on other shards look at what we publish: an attempt needs room for its record, and for its line in the log.
void Origin::publish_room() {
    const bool logged = log_ == nullptr || !log_->behind();
    set_.publish_room(shard_.id(),
                      logged && !journal_.failed() && journal_.left_bytes() > limits_.settle_reserve);
}

bool Origin::bodies_fit() const { return bodies_->used() < bodies_->budget() / 5 * 4; }

void Origin::accepted(AcceptRecord record, Extent accept, BlockRef body) {
    if (log_ != nullptr)
        record.bounce ? log_->bounce(record, accept.lsn) : log_->reception(record, accept.lsn);
    room_again();
    if (young_.size() >= limits_.young_messages / 4 * 3) retire_work_.signal();
    if (!bodies_fit() || !record.parts.empty()) body.reset();
    Young message;
    message.id = record.id;
    message.first = first_lsn(accept, record.parts);
    message.accept = accept;
    message.parts = record.parts;
    auto facts = deliveries_of(std::move(record));
    message.open = static_cast<std::uint32_t>(facts.size());
    message.deliveries.resize(facts.size());
    for (std::size_t i = 0; i < facts.size(); ++i) {
        auto& destination = young_.destination({facts[i].stream, facts[i].domain}, shard_.shards());
        ++destination.users;
        message.deliveries[i].destination = &destination;
    }
    Young& young = young_.add(std::move(message));
    sheet_.add(Level::messages_young, 1);
    sheet_.add(Level::deliveries_young, static_cast<std::int64_t>(facts.size()));
    for (std::size_t i = 0; i < facts.size(); ++i) {
        auto& delivery = young.deliveries[i];
        // First come, first served: behind others that wait, this one waits too.
        if (!delivery.destination->waiting.empty() || shard_.congested(delivery.destination->owner)) {
            wait(young, delivery);
            continue;
        }
        auto lent = std::make_unique<Delivery>();
        lent->facts = std::move(facts[i]);
        lent->body = body;
        offer(delivery, std::move(lent));
    }
}

// ---- lending -------------------------------------------------------------------------------------------------------

void Origin::offer(YoungDelivery& young, std::unique_ptr<Delivery> delivery) {
    young.state = State::lent;
    delivery->place = young.place;
    delivery->leg_ = Delivery::Leg::offered;
    delivery->from_store_ = false;
    delivery->owner_ = young.destination->owner;
    delivery->set_ = &set_;
    shard_.send(young.destination->owner, std::move(delivery));
}

void Origin::wait(Young& message, YoungDelivery& young) {
    young.state = State::waiting;
    young.destination->waiting.push_back(message.id);
    announce(*young.destination);
}

void Origin::announce(OriginDestination& destination) {
    if (std::exchange(destination.announced, true)) return;
    if (introducing_)
        introductions_.push_back(destination.name);
    else
        shard_.send(destination.owner, std::make_unique<Waiting>(set_, destination.name, shard_.id(), false));
}

// New mail is offered meanwhile: it does not stand in this line.
runtime::Task<void> Origin::introduce() {
    constexpr std::size_t step = 512;
    while (!introductions_.empty() && !closing_) {
        for (std::size_t n = 0; n < step && !introductions_.empty(); ++n) {
            auto name = std::move(introductions_.front());
            introductions_.pop_front();
            const auto owner = owner_of(name.domain, shard_.shards());
            shard_.send(owner, std::make_unique<Waiting>(set_, std::move(name), shard_.id(), true));
        }
        if (!introductions_.empty()) co_await set_.pace_trials(shard_);
    }
    introducing_ = false;
}

void Origin::begin() {
    gate_.hold(retire());
    introducing_ = true;
    // Whoever has the oldest mail first.
    for (Young* message = young_.oldest(); message != nullptr; message = message->next) {
        for (std::uint32_t i = 0; i < message->deliveries.size(); ++i) {
            auto& delivery = message->deliveries[i];
            if (delivery.state == State::deferred) defer(*message, i);
            if (!delivery.destination->waiting.empty()) announce(*delivery.destination);
        }
    }
    gate_.hold(introduce());
}

YoungDelivery* Origin::delivery_of(Young& message, const DestinationKey& key) {
    for (auto& delivery : message.deliveries)
        if (key == delivery.destination->name) return &delivery;
    return nullptr;
}

// The owner dropped it untried: offer it when it asks, or point at the store.
void Origin::returned(std::unique_ptr<Delivery> delivery) {
    const DestinationName name{delivery->facts.stream, delivery->facts.domain};
    Young* const message = young_.find(delivery->facts.id);
    if (message == nullptr) {
        notify(name, delivery->place, delivery->facts.id);
        return;
    }
    if (message->retiring) return;  // the notice goes out when the store has it
    auto* const young = delivery_of(*message, name);
    ANGARIUM_ASSERT(young != nullptr && young->state == State::lent);
    young->state = State::waiting;
    young->destination->waiting.push_front(message->id);
    announce(*young->destination);
}

void Origin::wanted(std::unique_ptr<Want> letter) {
    const std::shared_ptr<Want> want = std::move(letter);
    auto* const destination = young_.find_destination(want->name);
    if (destination != nullptr) {
        std::size_t sent = 0;
        while (sent < want->count && !destination->waiting.empty()) {
            const auto id = destination->waiting.front();
            destination->waiting.pop_front();
            Young* const message = young_.find(id);
            if (message == nullptr || message->retiring) continue;  // in the store by now, or soon
            auto* const young = delivery_of(*message, want->name);
            if (young == nullptr || young->state != State::waiting) continue;
            young->state = State::lent;
            ++sent;
            gate_.hold(offer_wanted(id, want));
        }
    }
    finish_want(want);
}

// The answer follows the last delivery that it brought: whoever holds the Want last sends it.
void Origin::finish_want(std::shared_ptr<Want> want) {
    if (want.use_count() > 2) return;  // ours and the caller's: others still read their deliveries
    auto answer = std::make_unique<Want>(set_, want->name, want->owner, want->origin, want->count);
    // Said as the answer leaves, not as the request came: whatever was announced in between must not be taken back.
    if (auto* const destination = young_.find_destination(want->name); destination != nullptr)
        answer->more = destination->announced = !destination->waiting.empty();
    answer->answered = true;
    shard_.send(want->owner, std::move(answer));
}

runtime::Task<void> Origin::offer_wanted(MessageId id, std::shared_ptr<Want> want) {
    co_await read_and_offer(id, want->name);
    finish_want(want);
}

// A lent delivery's facts, and its body while memory allows, are read back from the journal. Retired meanwhile, it is left to the
// store.
runtime::Task<void> Origin::read_and_offer(MessageId id, DestinationName name) {
    Young* message = young_.find(id);
    const auto payload = co_await read_accept(*message);
    message = young_.find(id);
    auto* const young = message != nullptr && !message->retiring ? delivery_of(*message, name) : nullptr;
    if (young != nullptr) {
        auto record = payload ? decode_accept(*payload) : std::nullopt;
        if (!record) {
            set_.alarm(fmt::format(
                "message {} cannot be read back from the journal; it stays queued until a restart reads it",
                id.text()));
        } else {
            for (auto& facts : deliveries_of(*record)) {
                if (facts.domain != name.domain || facts.stream != name.stream) continue;
                catch_up(facts, *young);
                auto lent = std::make_unique<Delivery>();
                lent->facts = std::move(facts);
                if (record->parts.empty() && bodies_fit())
                    lent->body = std::make_shared<const Block>(std::string(record->last_part), bodies_);
                offer(*young, std::move(lent));
                break;
            }
        }
    }
}

runtime::Task<IoResult<std::string>> Origin::read_accept(const Young& message) {
    sheet_.add(Count::bodies_read_back);
    return journal_.read(message.accept);
}

void Origin::called(std::unique_ptr<BodyCall> call) { gate_.hold(answer(std::move(call))); }

runtime::Task<void> Origin::answer(std::unique_ptr<BodyCall> call) {
    call->answered = true;
    if (const Young* const message = young_.find(call->id); message != nullptr) {
        call->young = true;
        const bool last = call->part == message->parts.size();
        const Extent extent = last ? message->accept : message->parts[call->part];
        sheet_.add(Count::bodies_read_back);
        const auto payload = co_await journal_.read(extent);
        if (!payload) {
            call->block = std::unexpected(payload.error());
        } else if (last) {
            const auto record = decode_accept(*payload);
            if (record)
                call->block = std::make_shared<const Block>(std::string(record->last_part), bodies_);
            else
                call->block = std::unexpected(IoError::failed);
        } else {
            const auto record = decode_part(*payload);
            if (record)
                call->block = std::make_shared<const Block>(std::string(record->bytes), bodies_);
            else
                call->block = std::unexpected(IoError::failed);
        }
    }
    const auto owner = call->owner;
    shard_.send(owner, std::move(call));
}

std::vector<std::pair<DestinationName, std::size_t>> Origin::young_by_destination() {
    std::vector<std::pair<DestinationName, std::size_t>> out;
    young_.each_destination(
        [&](const OriginDestination& destination) { out.emplace_back(destination.name, destination.users); });
    return out;
}

// ---- deferrals of young deliveries -----------------------------------------------------------------------------------

void Origin::defer(Young& message, std::uint32_t delivery) {
    message.deliveries[delivery].state = State::deferred;
    sheet_.add(Level::deliveries_deferred, 1);
    if (makes(Mistake::forgotten_deferral)) return;
    alarms_.push({message.deliveries[delivery].place.due, message.id, delivery});
    if (alarms_.size() >= alarms_sweep_) {
        alarms_.erase_if([this](const Alarm& alarm) { return deferral_of(alarm) == nullptr; });
        alarms_sweep_ = std::max<std::size_t>(4096, 2 * alarms_.size());
    }
    set_alarm();
}

// Null: the alarm is of no use any more.
YoungDelivery* Origin::deferral_of(const Alarm& alarm) {
    Young* const message = young_.find(alarm.id);
    if (message == nullptr) return nullptr;
    auto& young = message->deliveries[alarm.delivery];
    return young.state == State::deferred && young.place.due == alarm.due ? &young : nullptr;
}

void Origin::set_alarm() {
    if (alarms_.empty() || closing_) return;
    // The wall clock says when; the timer is only told how long. A step of the wall clock is noticed at the next look.
    constexpr std::chrono::milliseconds longest_look = 1min;
    const auto wait =
        std::clamp(alarms_.top().due - shard_.wall_now(), std::chrono::milliseconds(0), longest_look);
    const auto when = shard_.now() + wait;
    if (!alarm_.armed() || when < alarm_.when()) alarm_.arm(shard_.timers(), when);
}

void Origin::ring() {
    while (!alarms_.empty() && alarms_.top().due <= shard_.wall_now()) {
        const auto alarm = alarms_.top();
        alarms_.pop();
        Young* const message = young_.find(alarm.id);
        auto* const deferral = deferral_of(alarm);
        if (deferral == nullptr || message->retiring) continue;
        auto& young = *deferral;
        sheet_.add(Level::deliveries_deferred, -1);
        // They have a lane of their own at the owner, whatever waits in the store. A crowd waits like fresh mail.
        constexpr std::size_t crowd = 256;
        if (offering_ >= crowd || shard_.congested(young.destination->owner)) {
            wait(*message, young);
            continue;
        }
        young.state = State::lent;
        gate_.hold(offer_due(alarm.id, young.destination->name));
    }
    set_alarm();
}

runtime::Task<void> Origin::offer_due(MessageId id, DestinationName name) {
    ++offering_;
    co_await read_and_offer(id, std::move(name));
    --offering_;
}

// ---- the end -----------------------------------------------------------------------------------------------------------

runtime::Task<void> Origin::close() {
    while (recording_ != 0) co_await quiet_.wait();
    closing_ = true;
    alarm_.disarm();
    retire_work_.signal();
    slowed_.wake_all();
    co_await gate_.closed();
}

}  // namespace angarium::queue

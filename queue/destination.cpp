#include "queue/destination.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"
#include "queue/owner.hpp"
#include "queue/queue.hpp"

namespace angarium::queue {
namespace {

// The id behind this one in key order.
MessageId successor(const MessageId& id) {
    std::string bytes(id.bytes());
    for (std::size_t i = bytes.size(); i-- > 0;)
        if (++reinterpret_cast<unsigned char&>(bytes[i]) != 0) break;
    return MessageId::from_bytes(bytes);
}

}  // namespace

using metrics::Level;

Destination::Destination(Owner& owner, DestinationName name)
    : owner_(owner),
      name_(std::move(name)),
      timer_(
          [](void* self) { static_cast<Destination*>(self)->owner_.touch(*static_cast<Destination*>(self)); },
          this) {}

Destination::~Destination() { end_trial(); }

// ---- the window ------------------------------------------------------------------------------------------------------

std::size_t Destination::target() const {
    return probing_ && !expiring_ ? owner_.limits_.probe : owner_.limits_.per_destination;
}

std::unique_ptr<Delivery> Destination::take() {
    if (ready() == 0) return nullptr;
    const bool due = fresh_.empty() || (!due_.empty() && ++turn_ % owner_.limits_.due_share == 0);
    auto& lane = due ? due_ : fresh_;
    auto delivery = lane.pop_front();
    end_trial();
    ++taken_;
    owner_.sheet_.add(Level::deliveries_ready, -1);
    owner_.sheet_.add(Level::deliveries_in_flight, 1);
    if (ready() == 0) told_ready_ = false;  // the carrier saw it run dry: what comes next must be announced
    if (ready() == 0 || (waits_anywhere() && ready() <= target() / 2)) owner_.touch(*this);
    return delivery;
}

void Destination::enter(std::unique_ptr<Delivery> delivery, bool front) {
    auto& lane = delivery->place.ready() ? fresh_ : due_;
    owner_.sheet_.add(Level::deliveries_ready, 1);
    if (front)
        lane.push_front(std::move(delivery));
    else
        lane.push_back(std::move(delivery));
}

void Destination::offered(std::unique_ptr<Delivery> delivery) {
    owner_.touch(*this);
    const auto id = delivery->facts.id;
    if (held_.contains(id)) return;  // it is here already
    const auto& lane = delivery->place.ready() ? fresh_ : due_;
    const bool behind_store = delivery->place.ready() && (store_ready_ || loading_ready_);
    // What was asked for has its room.
    const bool asked = wanting_.test(index(owner_.set_.origin_of(id)));
    const bool crowded = asked ? owner_.full(Source::young) : allowance(Source::young) == 0;
    if (owner_.stopping_ || backing_off_ || behind_store || lane.size() >= owner_.limits_.per_destination ||
        crowded) {
        give_back(std::move(delivery));
        return;
    }
    hold(id, Source::young);
    enter(std::move(delivery));
    if (expiring_) expire_or_back_off();
}

// Untried: an old one waits in the store, a young one at its origin.
void Destination::give_back(std::unique_ptr<Delivery> delivery) {
    const auto id = delivery->facts.id;
    const auto place = delivery->place;
    const bool old = delivery->from_store_;
    if (!old) {
        const auto origin = owner_.set_.origin_of(id);
        waiting_.set(index(origin));
        delivery->leg_ = Delivery::Leg::returned;
        delivery->body.reset();
        owner_.shard_.send(origin, std::move(delivery));
    }
    if (held_.contains(id)) forget(id);
    if (old) look(place, id);
}

void Destination::give_back_all() {
    for (auto* lane : {&fresh_, &due_})
        while (!lane->empty()) {
            auto delivery = lane->pop_back();
            owner_.sheet_.add(Level::deliveries_ready, -1);
            give_back(std::move(delivery));
        }
    told_ready_ = false;
    owner_.touch(*this);
}

void Destination::hold(const MessageId& id, Source source) {
    held_[id].stored = source == Source::stored;
    ++owner_.share(source).held;
}

// No longer held. What a load skipped because of it must be looked at again.
void Destination::forget(const MessageId& id) {
    const auto found = held_.find(id);
    ANGARIUM_ASSERT(found != held_.end());
    const Held held = found->second;
    held_.erase(found);
    if (loading_ready_ || loading_deferred_) gone_.push_back(id);
    if (held.skipped) look(held.place, id);
    --owner_.share(held.stored ? Source::stored : Source::young).held;
    owner_.touch(*this);
}

void Destination::acknowledged(const MessageId& id) { forget(id); }

// ---- what waits elsewhere ------------------------------------------------------------------------------------------------

void Destination::waiting_at(ShardId origin) {
    waiting_.set(index(origin));
    owner_.touch(*this);
}

void Destination::wanted(ShardId origin, bool more) {
    wanting_.reset(index(origin));
    waiting_.set(index(origin), more);
    owner_.touch(*this);
}

void Destination::look(Place place, const MessageId& id) {
    if (place.ready()) {
        if (!store_ready_ || id < ready_from_) ready_from_ = id;
        store_ready_ = true;
    } else if (!next_due_ || std::pair(place.due, id) < std::pair(*next_due_, due_from_)) {
        next_due_ = place.due;
        due_from_ = id;
    }
}

void Destination::in_store(Place place, const MessageId& id) {
    look(place, id);
    owner_.touch(*this);
}

// Nobody knows whether its other side lives: a few go first.
void Destination::begin_trial() {
    if (!held_.empty() || backing_off_) return;
    probing_ = true;
    if (waits_now() && !std::exchange(on_trial_, true))
        owner_.on_trial_.fetch_add(1, std::memory_order_relaxed);
}

void Destination::end_trial() {
    if (std::exchange(on_trial_, false)) owner_.on_trial_.fetch_sub(1, std::memory_order_relaxed);
}

void Destination::refill() {
    if (owner_.stopping_ || backing_off_ || ready() > target() / 2) return;
    const bool due_waits = next_due_ && *next_due_ <= owner_.shard_.wall_now() && !loading_deferred_;
    const bool ready_waits = store_ready_ && !loading_ready_;
    const bool young_waits = !store_ready_ && !loading_ready_ && (waiting_ & ~wanting_).any();
    if (!due_waits && !ready_waits && !young_waits) return;
    const auto missing = target() - std::min(ready(), target());
    if (due_waits) {
        if (const auto count = reserve(missing, Source::stored); count != 0) {
            const Place place{*next_due_};
            next_due_.reset();
            loading_deferred_ = true;
            owner_.gate_.hold(owner_.load(*this, true, count, place, due_from_));
        }
    }
    if (ready_waits) {
        if (const auto count = reserve(missing, Source::stored); count != 0) {
            store_ready_ = false;
            loading_ready_ = true;
            owner_.gate_.hold(owner_.load(*this, false, count, Place{}, ready_from_));
        }
    }
    if (young_waits)
        if (const auto count = reserve(missing, Source::young); count != 0) want(count);
}

// A destination never holds more than it leaves: n that stand still leave the (n+1)th part of the shard's windows to all others.
std::size_t Destination::allowance(Source source) const {
    const auto room = owner_.room(source);
    if (makes(Mistake::greedy_window)) return room;
    return room > held_.size() ? room - held_.size() : 0;
}

// How many may be asked for: a share of what room there is in the shard's windows, so that many destinations get some, but not
// fewer than are worth a load. None, also while no attempt may begin: our turn comes when we let go of one, or, where we hold none,
// when others do.
std::size_t Destination::reserve(std::size_t wanted, Source source) {
    constexpr std::size_t shares = 16;
    auto& of = owner_.share(source);
    const auto least = std::min(wanted, owner_.worth_a_load());
    const auto share = std::max(least, (owner_.room(source) + shares - 1) / shares);
    const auto possible = std::min({wanted, share, allowance(source)});
    const auto count = possible < least || !owner_.may_attempt() ? 0 : possible;
    const auto number = static_cast<std::size_t>(source);
    if (count == 0 && held_.empty() && !hungry_.test(number)) {
        hungry_.set(number);
        of.hungry.push_back(this);
    }
    of.coming += count;
    return count;
}

void Destination::want(std::size_t count) {
    const auto asked = waiting_ & ~wanting_;
    const auto each = std::max<std::size_t>(1, count / asked.count());
    owner_.share(Source::young).coming += each * asked.count() - count;
    for (unsigned origin = 0; origin < owner_.shard_.shards(); ++origin) {
        if (!asked.test(origin)) continue;
        wanting_.set(origin);
        const ShardId to{static_cast<std::uint8_t>(origin)};
        owner_.shard_.send(to, std::make_unique<Want>(owner_.set_, name_, owner_.shard_.id(), to, each));
    }
}

void Destination::loaded(bool deferred, LoadResult result) {
    (deferred ? loading_deferred_ : loading_ready_) = false;
    std::optional<MessageId> last;
    for (auto& entry : result.entries) {
        const auto id = entry.facts.id;
        last = id;
        if (makes(Mistake::cursor_off_by_one) && result.more && &entry == &result.entries.back()) continue;
        if (const auto held = held_.find(id); held != held_.end()) {
            held->second.skipped = true;
            held->second.place = entry.place;
            continue;
        }
        // Its key may have gone since the load began: look again.
        if (std::find(gone_.begin(), gone_.end(), id) != gone_.end() || backing_off_ || owner_.stopping_) {
            look(entry.place, id);
            continue;
        }
        auto delivery = std::make_unique<Delivery>();
        delivery->facts = std::move(entry.facts);
        delivery->place = entry.place;
        delivery->from_store_ = true;
        delivery->owner_ = owner_.shard_.id();
        delivery->set_ = &owner_.set_;
        hold(id, Source::stored);
        enter(std::move(delivery));
    }
    if (!loading_ready_ && !loading_deferred_) gone_.clear();
    if (!deferred && result.more && last) look(Place{}, successor(*last));
    if (deferred && result.next_due) look(Place{*result.next_due}, MessageId{});
    if (expiring_) expire_or_back_off();
    owner_.touch(*this);
}

// ---- outcomes ------------------------------------------------------------------------------------------------------------

// Fills in what the queue decides: when deferred recipients are due, or that their lifetime is over.
void Destination::send_outcome(std::unique_ptr<Delivery> delivery) {
    auto& outcome = delivery->outcome;
    const auto deferred = [](const RecipientResult& result) { return result.verdict == Verdict::deferred; };
    const auto now = owner_.shard_.wall_now();
    if (std::any_of(outcome.results.begin(), outcome.results.end(), deferred)) {
        if (expired(owner_.retry_, delivery->accepted_at(), now)) {
            for (auto& result : outcome.results)
                if (deferred(result)) result.verdict = Verdict::failed;
            delivery->expired_ = true;
        } else if (delivery->next_due_ == WallTime{}) {
            delivery->next_due_ =
                now + retry_delay(owner_.retry_, delivery->facts.attempts + 1, owner_.shard_.random());
        }
    }
    owner_.send_outcome(std::move(delivery));
}

void Destination::settled(std::unique_ptr<Delivery> delivery) {
    ANGARIUM_ASSERT(delivery->outcome.results.size() == delivery->facts.recipients.size());
    --taken_;
    owner_.sheet_.add(Level::deliveries_in_flight, -1);
    send_outcome(std::move(delivery));
    owner_.touch(*this);
}

void Destination::put_back(std::unique_ptr<Delivery> delivery) {
    --taken_;
    owner_.sheet_.add(Level::deliveries_in_flight, -1);
    if (backing_off_ || owner_.stopping_)
        give_back(std::move(delivery));
    else
        enter(std::move(delivery), true);
    owner_.touch(*this);
}

void Destination::end_untried(std::unique_ptr<Delivery> delivery, Verdict verdict, const Reason& reason) {
    owner_.sheet_.add(Level::deliveries_ready, -1);
    auto& outcome = delivery->outcome;
    outcome = Outcome{};
    outcome.reasons.push_back(reason);
    for (std::size_t i = 0; i < delivery->facts.recipients.size(); ++i)
        outcome.results.push_back({static_cast<std::uint16_t>(i), verdict, 0});
    send_outcome(std::move(delivery));
}

// ---- failures of the destination as a whole --------------------------------------------------------------------------

void Destination::fail(Verdict verdict, const Reason& reason) {
    owner_.touch(*this);
    end_trial();
    if (ready() == 0) return;
    told_ready_ = false;  // what comes next must be announced
    if (must_wait()) return;
    if (verdict == Verdict::failed) {
        for (auto* lane : {&fresh_, &due_})
            while (!lane->empty()) {
                auto delivery = lane->pop_front();
                end_untried(std::move(delivery), Verdict::failed, reason);
            }
        return;
    }
    ++failures_;
    last_reason_ = reason.text;
    expiring_ = reason;
    expire_or_back_off();
}

// The destination has failed for this reason: what has outlived its lifetime ends; the first that has not carries the record of
// the failure, and everything goes into backoff until that one is due again. While all that was found has expired, more is
// looked for.
void Destination::expire_or_back_off() {
    if (ready() != 0 && must_wait()) return;
    const auto now = owner_.shard_.wall_now();
    for (auto* lane : {&fresh_, &due_})
        while (!lane->empty()) {
            auto delivery = lane->pop_front();
            if (expired(owner_.retry_, delivery->accepted_at(), now)) {
                end_untried(std::move(delivery), Verdict::deferred, *expiring_);  // becomes an expiry
                continue;
            }
            const auto tries = std::max(failures_, delivery->facts.attempts + 1);
            const auto delay = retry_delay(owner_.retry_, tries, owner_.shard_.random());
            delivery->next_due_ = now + delay;
            const auto reason = *expiring_;
            expiring_.reset();
            end_untried(std::move(delivery), Verdict::deferred, reason);
            back_off(delay);
            return;
        }
}

// What is ended here without an attempt needs room in the journal as well: while no attempt may begin for want of it, everything
// goes back without a record, to be looked at again soon.
bool Destination::must_wait() {
    constexpr std::chrono::milliseconds pause = 1s;
    if (owner_.may_attempt()) return false;
    expiring_.reset();
    back_off(pause);
    return true;
}

void Destination::back_off(std::chrono::milliseconds delay) {
    backing_off_ = probing_ = true;
    until_ = owner_.shard_.now() + delay;
    give_back_all();
}

void Destination::reached() {
    failures_ = 0;
    last_reason_.clear();
    if (std::exchange(probing_, false)) owner_.touch(*this);
    expiring_.reset();
}

// ---- consequences --------------------------------------------------------------------------------------------------------

bool Destination::idle() const {
    return ready() == 0 && taken_ == 0 && held_.empty() && !waits_anywhere() && wanting_.none() &&
           !loading_ready_ && !loading_deferred_ && !backing_off_;
}

// Not counting deferrals whose time is still to come.
bool Destination::waits_now() const {
    return waiting_.any() || store_ready_ || (next_due_ && *next_due_ <= owner_.shard_.wall_now());
}

bool Destination::settle_down() {
    auto& shard = owner_.shard_;
    if (backing_off_ && shard.now() >= until_) backing_off_ = false;
    // A hundred thousand destinations may back off: they keep no memory for what is not here. A load under way needs gone_.
    if (backing_off_ && held_.empty() && !loading_ready_ && !loading_deferred_) {
        held_ = {};
        std::vector<MessageId>().swap(gone_);
    }
    if (expiring_ && ready() == 0 && !waits_now() && wanting_.none() && !loading_ready_ && !loading_deferred_)
        expiring_.reset();
    refill();
    if (ready() == 0) {
        told_ready_ = false;
        if (taken_ == 0 && carried_ && (backing_off_ || idle() || owner_.stopping_)) {
            carried_ = false;
            owner_.carrier_->gone(*this);
        }
    } else if (!told_ready_ && !owner_.stopping_) {
        told_ready_ = carried_ = true;
        owner_.carrier_->ready(*this);
    }
    if (backing_off_) {
        timer_.arm(shard.timers(), until_);
    } else if (next_due_ && !owner_.stopping_) {
        constexpr std::chrono::milliseconds longest_look = 1min;  // a step of the wall clock is noticed then
        const auto wait =
            std::clamp(*next_due_ - shard.wall_now(), std::chrono::milliseconds(0), longest_look);
        // What is due already waits for room in the window, not for time.
        if (wait.count() > 0) timer_.arm(shard.timers(), shard.now() + wait);
    }
    return idle();
}

}  // namespace angarium::queue

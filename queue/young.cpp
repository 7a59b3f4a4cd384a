#include "queue/young.hpp"

#include <fmt/format.h>

#include "engine/base/assert.hpp"

namespace angarium::queue {

YoungTable::YoungTable(YoungTable&& other) noexcept
    : byid_(std::move(other.byid_)),
      destinations_(std::move(other.destinations_)),
      oldest_(std::exchange(other.oldest_, nullptr)),
      newest_(std::exchange(other.newest_, nullptr)) {}

YoungTable::~YoungTable() = default;

Young* YoungTable::find(const MessageId& id) {
    const auto found = byid_.find(id);
    return found == byid_.end() ? nullptr : found->second.get();
}

Young& YoungTable::add(Young value) {
    auto owned = std::make_unique<Young>(std::move(value));
    Young& young = *owned;
    const bool fresh = byid_.emplace(young.id, std::move(owned)).second;
    ANGARIUM_ASSERT(fresh);
    // Nearly always the newest; a large message began earlier than it was accepted.
    Young* before = newest_;
    while (before != nullptr && before->first > young.first) before = before->previous;
    young.previous = before;
    young.next = before != nullptr ? before->next : oldest_;
    (young.previous != nullptr ? young.previous->next : oldest_) = &young;
    (young.next != nullptr ? young.next->previous : newest_) = &young;
    return young;
}

void YoungTable::remove(Young& young) {
    if (cursor_ == &young) cursor_ = young.next;
    (young.previous != nullptr ? young.previous->next : oldest_) = young.next;
    (young.next != nullptr ? young.next->previous : newest_) = young.previous;
    for (auto& delivery : young.deliveries) {
        --delivery.destination->users;
        release(*delivery.destination);
    }
    byid_.erase(young.id);
}

OriginDestination& YoungTable::destination(const DestinationKey& key, unsigned shards) {
    if (auto* const known = find_destination(key)) return *known;
    auto made = std::make_unique<OriginDestination>();
    made->name = key.name();
    made->owner = owner_of(key.domain, shards);
    return **destinations_.insert(std::move(made)).first;
}

OriginDestination* YoungTable::find_destination(const DestinationKey& key) {
    const auto found = destinations_.find(key);
    return found == destinations_.end() ? nullptr : found->get();
}

void YoungTable::release(OriginDestination& destination) {
    if (destination.users != 0) return;
    destinations_.erase(destinations_.find(destination.key()));
}

void catch_up(DeliveryFacts& facts, const YoungDelivery& young) {
    facts.attempts = young.attempts;
    if (!young.progress) return;
    std::vector<smtp::Recipient> remaining;
    for (const auto recipient : young.progress->remaining)
        if (recipient < facts.recipients.size()) remaining.push_back(std::move(facts.recipients[recipient]));
    facts.recipients = std::move(remaining);
    facts.last_reason = young.progress->last_reason;
}

void note_deferral(YoungDelivery& young, const OutcomeRecord& record) {
    auto progress = std::make_unique<YoungDelivery::Progress>();
    for (const auto& result : record.outcome.results) {
        if (result.verdict != Verdict::deferred) continue;
        // The record counts within what remained; we count within what was accepted.
        auto recipient = result.recipient;
        if (young.progress && recipient < young.progress->remaining.size())
            recipient = young.progress->remaining[recipient];
        progress->remaining.push_back(recipient);
        const auto& reason = record.outcome.reasons[result.reason];
        progress->last_reason = fmt::format("{} {}", reason.code, reason.text).substr(0, 200);
    }
    young.progress = std::move(progress);
    young.attempts = record.attempt;
    young.place.due = record.next_due;
}

}  // namespace angarium::queue

#include "queue/store_changes.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <fmt/format.h>

#include "queue/store_keys.hpp"

namespace angarium::queue {
namespace {

std::size_t bytes_of(const StoreBatch& batch) {
    std::size_t bytes = 4096;
    for (const auto& survivor : batch.survivors) {
        for (const auto& part : survivor.parts) bytes += part.size() + 64;
        bytes += survivor.deliveries.size() * 512;
    }
    return bytes + batch.effects.size() * 512;
}

std::string key_of(const DeliveryFacts& facts, Place place) {
    return place.ready() ? keys::ready(facts.stream, facts.domain, facts.id)
                         : keys::deferred(facts.stream, facts.domain, place.due, facts.id);
}

Family family_of(Place place) { return place.ready() ? Family::ready : Family::deferred; }

}  // namespace

Changes::Changes(Rocks& rocks, const StoreBatch& batch)
    : rocks_(rocks), writes_(std::make_unique<rocksdb::WriteBatch>(bytes_of(batch))) {}

Changes::~Changes() = default;

Result<void> Changes::add(const StoreBatch& batch) {
    remember_ = !batch.effects.empty();
    for (const auto& survivor : batch.survivors) add(survivor);
    for (const auto& effect : batch.effects)
        if (auto added = add(effect); !added) return added;
    if (batch.tail) put(Family::meta, tail_key(batch.tail->first), std::to_string(batch.tail->second));
    return {};
}

void Changes::add(const Survivor& survivor) {
    for (std::uint32_t part = 0; part < survivor.parts.size(); ++part)
        writes_->Put(rocks_.family(Family::body), keys::body(survivor.id, part), survivor.parts[part]);
    ++delta_.messages;
    for (const auto& [place, facts] : survivor.deliveries) {
        delta_.count(family_of(place), 1);
        put(family_of(place), key_of(facts, place), encode(facts));
        if (!facts.sole) put(Family::pending, keys::pending(facts.id, facts.stream, facts.domain), {});
    }
}

Result<void> Changes::add(const OutcomeRecord& effect) {
    const auto family = family_of(effect.place);
    const auto key = effect.place.ready()
                         ? keys::ready(effect.stream, effect.domain, effect.id)
                         : keys::deferred(effect.stream, effect.domain, effect.place.due, effect.id);
    auto value = get(family, key);
    if (!value) return std::unexpected(value.error());
    if (!*value) return {};  // ended, moved on, or never came here: nothing to change
    auto facts = decode_delivery(**value);
    if (!facts)
        return failure(
            fmt::format("store: the delivery of message {} to {} cannot be read; it was written by "
                        "another version or is damaged",
                        effect.id.text(), effect.domain));
    // A deferral that stays at its key could meet itself again in a replay; the key's attempts tell.
    const bool stays = effect.next_due == effect.place.due && !effect.place.ready();
    if (stays && facts->attempts >= effect.attempt) return {};
    if (!queue::apply(*facts, effect)) {
        remove(family, key);
        delta_.count(family, -1);
        return end(*facts);
    }
    // What is left without a new time was not attempted: it stays where it is.
    const Place next = effect.ends() ? effect.place : Place{effect.next_due};
    if (next != effect.place) remove(family, key);
    delta_.count(family, -1);
    delta_.count(family_of(next), 1);
    put(family_of(next), key_of(*facts, next), encode(*facts));
    return {};
}

Result<void> Changes::end(const DeliveryFacts& facts) {
    ++removed_deliveries_;
    if (!facts.sole) {
        const auto key = keys::pending(facts.id, facts.stream, facts.domain);
        remove(Family::pending, key);
        const auto others = others_pending(facts.id, key);
        if (!others) return std::unexpected(others.error());
        if (*others) return {};
    }
    --delta_.messages;
    for (std::uint32_t part = 0; part < facts.parts; ++part)
        writes_->Delete(rocks_.family(Family::body), keys::body(facts.id, part));
    ++removed_messages_;
    return {};
}

void Changes::put(Family family, const std::string& key, const std::string& value) {
    writes_->Put(rocks_.family(family), key, value);
    if (remember_) earlier_[static_cast<std::size_t>(family)][key] = value;
}

void Changes::remove(Family family, const std::string& key) {
    writes_->Delete(rocks_.family(family), key);
    if (remember_) earlier_[static_cast<std::size_t>(family)][key] = std::nullopt;
}

Result<std::optional<std::string>> Changes::get(Family family, const std::string& key) {
    const auto& earlier = earlier_[static_cast<std::size_t>(family)];
    if (const auto at = earlier.find(key); at != earlier.end()) return at->second;
    std::string value;
    const auto status = rocks_.db->Get({}, rocks_.family(family), key, &value);
    if (status.ok()) return std::optional(std::move(value));
    if (status.IsNotFound()) return std::optional<std::string>();
    rocks_.health->note("reading failed", status);
    return failure(rocks_.health->reason());
}

Result<bool> Changes::others_pending(const MessageId& id, const std::string& except) {
    const auto& earlier = earlier_[static_cast<std::size_t>(Family::pending)];
    for (auto at = earlier.lower_bound(id.bytes()); at != earlier.end() && at->first.starts_with(id.bytes());
         ++at)
        if (at->second) return true;
    // The nearest keys first: those of destinations that ended lie around them, and are slow to step over.
    std::string end(id.bytes());
    end.push_back('\xff');  // no stream's name begins with it
    auto found = any_between(except, end);
    if (found && !*found) found = any_between(std::string(id.bytes()), except);
    return found;
}

Result<bool> Changes::any_between(const std::string& from, const std::string& to) {
    const auto& earlier = earlier_[static_cast<std::size_t>(Family::pending)];
    const rocksdb::Slice bound(to);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at(
        rocks_.db->NewIterator(options, rocks_.family(Family::pending)));
    for (at->Seek(from); at->Valid(); at->Next())
        if (!earlier.contains(at->key().ToStringView())) return true;  // those in `earlier` are gone by now
    if (at->status().ok()) return false;
    rocks_.health->note("reading failed", at->status());
    return failure(rocks_.health->reason());
}

std::string tail_key(ShardId shard) { return fmt::format("tail/{:03}", index(shard)); }

}  // namespace angarium::queue

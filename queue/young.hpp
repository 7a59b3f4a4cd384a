// The young table: an origin's messages that only its journal holds. It knows where each lies and how far each of its
// deliveries is; envelopes and bodies are read back from the journal when they are needed again. It is bounded by the
// journal's size and by a limit on entries. Owning thread: the shard's.
//
// States of a young delivery:
//   waiting   in its destination's waiting list here; the owner has been told
//   lent      at the owner, or its outcome is on the way into the journal
//   deferred  until its due time, in the origin's schedule
//   ended     a durable record says so
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "queue/delivery.hpp"
#include "queue/id_ring.hpp"
#include "queue/names.hpp"
#include "queue/record.hpp"

namespace angarium::queue {

// An origin's view of a destination: which of its young deliveries wait here.
struct OriginDestination {
    DestinationName name;
    ShardId owner{};
    IdRing waiting;          // may name messages that are no longer young: skipped
    bool announced = false;  // the owner knows that some wait
    std::size_t users = 0;   // young deliveries that refer to us
    DestinationKey key() const { return name; }
};

struct YoungDelivery {
    enum class State : std::uint8_t { waiting, lent, deferred, ended };
    // How far it is, once an attempt has been recorded.
    struct Progress {
        std::vector<std::uint16_t> remaining;  // indices into the recipients of the accepted delivery
        std::string last_reason;
    };
    OriginDestination* destination = nullptr;
    State state = State::waiting;
    std::uint32_t attempts = 0;
    Place place;
    std::unique_ptr<Progress> progress;
};

struct Young {
    MessageId id;
    Lsn first = 0;  // of its first part, or of the accept: retire counts from here
    Extent accept;
    std::vector<Extent> parts;  // all but the last
    absl::InlinedVector<YoungDelivery, 1> deliveries;
    std::uint32_t open = 0;     // deliveries that have not ended
    bool retiring = false;      // its batch is on the way to the store: counts as old, can still be read
    Young* previous = nullptr;  // in order of `first`
    Young* next = nullptr;
};

class YoungTable {
  public:
    YoungTable() = default;
    YoungTable(YoungTable&&) noexcept;
    YoungTable& operator=(YoungTable&&) = delete;
    ~YoungTable();

    // Null when it is not (or no longer) young.
    Young* find(const MessageId& id);
    Young& add(Young young);
    void remove(Young& young);
    Young* oldest() { return oldest_; }
    // One walk at a time may be interrupted: the cursor steps aside when its entry is removed.
    void cursor_to_oldest() { cursor_ = oldest_; }
    Young* cursor() { return cursor_; }
    void advance_cursor() { cursor_ = cursor_->next; }
    std::size_t size() const { return byid_.size(); }

    OriginDestination& destination(const DestinationKey& key, unsigned shards);
    OriginDestination* find_destination(const DestinationKey& key);
    // Forgets it when nothing refers to it.
    void release(OriginDestination& destination);
    template <class F>
    void each_destination(F f) {
        for (auto& destination : destinations_) f(*destination);
    }

  private:
    absl::flat_hash_map<MessageId, std::unique_ptr<Young>> byid_;
    DestinationSet<OriginDestination> destinations_;
    Young* oldest_ = nullptr;
    Young* newest_ = nullptr;
    Young* cursor_ = nullptr;
};

// Brings a delivery that was rebuilt from its accept record to where it is now.
void catch_up(DeliveryFacts& facts, const YoungDelivery& young);
// Notes a durable deferral: what remains, and why.
void note_deferral(YoungDelivery& young, const OutcomeRecord& record);

}  // namespace angarium::queue

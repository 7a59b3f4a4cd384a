// A delivery: one message to the recipients that share one destination; the unit of queueing. It is made at the message's
// origin, travels to the owner of its destination to be attempted, back with its outcome, and once more with the news
// that the outcome is durable: one object, three hops, no allocation on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/chain.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/time.hpp"
#include "engine/runtime/letter.hpp"
#include "engine/smtp/envelope.hpp"
#include "queue/body.hpp"
#include "queue/outcome.hpp"

namespace angarium::queue {

// Where a delivery lies in the store, or would lie: among the ready ones, or deferred until `due`. Every record names it.
struct Place {
    WallTime due{};  // zero: ready
    bool ready() const { return due == WallTime{}; }
    friend bool operator==(const Place&, const Place&) = default;
    friend auto operator<=>(const Place&, const Place&) = default;
};

// What the sender asked for the message as a whole.
struct MessageOptions {
    smtp::Body body = smtp::Body::seven_bit;
    bool smtputf8 = false;
    smtp::Ret ret = smtp::Ret::unspecified;
    std::optional<smtp::Xtext> envelope_id;
    friend bool operator==(const MessageOptions&, const MessageOptions&) = default;
};

// The fields of a delivery that are kept in the store and can be rebuilt from the journal.
struct DeliveryFacts {
    MessageId id;
    std::string stream;  // "default" unless configured
    std::string domain;  // lower case: destination together with stream
    smtp::ReversePath sender;
    std::vector<smtp::Recipient> recipients;  // those not yet ended
    MessageOptions options;                   // body kind, SMTPUTF8, RET, ENVID
    std::uint64_t size = 0;                   // bytes of the body
    std::uint32_t parts = 0;                  // parts of the body, at least 1
    std::uint32_t attempts = 0;               // attempts made and recorded
    bool sole = true;                         // the message has no other destination
    std::string last_reason;                  // of the last deferral, for people
};

class Origin;
class Owner;
class Destination;
class QueueSet;

class Delivery final : public runtime::Letter {
  public:
    DeliveryFacts facts;
    Place place;
    // The whole body, when it has one part and that is in memory; else null, and Queue::fetch brings the parts.
    BlockRef body;

    // Filled by outbound just before it settles.
    Outcome outcome;

    WallTime accepted_at() const { return facts.id.accepted_at(); }

    void arrive() override;

  private:
    friend class Origin;
    friend class Owner;
    friend class Destination;
    friend class DeliveryLine;
    enum class Leg : std::uint8_t { offered, returned, settled, acknowledged };
    Leg leg_ = Leg::offered;
    bool from_store_ = false;  // loaded by the owner, not lent by the origin
    bool taken_ = false;       // settled: the peer took it, until the record says so it is in doubt
    bool expired_ = false;     // settled: failed because its lifetime is over
    WallTime next_due_{};      // settled: when the deferred recipients are due
    ShardId owner_{};
    QueueSet* set_ = nullptr;  // finds the queue of the shard it arrives on
    Link<Delivery> place_in_line_{*this};
};

}  // namespace angarium::queue

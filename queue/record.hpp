// The journal's records and the store's values: one encoding for both, little-endian, lengths as varints, defined here
// and nowhere else. Encoding never fails; decoding returns nothing for bytes that are not such a record.
//
//   accept   id, stream?, envelope, trace, parts' positions, last part's bytes      a message, whole with its parts
//   part     id, index in the order of writing, bytes                              256 KiB of a large body, or its head
//   outcome  id, stream, domain, place, attempt, results, next due                  one attempt: delivered, deferred, failed
//   A failure and its bounce (an accept) are encoded side by side, so that they share a group.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/smtp/envelope.hpp"
#include "queue/delivery.hpp"
#include "queue/intake.hpp"

namespace angarium::queue {

// A byte's place in one shard's journal: segments laid end to end, counted from the first segment ever.
using Lsn = std::uint64_t;

enum class RecordKind : std::uint8_t { accept = 1, part = 2, outcome = 3 };

// Where a record's payload lies in the journal.
struct Extent {
    Lsn lsn = 0;
    std::uint32_t length = 0;
    friend bool operator==(const Extent&, const Extent&) = default;
};

struct AcceptRecord {
    MessageId id;
    std::string stream = "default";
    smtp::Envelope envelope;
    Trace trace;
    std::vector<Extent> parts;   // all but the last part of the body, in order
    std::string_view last_part;  // points into what was decoded, or into the body that is encoded
    std::uint64_t size = 0;      // bytes of the whole body
    bool bounce = false;         // made here, about another message
    MessageId about;             // bounce: the message that failed
};

// The first byte of a message in the journal. Parts that were carried forward no longer lie in the order of the body.
Lsn first_lsn(Extent accept, const std::vector<Extent>& parts);

struct PartRecord {
    MessageId id;
    std::uint32_t part = 0;
    std::string_view bytes;
};

struct OutcomeRecord {
    MessageId id;
    std::string stream, domain;
    Place place;                // where the delivery lay when it was attempted
    std::uint32_t attempt = 0;  // 1 for the first
    WallTime at{};              // when the attempt ended
    bool expired = false;       // failed because its lifetime is over
    Outcome outcome;
    WallTime next_due{};                             // when at least one recipient is deferred; else zero
    smtp::ReversePath sender;                        // for the delivery log: the record tells its own story
    absl::InlinedVector<std::string, 1> recipients;  // as text, one per result, by index
    std::uint64_t size = 0;
    bool ends() const { return next_due == WallTime{}; }
};

void encode_accept_header(std::string& out,
                          const AcceptRecord& record);  // all but last_part's bytes, which follow
void encode_part_header(std::string& out,
                        const PartRecord& record);  // everything but the bytes, which follow
std::string encode(const OutcomeRecord& record);
std::optional<AcceptRecord> decode_accept(std::string_view payload);
std::optional<PartRecord> decode_part(std::string_view payload);
std::optional<OutcomeRecord> decode_outcome(std::string_view payload);

// The deliveries of an accepted message: its recipients grouped by destination, in order of first appearance.
std::vector<DeliveryFacts> deliveries_of(AcceptRecord record);
// Lower-cased domain of a mailbox, or its address literal: names the destination.
std::string destination_of(const smtp::Mailbox& mailbox);

// The store's value of a delivery.
std::string encode(const DeliveryFacts& facts);
std::optional<DeliveryFacts> decode_delivery(std::string_view value);

// Applies an outcome: drops ended recipients (by index), counts the attempt, keeps the reason. False: nothing is left.
bool apply(DeliveryFacts& facts, const OutcomeRecord& record);

}  // namespace angarium::queue

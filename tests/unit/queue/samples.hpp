// Values that the queue's unit tests share: identities, messages, deliveries and outcomes with every field filled.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "queue/record.hpp"
#include "queue/store.hpp"

namespace angarium::queue::samples {

inline WallTime at_ms(std::int64_t ms) { return WallTime{std::chrono::milliseconds{ms}}; }

// Ids of one shard in ascending order: `number` is part of the time.
inline MessageId id(std::uint64_t number, unsigned shard = 0) {
    Random random(number + 1);
    return MessageId::make(at_ms(1'700'000'000'000 + static_cast<std::int64_t>(number)), 3,
                           static_cast<ShardId>(shard), random);
}

inline smtp::Mailbox mailbox(std::string_view text) {
    return *smtp::Mailbox::parse(text, smtp::Utf8::allowed);
}
inline smtp::Recipient recipient(std::string_view text) { return {mailbox(text), {}, {}}; }

inline DeliveryFacts facts(const MessageId& message, std::vector<std::string_view> recipients,
                           bool sole = true) {
    DeliveryFacts made;
    made.id = message;
    made.stream = "default";
    made.sender = smtp::ReversePath(mailbox("jack@town.com"));
    for (const auto text : recipients) made.recipients.push_back(recipient(text));
    made.domain = destination_of(made.recipients.front().mailbox);
    made.size = 5;
    made.parts = 1;
    made.sole = sole;
    return made;
}

// An outcome of `delivery` at `place` with one verdict for every recipient; deferred until `next_due` if that is set.
inline OutcomeRecord outcome(const DeliveryFacts& delivery, Place place, Verdict verdict,
                             WallTime next_due = {}) {
    OutcomeRecord record;
    record.id = delivery.id;
    record.stream = delivery.stream;
    record.domain = delivery.domain;
    record.place = place;
    record.attempt = delivery.attempts + 1;
    record.at = delivery.id.accepted_at() + std::chrono::seconds(2);
    record.sender = delivery.sender;
    record.size = delivery.size;
    record.next_due = next_due;
    record.outcome.reasons = {{451, {4, 7, 1}, "try again later"}};
    for (std::uint16_t i = 0; i < delivery.recipients.size(); ++i) {
        record.recipients.push_back(delivery.recipients[i].mailbox.text());
        record.outcome.results.push_back({i, verdict, 0});
    }
    return record;
}

// The whole accept record, its last part's bytes included.
inline std::string encode_accept(const AcceptRecord& record) {
    std::string out;
    encode_accept_header(out, record);
    return out.append(record.last_part);
}

// A message with one destination and a body of one part.
inline Survivor survivor(const MessageId& message, std::vector<std::string_view> recipients,
                         std::string body = "body!", Place place = {}) {
    Survivor made{message, {std::move(body)}, {}};
    made.deliveries.push_back({place, facts(message, std::move(recipients))});
    return made;
}

}  // namespace angarium::queue::samples

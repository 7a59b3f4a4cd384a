// What the store is measured with: bytes, and messages as retire hands them to it. Values; one thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "engine/base/random.hpp"
#include "queue/store.hpp"

namespace angarium::bench {

// Bytes that no file system can make smaller.
inline std::string noise(std::size_t size) {
    Random random(size);
    std::string bytes(size, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(' ' + random.below(94));
    return bytes;
}

inline smtp::Envelope envelope_to(std::string_view recipient) {
    smtp::Envelope envelope;
    envelope.sender = *smtp::ReversePath::parse("bounce+4711@sender.example.test");
    envelope.recipients.push_back(
        {*smtp::Mailbox::parse(recipient), smtp::Notify::unspecified, std::nullopt});
    return envelope;
}

// Messages of one destination, accepted one after another.
class Survivors {
  public:
    Survivors(std::string_view recipient, std::string body) : body_(std::move(body)), random_(1) {
        queue::AcceptRecord record;
        record.envelope = envelope_to(recipient);
        record.last_part = body_;
        record.size = body_.size();
        facts_ = queue::deliveries_of(record).front();
    }
    queue::Survivor next() {
        facts_.id = MessageId::make(WallTime{1'700'000'000'000ms + std::chrono::milliseconds(made_++)}, 0,
                                    ShardId{0}, random_);
        queue::Survivor survivor;
        survivor.id = facts_.id;
        survivor.parts.push_back(body_);
        survivor.deliveries.push_back({queue::Place{}, facts_});
        return survivor;
    }
    const queue::DeliveryFacts& facts() const { return facts_; }

  private:
    const std::string body_;
    Random random_;
    queue::DeliveryFacts facts_;
    std::int64_t made_ = 0;
};

}  // namespace angarium::bench

// Settle: an owner's decision becomes a record in the origin's journal, and then changes the young table or the store. A
// failure and the bounce about it share a group. Part of Origin.
#include <fmt/format.h>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"
#include "engine/smtp/text.hpp"
#include "queue/bounce.hpp"
#include "queue/origin.hpp"
#include "queue/queue.hpp"

namespace angarium::queue {

using metrics::Count;
using metrics::Level;
using metrics::Spread;
using State = YoungDelivery::State;

// An outcome on its way into the journal, with the bounce that it causes.
class Origin::OutcomeEntry final : public JournalRecord {
  public:
    OutcomeEntry(Origin& origin, std::unique_ptr<Delivery> delivery_)
        : delivery(std::move(delivery_)), origin_(origin) {
        auto& facts = delivery->facts;
        record.id = facts.id;
        record.stream = facts.stream;
        record.domain = facts.domain;
        record.place = delivery->place;
        record.attempt = facts.attempts + 1;
        record.at = origin.shard_.wall_now();
        record.expired = delivery->expired_;
        record.next_due = delivery->next_due_;
        record.sender = std::move(facts.sender);  // nobody asks the delivery for it any more
        record.size = facts.size;
        for (const auto& recipient : facts.recipients) record.recipients.push_back(recipient.mailbox.text());
        record.outcome = std::move(delivery->outcome);
        payload_ = encode(record);
        make_bounce_if_due();
    }

    std::size_t bytes() const override {
        const auto outcome = record_header_size + payload_.size();
        return bounce ? outcome + record_header_size + bounce_header_.size() + bounce_body->bytes().size()
                      : outcome;
    }
    void write(GroupWriter& group) override {
        const std::string_view outcome[] = {payload_};
        extent = group.add(RecordKind::outcome, outcome);
        if (!bounce) return;
        const std::string_view pieces[] = {bounce_header_, bounce_body->bytes()};
        bounce_extent = group.add(RecordKind::accept, pieces);
    }
    void durable() override { origin_.recorded(*this); }
    void failed() override {  // unknown: the delivery stays as it is until a restart reads the journal
        auto& origin = origin_;
        --origin.recording_;
        origin.quiet_.signal();
        delete this;
    }

    std::unique_ptr<Delivery> delivery;
    OutcomeRecord record;
    Extent extent, bounce_extent;
    std::optional<AcceptRecord> bounce;
    BlockRef bounce_body;

  private:
    void make_bounce_if_due() {
        const auto& facts = delivery->facts;
        std::vector<FailedRecipient> failed;
        for (const auto& result : record.outcome.results) {
            const auto& recipient = facts.recipients[result.recipient];
            if (result.verdict != Verdict::failed || !wants_bounce(record.sender, recipient)) continue;
            failed.push_back(
                {recipient, record.outcome.reasons[result.reason], record.outcome.host, record.expired});
        }
        if (failed.empty() || makes(Mistake::lost_bounce)) return;
        AcceptRecord accept;
        accept.id =
            MessageId::make(record.at, facts.id.store(), origin_.shard_.id(), origin_.shard_.random());
        accept.stream = facts.stream;
        accept.bounce = true;
        accept.about = facts.id;
        accept.envelope.recipients.push_back({record.sender.mailbox(), smtp::Notify::never, std::nullopt});
        BounceFacts about;
        about.hostname = origin_.hostname_;
        about.queue_id = accept.id.text();
        about.about_queue_id = facts.id.text();
        about.options = facts.options;
        about.accepted_at = facts.id.accepted_at();
        about.now = record.at;
        about.failed = std::move(failed);
        if (delivery->body) {
            about.original = delivery->body->bytes();
            about.original_complete = facts.parts == 1;
        }
        auto body = make_bounce(record.sender.mailbox(), about);
        if (!smtp::is_ascii(body)) {  // an ASCII bounce asks nothing of the servers on its way
            accept.envelope.body = smtp::Body::eight_bit_mime;
            accept.envelope.smtputf8 = facts.options.smtputf8;
        }
        accept.size = body.size();
        bounce_body = std::make_shared<const Block>(std::move(body), origin_.bodies_);
        accept.last_part = bounce_body->bytes();
        encode_accept_header(bounce_header_, accept);
        bounce = std::move(accept);
    }

    Origin& origin_;
    std::string payload_, bounce_header_;
};

void Origin::settled(std::unique_ptr<Delivery> delivery) {
    ++recording_;
    auto entry = std::make_unique<OutcomeEntry>(*this, std::move(delivery));
    entry->delivery->body.reset();
    if (makes(Mistake::lost_settle) && !entry->bounce) return recorded(*entry.release());
    journal_.append(*entry.release(), Precedence::settle);  // owns itself until durable() or failed()
    publish_room();
}

// The record is durable: it counts from now on.
void Origin::recorded(OutcomeEntry& entry_) {
    const std::unique_ptr<OutcomeEntry> entry(&entry_);
    const auto& record = entry->record;
    if (log_ != nullptr) log_->outcome(record, entry->extent.lsn);
    for (const auto& result : record.outcome.results) {
        switch (result.verdict) {
            case Verdict::delivered:
                sheet_.add(Count::recipients_delivered);
                sheet_.observe(Spread::delivery_latency, Duration(record.at - record.id.accepted_at()));
                break;
            case Verdict::deferred:
                sheet_.add(Count::recipients_deferred);
                break;
            case Verdict::failed:
                sheet_.add(record.expired ? Count::recipients_expired : Count::recipients_failed);
                break;
        }
    }
    if (record.outcome.remote_accepted) sheet_.add(Level::unrecorded_remote, -1);
    if (entry->bounce) {
        sheet_.add(Count::bounces);
        for (const auto& result : record.outcome.results)
            if (result.verdict == Verdict::failed &&
                wants_bounce(record.sender, entry->delivery->facts.recipients[result.recipient]))
                sheet_.add(Count::recipients_bounced);
    }

    Young* const message = young_.find(record.id);
    if (message != nullptr && (!message->retiring || makes(Mistake::settle_ignores_retire))) {
        auto* const young = delivery_of(*message, {record.stream, record.domain});
        ANGARIUM_ASSERT(young != nullptr);
        if (record.ends()) {
            young->state = State::ended;
            sheet_.add(Level::deliveries_young, -1);
            if (--message->open == 0) {
                const bool was_oldest = young_.oldest() == message;
                young_.remove(*message);
                sheet_.add(Level::messages_young, -1);
                if (was_oldest && should_retire()) retire_work_.signal();
            }
        } else {
            note_deferral(*young, record);
            defer(*message, static_cast<std::uint32_t>(young - message->deliveries.data()));
        }
        --recording_;
        acknowledge(std::move(entry->delivery));
        quiet_.signal();
    } else {
        // Old: the store changes now that the record is durable, and the owner lets go when it has.
        auto shared = std::make_shared<std::unique_ptr<Delivery>>(std::move(entry->delivery));
        const DestinationName name{record.stream, record.domain};
        const bool deferred = !record.ends();
        const auto due = record.next_due;
        writer_.effect(std::move(entry->record), [this, shared, name, deferred, due] {
            const auto id = (*shared)->facts.id;
            --recording_;
            acknowledge(std::move(*shared));
            if (deferred) notify(name, Place{due}, id);
            quiet_.signal();
        });
    }
    if (entry->bounce)
        accepted(std::move(*entry->bounce), entry->bounce_extent, std::move(entry->bounce_body));
}

void Origin::acknowledge(std::unique_ptr<Delivery> delivery) {
    delivery->leg_ = Delivery::Leg::acknowledged;
    const auto owner = delivery->owner_;
    shard_.send(owner, std::move(delivery));
}

void Origin::notify(DestinationName name, Place place, const MessageId& id) {
    const auto owner = owner_of(name.domain, shard_.shards());
    std::vector<Notice::Key> keys;
    keys.push_back({std::move(name), place, id});
    shard_.send(owner, std::make_unique<Notice>(set_, std::move(keys)));
}

}  // namespace angarium::queue

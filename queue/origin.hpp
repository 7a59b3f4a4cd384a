// The origin's side of the queue on one shard: every record of the messages that this shard accepted goes to its journal,
// young or old. It takes messages in (intake), lends their deliveries to the owners of their destinations, records what became
// of them (settle), and moves what stays into the store (retire). The owner decides, the origin records.
// Owning thread: the shard's.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "engine/runtime/gate.hpp"
#include "engine/runtime/shard.hpp"
#include "metrics/sheet.hpp"
#include "queue/delivery_log.hpp"
#include "queue/intake.hpp"
#include "queue/journal.hpp"
#include "queue/letters.hpp"
#include "queue/store_writer.hpp"
#include "queue/wait_list.hpp"
#include "queue/young.hpp"

namespace angarium::queue {

class IncomingMessage;
class QueueSet;

struct OriginLimits {
    std::size_t young_messages = 500'000;  // entries of the young table: some 250 bytes each
    // What is younger may still be on its way out; what is older waits for something, and the store is where it waits best:
    // moved before the journal is full, it leaves room for the next burst.
    Duration settled_age = 30s;
    std::uint64_t settle_reserve = 16u << 20;  // journal bytes that only settles may use
    std::uint64_t slow_below =
        64u << 20;  // with less free, a 250 waits for retire: intake slows to the store's pace
};

// What an origin works with. All outlive it.
struct OriginParts {
    QueueSet& set;
    runtime::Shard& shard;
    Journal& journal;
    StoreWriter& writer;
    DeliveryLog* log;  // null: none is kept
    metrics::Sheet& sheet;
    std::shared_ptr<MemoryAccount> bodies;
    OriginLimits limits;
    std::string hostname;
};

class Origin final : public Intake {
  public:
    Origin(OriginParts parts, YoungTable young);
    ~Origin() override;

    // Intake.
    std::expected<std::unique_ptr<Incoming>, Refusal> open(std::uint64_t declared) override;
    std::expected<void, Refusal> would_open(std::uint64_t declared) override;
    void stop_intake();
    void wake_slowed() { slowed_.wake_all(); }

    // Letters from owners.
    void returned(std::unique_ptr<Delivery> delivery);  // dropped unsettled
    void settled(std::unique_ptr<Delivery> delivery);   // with its outcome: becomes a record
    void wanted(std::unique_ptr<Want> want);
    void called(std::unique_ptr<BodyCall> call);

    // Tells the owners what waits here, a few destinations at a time, sets the deferred ones' alarm and begins to retire: once,
    // when all shards have started (what is retired is loaded, and every journal's outcomes must be in the store by then).
    void begin();
    void publish_room();
    std::size_t young_messages() const { return young_.size(); }
    // For people: young deliveries by destination.
    std::vector<std::pair<DestinationName, std::size_t>> young_by_destination();
    // Waits until everything is recorded and nothing is under way. Intake and attempts have ended before.
    runtime::Task<void> close();

  private:
    friend class IncomingMessage;
    class OutcomeEntry;
    struct Alarm {
        WallTime due;
        MessageId id;
        std::uint32_t delivery;
        friend bool operator>(const Alarm& a, const Alarm& b) { return a.due > b.due; }
    };

    // intake
    static constexpr Duration patience = 60s;  // how long a commit waits for journal room
    // The accept record is durable.
    void accepted(AcceptRecord record, Extent accept, BlockRef body);
    bool bodies_fit() const;
    bool slow() const;  // a 250 should wait
    runtime::Task<std::expected<void, Refusal>> wait_for_room(MonoTime until);
    void room_again();

    // lending
    void offer(YoungDelivery& young, std::unique_ptr<Delivery> delivery);
    void wait(Young& message, YoungDelivery& young);
    void announce(OriginDestination& destination);
    runtime::Task<void> introduce();
    runtime::Task<void> offer_wanted(MessageId id, std::shared_ptr<Want> want);
    runtime::Task<void> read_and_offer(MessageId id, DestinationName name);
    runtime::Task<IoResult<std::string>> read_accept(const Young& message);
    YoungDelivery* delivery_of(Young& message, const DestinationKey& key);
    void finish_want(std::shared_ptr<Want> want);
    runtime::Task<void> answer(std::unique_ptr<BodyCall> call);

    // deferrals of young deliveries
    void defer(Young& message, std::uint32_t delivery);
    YoungDelivery* deferral_of(const Alarm& alarm);
    void set_alarm();
    void ring();
    runtime::Task<void> offer_due(MessageId id, DestinationName name);

    // settle
    void recorded(OutcomeEntry& entry);
    void acknowledge(std::unique_ptr<Delivery> delivery);
    void notify(DestinationName name, Place place, const MessageId& id);

    // retire.cpp
    runtime::Task<void> retire();
    runtime::Task<bool> retire_segment(Lsn end);
    class SegmentReader;
    struct Read {  // a message, read back whole
        MessageId id;
        std::vector<std::string> parts;
        std::vector<DeliveryFacts> deliveries;  // as accepted
    };
    struct Progress {  // batches issued and not yet applied
        unsigned ahead = 0;
        bool flushed = false;
        runtime::Event changed;
    };
    runtime::Task<IoResult<Read>> read_whole(SegmentReader& reader, const Young& message);
    void issue(std::vector<Read> read, Lsn tail, std::shared_ptr<Progress> progress);
    void forget_waiting(OriginDestination& destination);
    void retired(const std::vector<MessageId>& ids, std::vector<Notice::Key> keys);
    runtime::Task<bool> carry_forward(Lsn end);
    bool should_retire();

    QueueSet& set_;
    runtime::Shard& shard_;
    Journal& journal_;
    StoreWriter& writer_;
    DeliveryLog* const log_;
    metrics::Sheet& sheet_;
    const std::shared_ptr<MemoryAccount> bodies_;
    const OriginLimits limits_;
    const std::string hostname_;

    YoungTable young_;
    std::vector<IncomingMessage*> large_;  // open messages with parts in the journal
    bool introducing_ = false;             // a start's destinations are being announced, from the first on
    std::deque<DestinationName> introductions_;
    std::size_t offering_ = 0;  // due deferrals that are being read back
    // Of young deferrals, soonest first; some are of messages that are young no more.
    struct Alarms : std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>> {
        template <class Condition>
        void erase_if(Condition condition) {
            std::erase_if(c, condition);
            c.shrink_to_fit();
            std::make_heap(c.begin(), c.end(), comp);
        }
    };
    Alarms alarms_;
    std::size_t alarms_sweep_ = 4096;  // with so many, those of no use are thrown out
    runtime::Timer alarm_;
    WaitList slowed_;  // commits that wait for journal room
    runtime::Timer slow_look_;
    runtime::Event retire_work_;
    runtime::Timer age_look_;  // when the oldest survivor is old
    bool stopping_ = false, closing_ = false;
    std::size_t recording_ = 0;  // outcomes on the way into the journal or the store
    runtime::Event quiet_;
    runtime::Gate gate_;
};

}  // namespace angarium::queue

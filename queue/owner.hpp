// The owner's side of the queue on one shard: the destinations that hash to it. It decides what becomes of each delivery;
// origins record it. Owning thread: the shard's.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>

#include "engine/runtime/event.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/sheet.hpp"
#include "queue/carrier.hpp"
#include "queue/destination.hpp"
#include "queue/letters.hpp"
#include "queue/schedule.hpp"

namespace angarium::queue {

class QueueSet;

struct WindowLimits {
    std::size_t per_destination = 1024;  // ready deliveries in memory
    std::size_t probe = 8;               // of a destination that has not answered yet since it failed
    std::size_t in_all = 32768;          // on one shard: some 600 bytes each without bodies
    unsigned due_share = 4;              // every so many taken is a due deferral, while there are both
};

struct OwnerParts {
    QueueSet& set;
    runtime::Shard& shard;
    Store& store;
    runtime::Workers& readers;
    metrics::Sheet& sheet;
    std::shared_ptr<MemoryAccount> bodies;
    RetryOptions retry;
    WindowLimits window;
};

class Owner final : public Outlet {
  public:
    explicit Owner(OwnerParts parts);
    ~Owner() override;
    // Before the first letter.
    void carry_with(Carrier& carrier) { carrier_ = &carrier; }

    // Outlet.
    void settle(std::unique_ptr<Delivery> delivery) override;
    void put_back(std::unique_ptr<Delivery> delivery) override;
    void fail(ReadyQueue& destination, Verdict verdict, Reason reason) override;
    void reached(ReadyQueue& destination) override;
    runtime::Task<IoResult<BlockRef>> fetch(const Delivery& delivery, std::uint32_t part) override;
    bool may_attempt() const override;

    // Letters from origins.
    void offered(std::unique_ptr<Delivery> delivery);
    void acknowledged(std::unique_ptr<Delivery> delivery);
    // `found`: by a start; nobody has tried it yet.
    void waiting(const DestinationName& name, ShardId origin, bool found);
    void wanted(const Want& want);
    void noticed(const DestinationName& name, Place place, const MessageId& id, bool found);
    // Destinations that a start has found and whose mail has not been tried yet. Any thread.
    std::size_t on_trial() const { return on_trial_.load(std::memory_order_relaxed); }

    // Gives untried deliveries back and takes no more; the carrier finishes its attempts meanwhile.
    void stop();
    // Resumes when nothing is held: every outcome is recorded.
    runtime::Task<void> close();
    std::size_t held() const { return shares_[0].held + shares_[1].held; }

    // For people: what each destination is doing.
    struct Report {
        DestinationName name;
        std::size_t ready = 0, attempting = 0;
        bool in_store = false;                                 // more of it waits in the store
        std::optional<std::chrono::milliseconds> backing_off;  // until the next attempt
        std::uint32_t failures = 0;
        std::string last_reason;
    };
    std::vector<Report> report() const;

  private:
    friend class Destination;
    class LoadJob;
    class BodyJob;
    runtime::Task<void> load(Destination& destination, bool deferred, std::size_t most, Place place,
                             MessageId from);
    // For bounces; so many at a time.
    static constexpr std::size_t most_quoting = 16;
    runtime::Task<void> settle_with_bodies();
    void send_outcome(std::unique_ptr<Delivery> delivery);
    Destination& destination(const DestinationKey& key);
    void touch(Destination& destination);
    void settle_down();
    // Each source leaves an eighth of the shard's windows to the other: an old queue does not keep new mail for other
    // destinations out of memory, nor the reverse.
    struct Share {
        std::size_t held = 0;             // deliveries of all destinations
        std::size_t coming = 0;           // asked for
        std::deque<Destination*> hungry;  // could not refill: no room
    };
    Share& share(Source source) { return shares_[static_cast<std::size_t>(source)]; }
    const Share& share(Source source) const { return shares_[static_cast<std::size_t>(source)]; }
    std::size_t most_of_one() const { return limits_.in_all - limits_.in_all / 8; }
    // How many more deliveries may be asked for.
    std::size_t room(Source source) const;
    // Once the windows are full, room comes back one by one; a load for each would cost more than the delivery.
    std::size_t worth_a_load() const { return std::clamp<std::size_t>(limits_.in_all / 16, 1, 16); }
    bool full(Source source) const { return held() >= limits_.in_all || share(source).held >= most_of_one(); }

    QueueSet& set_;
    runtime::Shard& shard_;
    Store& store_;
    runtime::Workers& readers_;
    metrics::Sheet& sheet_;
    const std::shared_ptr<MemoryAccount> bodies_;
    const RetryOptions retry_;
    const WindowLimits limits_;
    Carrier* carrier_ = nullptr;
    DestinationSet<Destination> destinations_;
    std::vector<Destination*> touched_;
    std::array<Share, sources.size()> shares_;
    std::deque<std::unique_ptr<Delivery>> unquoted_;  // have failed, and wait for their bodies
    std::size_t quoting_ = 0;
    runtime::Timer pause_look_;  // while no attempt may begin
    std::atomic<std::size_t> on_trial_ = 0;
    bool stopping_ = false;
    runtime::Event quiet_;
    runtime::Gate gate_;
};

}  // namespace angarium::queue

// A destination at its owner: the window of ready deliveries in memory, what waits elsewhere (young at their origins, old
// in the store), and its backoff. Owning thread: the shard's. The rules:
//
//   * New mail enters the window while nothing *ready* of the destination waits in the store and the window has room; else it
//     goes back to its origin and waits there, young, then old.
//   * The window is refilled when it is half empty: due deferrals and ready ones from the store, then what waits at the
//     origins. Deferrals have their own lane, and one in `due_share` taken is one of them: neither starves the other.
//   * A delivery in memory (window, attempt, or outcome under way) is `held`; a load skips what is held, and what was let go
//     since it began. If a held one was skipped, letting go moves the cursor back to it.
//   * In backoff nothing is held: everything untried has gone back.
//   * What a start has found is on trial: it goes on like behind a failure, and counts until its first attempt.
//
// States: active (mail in the window or on its way there) → backoff (after a failure of the destination, until a time) →
// probing (a few deliveries, until one is taken by the other side) → active; idle ones are forgotten.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <bitset>
#include <memory>
#include <optional>
#include <vector>

#include "engine/runtime/timer.hpp"
#include "queue/carrier.hpp"
#include "queue/delivery_line.hpp"
#include "queue/names.hpp"
#include "queue/store.hpp"

namespace angarium::queue {

class Owner;

// Where a delivery in the window comes from: lent by an origin, or loaded from the store.
enum class Source : std::uint8_t { young, stored };
inline constexpr std::array sources{Source::young, Source::stored};

class Destination final : public ReadyQueue {
  public:
    Destination(Owner& owner, DestinationName name);
    ~Destination() override;

    // ReadyQueue.
    std::string_view stream() const override { return name_.stream; }
    std::string_view domain() const override { return name_.domain; }
    DestinationKey key() const { return name_; }
    std::size_t ready() const override { return fresh_.size() + due_.size(); }
    std::unique_ptr<Delivery> take() override;

    // News, from origins, the store and the carrier. Each changes what is known here and marks the destination as touched;
    // what follows from it (refill, announce, forget) happens once, in settle_down().
    void offered(std::unique_ptr<Delivery> delivery);
    void acknowledged(const MessageId& id);
    void waiting_at(ShardId origin);
    void wanted(ShardId origin, bool more);
    void in_store(Place place, const MessageId& id);
    void begin_trial();
    void loaded(bool deferred, LoadResult result);
    void settled(std::unique_ptr<Delivery> delivery);
    void put_back(std::unique_ptr<Delivery> delivery);
    void fail(Verdict verdict, const Reason& reason);
    void reached();
    void give_back_all();

    // Refills the window, sets the timer, tells the carrier. True: idle, to be forgotten.
    bool settle_down();

  private:
    friend class Owner;
    struct Held {
        bool stored = false;   // loaded from the store, not lent by an origin
        bool skipped = false;  // a load found its key and passed it
        Place place;           // of that key
    };
    void refill();
    std::size_t allowance(Source source) const;
    std::size_t reserve(std::size_t wanted, Source source);
    void hold(const MessageId& id, Source source);
    void end_trial();
    void want(std::size_t count);
    void enter(std::unique_ptr<Delivery> delivery, bool front = false);
    void give_back(std::unique_ptr<Delivery> delivery);
    void forget(const MessageId& id);
    void look(Place place, const MessageId& id);
    void send_outcome(std::unique_ptr<Delivery> delivery);
    void end_untried(std::unique_ptr<Delivery> delivery, Verdict verdict, const Reason& reason);
    void back_off(std::chrono::milliseconds delay);
    void expire_or_back_off();
    bool must_wait();
    bool idle() const;
    bool waits_anywhere() const { return waiting_.any() || store_ready_ || next_due_.has_value(); }
    bool waits_now() const;
    std::size_t target() const;  // how many deliveries the window should hold

    Owner& owner_;
    const DestinationName name_;

    // The window.
    DeliveryLine fresh_, due_;
    unsigned turn_ = 0;      // shares take() between the lanes
    std::size_t taken_ = 0;  // being attempted
    absl::flat_hash_map<MessageId, Held> held_;

    // What waits at the origins, and whom we have asked.
    std::bitset<256> waiting_, wanting_;

    // What waits in the store: ready ones from `ready_from_` on; the first deferral.
    bool store_ready_ = false;
    MessageId ready_from_;
    std::optional<WallTime> next_due_;
    MessageId due_from_;
    bool loading_ready_ = false, loading_deferred_ = false;
    std::vector<MessageId> gone_;  // let go since a load began

    // Backoff.
    bool backing_off_ = false, probing_ = false, on_trial_ = false;
    std::uint32_t failures_ = 0;  // in a row
    MonoTime until_{};
    std::string last_reason_;  // of the last failure, for people
    std::optional<Reason>
        expiring_;  // the destination failed and its oldest mail has expired: so does what else has
    runtime::Timer timer_;

    // Bookkeeping of the owner.
    bool touched_ = false, told_ready_ = false, carried_ = false;
    std::bitset<sources.size()> hungry_;  // by source
};

}  // namespace angarium::queue

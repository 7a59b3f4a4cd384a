// The queue's face towards outbound. A destination (stream + domain) with ready deliveries is announced to the Carrier;
// the carrier takes deliveries from it one by one as it has connections for them, and settles each, or puts it back
// untried. What concerns a destination as a whole (no route, no connection) is said once. All calls and
// callbacks happen on the shard that owns the destination.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/base/result.hpp"
#include "engine/runtime/task.hpp"
#include "queue/body.hpp"
#include "queue/delivery.hpp"

namespace angarium::queue {

// A destination as outbound sees it. It lives while `pin`ned or while it has ready or taken deliveries; the carrier
// forgets it when told gone().
class ReadyQueue {
  public:
    virtual ~ReadyQueue() = default;
    virtual std::string_view stream() const = 0;
    virtual std::string_view domain() const = 0;
    // Deliveries that can be taken at once.
    virtual std::size_t ready() const = 0;
    // The next delivery, or null. The caller settles it or puts it back.
    virtual std::unique_ptr<Delivery> take() = 0;

    // A place for the carrier's own state about this destination (site, position in a round robin); the carrier frees it
    // in Carrier::gone.
    void* carrier_state = nullptr;
};

class Carrier {
  public:
    virtual ~Carrier() = default;
    // Deliveries became ready where none were before. More may follow without a further call until ready() is 0.
    virtual void ready(ReadyQueue& destination) = 0;
    // The destination has nothing ready, nothing taken, and is about to be forgotten, or is in backoff. carrier_state
    // must be dropped; the reference is invalid afterwards.
    virtual void gone(ReadyQueue& destination) = 0;
    // A settled delivery that the peer took is on record now: one fewer that a crash would deliver again. Called once
    // for each such settle, in any order.
    virtual void recorded() = 0;
};

class Outlet {
  public:
    virtual ~Outlet() = default;
    // The attempt has ended: delivery->outcome says how, one result per recipient. Deferred ones come back when due.
    virtual void settle(std::unique_ptr<Delivery> delivery) = 0;
    // It was not attempted (the connection went before MAIL was answered): it goes back to the front.
    virtual void put_back(std::unique_ptr<Delivery> delivery) = 0;
    // All exchangers of the destination failed (temporary: backs off as a whole, expired deliveries end) or it can never
    // be reached (permanent: null MX, NXDOMAIN: all its deliveries fail with this reason).
    virtual void fail(ReadyQueue& destination, Verdict verdict, Reason reason) = 0;
    // The destination took a delivery or answered sensibly: its backoff starts anew.
    virtual void reached(ReadyQueue& destination) = 0;
    // Part `part` (0-based) of the body, from memory, journal or store.
    virtual runtime::Task<IoResult<BlockRef>> fetch(const Delivery& delivery, std::uint32_t part) = 0;
    // Attempts must pause (no room to record what becomes of them); Carrier is told nothing: ask again after a while.
    virtual bool may_attempt() const = 0;
};

}  // namespace angarium::queue

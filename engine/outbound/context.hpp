// Context: what all sites and connections of a shard share. Owned by the Dispatcher; owning thread: the shard's.
#pragma once

#include <coroutine>

#include "engine/base/chain.hpp"
#include "engine/outbound/address_book.hpp"
#include "engine/outbound/budget.hpp"
#include "engine/outbound/idle_pool.hpp"
#include "engine/outbound/in_doubt.hpp"
#include "engine/outbound/options.hpp"
#include "engine/outbound/slots.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/stream.hpp"
#include "engine/runtime/timer.hpp"
#include "metrics/sheet.hpp"
#include "queue/carrier.hpp"

namespace angarium::outbound {

class Site;
class Connection;

struct Context {
    // `on_tick(owner)` runs a moment after a pause(): everything is considered anew.
    Context(runtime::Shard& shard_, runtime::Network& network_, queue::Outlet& outlet_, SlotDesk& desk_,
            metrics::Sheet& metrics_, const Options& options_, runtime::Timer::Callback on_tick, void* owner)
        : shard(shard_),
          network(network_),
          outlet(outlet_),
          desk(desk_),
          metrics(metrics_),
          options(options_),
          addresses(options_.address_rest),
          without_tls(options_.tls_rest),
          budget((options_.connections + shard_.shards() - 1) / shard_.shards()),
          tick_(on_tick, owner) {}

    // Somebody must wait for what nobody announces: attempts may not start now, or a site holds back.
    void pause() {
        if (!tick_.armed()) tick_.arm(shard.timers(), shard.now() + 100ms);
    }
    void stop_ticking() { tick_.disarm(); }

    runtime::Shard& shard;
    runtime::Network& network;
    queue::Outlet& outlet;
    SlotDesk& desk;
    metrics::Sheet& metrics;
    const Options& options;

    std::shared_ptr<const Materials> materials;  // new connections look here
    runtime::Workers* workers = nullptr;         // for hashing passwords
    AddressBook addresses;
    AddressBook without_tls;  // TLS failed there: plain text, where that will do
    Budget budget;
    IdlePool idle;
    InDoubt in_doubt;
    Chain<Connection> connections;  // all of the shard
    Chain<Site> sites;              // all, in the order of their making
    Chain<Site> hungry;             // sites that found the budget full
    runtime::Gate gate;             // holds every connection and every lookup
    bool draining = false;

  private:
    runtime::Timer tick_;
};

// Lets the caller's caller finish first: goes through the ready list once.
class Yield {
  public:
    Yield() {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        runtime::current_ready_list().push(runtime::resume_of(waiter));
    }
    void await_resume() {}
};

}  // namespace angarium::outbound

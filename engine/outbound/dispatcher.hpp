// Dispatcher: outbound's face towards the queue, one per shard. A destination that has ready mail is led to its site (by
// static route, else by its mail exchangers), once and not for every message; the site's connections take its deliveries
// from there on.
//
//   Carrier::ready ─► route table ─► names' addresses ─┐
//                          └──────► exchangers (MX) ───┴─► Site ─► Connection ─► Outlet::settle
//
// Owning thread: the shard's. Errors: a destination that cannot be led anywhere is told so through Outlet::fail.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolver.hpp"
#include "engine/outbound/context.hpp"
#include "engine/outbound/domain_table.hpp"
#include "engine/outbound/options.hpp"
#include "engine/outbound/site.hpp"
#include "engine/outbound/slots.hpp"
#include "engine/outbound/string_map.hpp"
#include "queue/carrier.hpp"

namespace angarium::outbound {

class Dispatcher final : public queue::Carrier {
  public:
    // Everything outlives the dispatcher. `slots` is shared by all shards and made with Options::site_start, site_most.
    Dispatcher(runtime::Shard& shard, runtime::Network& network, dns::Resolver& resolver,
               queue::Outlet& outlet, SlotSet& slots, metrics::Sheet& metrics, Options options);
    // Contexts and secrets of Options::protections, for connections that are made from now on. Before the first of these
    // there is no TLS.
    void use(std::shared_ptr<const Materials> materials);
    // Who hashes passwords, which takes milliseconds. Outlives the dispatcher. Without, the shard does.
    void hash_with(runtime::Workers& workers) { context_.workers = &workers; }
    // After drain().
    ~Dispatcher() override;
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    void ready(queue::ReadyQueue& destination) override;
    void gone(queue::ReadyQueue& destination) override;
    void recorded() override { context_.in_doubt.leave(); }

    // Takes no more deliveries, closes idle connections, lets attempts under way finish, breaks them off at the
    // deadline (those that the peer cannot have taken go back untried), and returns when nothing is left. A TCP
    // connection that is just being made is waited for.
    runtime::Task<void> drain(MonoTime deadline);

    std::size_t sites() const { return sites_.size(); }
    unsigned connections() const { return context_.budget.used(); }
    std::size_t idle_connections() const { return context_.idle.size(); }

  private:
    struct Located {
        std::string site;
        ProtectionId protection = 0;
        std::vector<SiteAddress> addresses;
    };
    using Location = std::expected<Located, Judgement>;

    Site* beaten_way(std::string_view domain);
    void lead(DestinationState& destination, Site& site);
    runtime::Task<void> resolve(std::shared_ptr<DestinationState> destination);
    runtime::Task<Location> locate(std::string domain);
    runtime::Task<Location> locate_route(const Route& route);
    runtime::Task<Location> locate_exchangers(std::string domain);
    ProtectionId protection_of(std::string_view domain) const;
    runtime::Task<void> fail_later(std::shared_ptr<DestinationState> destination);
    void offer(DestinationState& destination);
    Site& site_of(const Located& location);
    void tick();
    void sweep();

    Options options_;
    DomainTable routes_, tls_rules_;
    dns::Resolver& resolver_;
    Chain<DestinationState> destinations_;
    Context context_;
    FlatNameMap<std::unique_ptr<Site>> sites_;
    std::string name_;  // of a site that is looked up, so that its memory is taken once
    runtime::Timer sweep_timer_;
    runtime::Timer drain_timer_;
};

}  // namespace angarium::outbound

#include "engine/outbound/dispatcher.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "engine/outbound/connection.hpp"
#include "engine/smtp/mailbox.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::outbound {

using runtime::Task;

namespace {
// A destination stays with its site, and the site with its addresses, this long without asking the resolver again (whose
// answers live at least as long).
constexpr Duration resolution_lives = 5s;
// Sites that nothing depends on are forgotten at this pace.
constexpr Duration sweep_every = 5s;

// Names the site of a route, from its hosts: "route:mail1.example.net:25,mail2.example.net:25".
std::string site_name(const Route& route, std::uint16_t default_port) {
    std::string name = "route:";
    for (std::size_t i = 0; i < route.to.size(); ++i) {
        const RouteHost& to = route.to[i];
        fmt::format_to(std::back_inserter(name), "{}{}:{}", i == 0 ? "" : ",", to.host,
                       to.port != 0 ? to.port : default_port);
    }
    return name;
}
}  // namespace

Dispatcher::Dispatcher(runtime::Shard& shard, runtime::Network& network, dns::Resolver& resolver,
                       queue::Outlet& outlet, SlotSet& slots, metrics::Sheet& metrics, Options options)
    : options_(std::move(options)),
      resolver_(resolver),
      context_(
          shard, network, outlet, slots.desk(shard.id()), metrics, options_,
          [](void* self) { static_cast<Dispatcher*>(self)->tick(); }, this),
      sweep_timer_([](void* self) { static_cast<Dispatcher*>(self)->sweep(); }, this),
      drain_timer_(
          [](void* self) {
              static_cast<Dispatcher*>(self)->context_.connections.each([](Connection& connection) {
                  connection.abort();
                  return true;
              });
          },
          this) {
    for (const Route& route : options_.routes) routes_.add(route.domains);
    for (const TlsRule& rule : options_.tls_rules) tls_rules_.add(rule.domains);
}

Dispatcher::~Dispatcher() {
    while (!destinations_.empty()) gone(*destinations_.front().queue);
}

void Dispatcher::use(std::shared_ptr<const Materials> materials) {
    context_.materials = std::move(materials);
    for (const auto& [name, site] : sites_) site->end_rest();
}

// --- destinations ---

void Dispatcher::ready(queue::ReadyQueue& destination) {
    if (context_.draining) return;
    auto* state = static_cast<DestinationState*>(destination.carrier_state);
    if (state == nullptr) {
        auto made = std::make_shared<DestinationState>(destination);
        state = made.get();
        destination.carrier_state = state;
        destinations_.push_back(state->known);
        state->self = std::move(made);
    }
    if (state->resolving) return;
    bool known = state->site != nullptr && context_.shard.now() - state->resolved_at < resolution_lives;
    if (Site* const site = known ? nullptr : beaten_way(destination.domain())) {
        lead(*state, *site);
        known = true;
    }
    if (known && state->site->resting(*state) == nullptr) return state->site->enlist(*state);
    state->resolving = true;
    if (known)
        context_.gate.hold(fail_later(state->self));
    else
        context_.gate.hold(resolve(state->self));
}

void Dispatcher::gone(queue::ReadyQueue& destination) {
    auto* state = static_cast<DestinationState*>(std::exchange(destination.carrier_state, nullptr));
    if (state == nullptr) return;
    const auto last = std::move(state->self);
    if (state->site != nullptr) state->site->abandon(*state);
    state->known.leave();
    state->queue = nullptr;
}

// What follows a ready() happens after it has returned: the queue may be in the middle of a change.
Task<void> Dispatcher::fail_later(std::shared_ptr<DestinationState> destination) {
    Yield later;
    co_await later;
    destination->resolving = false;
    if (destination->queue != nullptr && !context_.draining) offer(*destination);
}

Task<void> Dispatcher::resolve(std::shared_ptr<DestinationState> destination) {
    Yield later;
    co_await later;
    if (destination->queue == nullptr) co_return;
    auto location = co_await locate(std::string(destination->queue->domain()));
    destination->resolving = false;
    if (destination->queue == nullptr || context_.draining) co_return;
    if (!location) {
        const Judgement& why = location.error();
        context_.outlet.fail(*destination->queue, why.verdict, why.reason);
        co_return;
    }
    Site& site = site_of(*location);
    site.set_addresses(std::move(location->addresses));
    lead(*destination, site);
    offer(*destination);
}

void Dispatcher::lead(DestinationState& destination, Site& site) {
    site.adopt(destination);
    destination.resolved_at = context_.shard.now();
}

void Dispatcher::offer(DestinationState& destination) {
    const Judgement* resting = destination.site->resting(destination);
    if (resting != nullptr) {
        const Judgement why = *resting;
        context_.outlet.fail(*destination.queue, why.verdict, why.reason);
    } else if (destination.queue->ready() > 0) {
        destination.site->enlist(destination);
    }
}

// --- where it goes ---

// The site of a domain by MX whose route is at hand, if others were led there a moment ago, so that it knows its addresses:
// nothing is asked, waited for or copied. Most mail for many domains goes this way, since a destination without mail is
// forgotten. nullptr: it is to be located.
Site* Dispatcher::beaten_way(std::string_view domain) {
    if (routes_.find(domain)) return nullptr;
    const dns::Exchangers* const route = resolver_.known(domain);
    if (route == nullptr) return nullptr;
    name_.assign(route->site);
    name_ += site_suffix(options_.protections, protection_of(domain));
    const auto found = sites_.find(name_);
    if (found == sites_.end() || context_.shard.now() - found->second->addressed_at() >= resolution_lives)
        return nullptr;
    return found->second.get();
}

// Routes and policies name domains as DNS is asked for them.
Task<Dispatcher::Location> Dispatcher::locate(std::string domain) {
    if (!smtp::is_ascii(domain)) {
        const auto parsed = smtp::Domain::parse(domain, smtp::Utf8::allowed);
        if (parsed) domain = parsed->dns_name();
    }
    const auto route = routes_.find(domain);
    Task<Location> way;
    if (route)
        way = locate_route(options_.routes[*route]);
    else
        way = locate_exchangers(std::move(domain));
    auto location = co_await way;
    if (location) location->site += site_suffix(options_.protections, location->protection);
    co_return location;
}

// The one answer to how mail by MX for a domain is protected. What a domain says about itself (DANE, MTA-STS) belongs here:
// it would be asked after the exchangers are known, and make protections that live as long as its answer.
ProtectionId Dispatcher::protection_of(std::string_view domain) const {
    const auto rule = tls_rules_.find(domain);
    return rule ? options_.tls_rules[*rule].protection : ProtectionId{0};
}

Task<Dispatcher::Location> Dispatcher::locate_route(const Route& route) {
    Located located;
    located.site = site_name(route, options_.port);
    located.protection = route.protection;
    std::optional<dns::Trouble> trouble;
    unsigned preference = 0;
    for (const RouteHost& to : route.to) {
        const auto addresses = co_await resolver_.addresses(to.host);
        if (!addresses && !trouble) trouble = addresses.error();
        if (!addresses) continue;
        const std::uint16_t port = to.port != 0 ? to.port : options_.port;
        for (const IpAddress& address : *addresses)
            located.addresses.push_back({to.host, route.balance ? 0 : preference, Endpoint{address, port}});
        ++preference;
    }
    if (located.addresses.empty()) {
        if (!trouble) trouble.emplace();
        co_return std::unexpected(judge_route(*trouble));
    }
    co_return located;
}

Task<Dispatcher::Location> Dispatcher::locate_exchangers(std::string domain) {
    Located located;
    located.protection = protection_of(domain);
    const auto route = co_await resolver_.exchangers(std::move(domain));
    if (!route) co_return std::unexpected(judge(route.error()));
    located.site = route->site;
    for (const dns::Exchanger& exchanger : route->hosts)
        for (const IpAddress& address : exchanger.addresses)
            located.addresses.push_back(
                {exchanger.host, exchanger.preference, Endpoint{address, options_.port}});
    co_return located;
}

// --- sites ---

Site& Dispatcher::site_of(const Located& location) {
    auto& site = sites_[location.site];
    if (!site) site = std::make_unique<Site>(context_, location.site, location.protection);
    if (!sweep_timer_.armed()) sweep_timer_.arm(context_.shard.timers(), context_.shard.now() + sweep_every);
    return *site;
}

void Dispatcher::tick() {
    context_.sites.each([](Site& site) {
        site.consider();
        return true;
    });
}

void Dispatcher::sweep() {
    absl::erase_if(sites_, [](const auto& entry) { return entry.second->unused(); });
    if (!sites_.empty()) sweep_timer_.arm(context_.shard.timers(), context_.shard.now() + sweep_every);
}

Task<void> Dispatcher::drain(MonoTime deadline) {
    context_.draining = true;
    context_.stop_ticking();
    context_.connections.each([](Connection& connection) {
        connection.drain();
        return true;
    });
    drain_timer_.arm(context_.shard.timers(), deadline);
    co_await context_.gate.closed();
    drain_timer_.disarm();
    sweep_timer_.disarm();
}

}  // namespace angarium::outbound

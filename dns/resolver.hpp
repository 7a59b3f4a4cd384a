// Resolver: what the outbound side asks. Where does mail for this domain go, and what are this host's addresses? One per
// shard; a warm answer completes without suspending.
//
// A question's way: the table of resolved routes, else MX from the cache, then A and AAAA of the best exchangers, all at
// once, then the rules of mx.hpp. A route is kept until the first of its answers expires, its trouble likewise. A route
// that lacks some addresses because a question failed is kept a little longer than that failure (RouteOptions).
//
// Owning thread: the shard's. Errors: Trouble, permanent or temporary. A permanent one is never concluded from an answer
// that is stale.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "dns/cache.hpp"
#include "dns/clock_map.hpp"
#include "dns/mx.hpp"
#include "dns/options.hpp"

namespace angarium::dns {

class Resolver {
  public:
    using Route = std::expected<Exchangers, Trouble>;
    using Addresses = std::expected<std::vector<IpAddress>, Trouble>;

    // Shard, lookup and metrics outlive the resolver. options.route.hostname and own_endpoints feed the loop guard.
    Resolver(runtime::Shard& shard, Lookup& lookup, metrics::Sheet& metrics, Options options);

    // The exchangers of a recipient's domain: a name of A-labels, or an address literal "[192.0.2.1]",
    // "[IPv6:2001:db8::1]". Equal preferences come in a new random order each time.
    runtime::Task<Route> exchangers(std::string domain);

    // The exchangers of a domain whose route is at hand, by preference and always in the same order; nullptr where something
    // would have to be asked, or where the route is trouble. Counts as a hit. Points into the table: not for longer than this turn.
    const Exchangers* known(std::string_view domain);

    // The addresses of a host that the operator named (a smarthost); an address as text stands for itself. Neither the
    // loop guard nor the prohibited networks apply.
    runtime::Task<Addresses> addresses(std::string host);

    // Everything under way completes with a temporary trouble, as does everything asked later. To be awaited before the
    // end.
    runtime::Task<void> stop() { return cache_.stop(); }

    const Cache& cache() const { return cache_; }

  private:
    struct Remembered {
        Route route;
        MonoTime expires;
        bool pinned() const { return false; }
    };
    // How long a conclusion holds, and whether it may be final.
    struct Basis {
        MonoTime firm = MonoTime::max();       // until the first answer expires
        MonoTime uncertain = MonoTime::max();  // until the first failure may be asked again
        bool stale = false;
        void rest_on(const Kept& kept);
    };
    MonoTime expiry(const Basis& basis, const Route& route) const;

    runtime::Task<Route> resolve(std::string_view domain, Basis& basis);
    runtime::Task<std::vector<HostAnswers>> resolve_hosts(std::vector<MxRecord> hosts, Basis& basis);
    Route literal_route(const std::string& domain) const;
    void remember(std::string domain, const Route& route, MonoTime expires);
    Route in_new_order(const Route& route);

    runtime::Shard& shard_;
    metrics::Sheet& metrics_;
    RouteOptions options_;
    Cache cache_;
    ClockMap<Remembered> routes_;
};

}  // namespace angarium::dns

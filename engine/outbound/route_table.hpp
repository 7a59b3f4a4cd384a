// RouteTable: which static route, if any, a domain takes. Immutable; the first route with a matching pattern wins.
// Owning thread: the shard's (each has its own).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/outbound/options.hpp"
#include "engine/outbound/string_map.hpp"

namespace angarium::outbound {

class RouteTable {
  public:
    // Patterns in lower case. Routes outlive the table.
    explicit RouteTable(const std::vector<Route>& routes);

    // `domain` in lower case; nullptr: by MX.
    const Route* find(std::string_view domain) const;
    // Names the site of a route, from its hosts: "route:mail1.example.net:25,mail2.example.net:25".
    static std::string site_name(const Route& route, std::uint16_t default_port);

  private:
    const std::vector<Route>& routes_;
    // Pattern -> the first route that has it. Exact names, suffixes (without "*.") and "*" (empty).
    FlatNameMap<std::size_t> exact_, suffix_;
};

}  // namespace angarium::outbound

#include "engine/outbound/route_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace angarium::outbound {

RouteTable::RouteTable(const std::vector<Route>& routes) : routes_(routes) {
    for (std::size_t i = 0; i < routes.size(); ++i) {
        for (const std::string& pattern : routes[i].domains) {
            if (pattern == "*")
                suffix_.try_emplace("", i);
            else if (pattern.starts_with("*."))
                suffix_.try_emplace(pattern.substr(2), i);
            else
                exact_.try_emplace(pattern, i);
        }
    }
}

const Route* RouteTable::find(std::string_view domain) const {
    std::size_t best = routes_.size();
    const auto consider = [&best](const auto& map, std::string_view key) {
        const auto found = map.find(key);
        if (found != map.end()) best = std::min(best, found->second);
    };
    consider(exact_, domain);
    consider(suffix_, "");
    if (!domain.starts_with('[')) {  // an address literal has no subdomains
        for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1))
            consider(suffix_, domain.substr(dot + 1));
    }
    return best < routes_.size() ? &routes_[best] : nullptr;
}

std::string RouteTable::site_name(const Route& route, std::uint16_t default_port) {
    std::string name = "route:";
    for (std::size_t i = 0; i < route.to.size(); ++i) {
        const RouteHost& to = route.to[i];
        fmt::format_to(std::back_inserter(name), "{}{}:{}", i == 0 ? "" : ",", to.host,
                       to.port != 0 ? to.port : default_port);
    }
    return name;
}

}  // namespace angarium::outbound

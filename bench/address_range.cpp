#include "bench/address_range.hpp"

#include <string>

namespace angarium::bench {
namespace {

std::uint32_t number_of(const IpAddress& address) {
    const auto& bytes = address.bytes();
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
           bytes[3];
}

}  // namespace

std::optional<std::vector<IpAddress>> parse_addresses(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = IpAddress::parse(text.substr(0, dash));
    if (!first) return std::nullopt;
    if (dash == std::string_view::npos) return std::vector{*first};
    const auto last = IpAddress::parse(text.substr(dash + 1));
    if (!last || !first->is_v4() || !last->is_v4()) return std::nullopt;
    const auto from = number_of(*first), to = number_of(*last);
    if (to < from || to - from >= most_addresses) return std::nullopt;
    std::vector<IpAddress> all;
    for (std::uint32_t i = 0; i <= to - from; ++i) all.push_back(IpAddress::v4(from + i));
    return all;
}

std::optional<std::vector<Endpoint>> parse_endpoints(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) {
        const auto one = Endpoint::parse(text);
        return one ? std::optional(std::vector{*one}) : std::nullopt;
    }
    const auto last = Endpoint::parse(text.substr(dash + 1));
    const auto addresses = parse_addresses(text.substr(0, text.rfind(':')));
    if (!last || !addresses) return std::nullopt;
    std::vector<Endpoint> all;
    for (const auto& address : *addresses) all.push_back({address, last->port});
    return all;
}

}  // namespace angarium::bench

// Several loopback addresses in one word: "127.0.1.1-127.0.1.20". Pure functions.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.hpp"

namespace angarium::bench {

inline constexpr std::size_t most_addresses = 1024;  // of one range

// One address, or two IPv4 addresses joined by "-" and all between them. Nothing for anything else, for a range that
// falls or has more than most_addresses.
std::optional<std::vector<IpAddress>> parse_addresses(std::string_view text);
// The same with ":PORT" behind it (an IPv6 address in brackets).
std::optional<std::vector<Endpoint>> parse_endpoints(std::string_view text);

}  // namespace angarium::bench

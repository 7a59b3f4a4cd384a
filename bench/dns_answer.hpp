// A tiny authoritative DNS server for the generated domains, as a pure function: query in, response out (RFC 1035).
//
//   dNNN.<suffix>   MX 10 mx<NNN mod hosts>.<suffix>
//   mxK.<suffix>    A or AAAA: one of the addresses, K mod their number
//   <suffix>        SOA
//   anything else   NXDOMAIN, with the SOA for negative caching
//
// Queries come from the network: any octets give a response or nothing, never a fault.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/domains.hpp"
#include "engine/base/endpoint.hpp"

namespace angarium::bench {

struct Zone {
    Domains domains;
    unsigned mx_hosts = 1;
    std::vector<IpAddress> addresses;  // of the exchangers
    std::uint32_t ttl = 300;           // seconds
};

inline constexpr std::size_t most_response = 1232;  // octets; ours are far smaller

// Fills `response` (cleared first); empty when the query deserves none.
void answer_dns(const Zone& zone, std::span<const std::uint8_t> query, std::vector<std::uint8_t>& response);

}  // namespace angarium::bench

// A tiny authoritative DNS server for the generated domains, as pure functions: query in, response out (RFC 1035).
//
//   dNNN.<suffix>   MX 10 mx<NNN mod hosts>.<suffix>
//   mxK.<suffix>    A or AAAA: one of the addresses, K mod their number; also of those beyond the exchangers, which take mail
//                   for their own names (implicit MX)
//   <suffix>        SOA
//   anything else   NXDOMAIN, with the SOA for negative caching
//
// Queries come from the network: any octets give a response or nothing, never a fault.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/domains.hpp"
#include "bench/script.hpp"
#include "engine/base/endpoint.hpp"

namespace angarium::bench {

struct Zone {
    Domains domains;
    unsigned mx_hosts = 1;
    std::vector<IpAddress> addresses;  // of the exchangers
    std::uint32_t ttl = 300;           // seconds
};

inline constexpr std::size_t most_response = 1232;  // octets; ours are far smaller

// What a query asks, as far as it can be understood.
struct DnsQuery {
    enum class Type : std::uint8_t { mx, a, aaaa, other };
    bool valid = false;  // one question, well formed
    std::uint16_t type = 0, qclass = 0;
    std::size_t end = 0;  // of the question

    Type kind() const;
    std::string_view name() const { return {text.data(), length}; }  // without the last dot
    std::array<char, 256> text;
    std::size_t length = 0;
};
inline constexpr std::array<std::string_view, 4> dns_type_names{"mx", "a", "aaaa", "other"};

enum class DnsResult : std::uint8_t { answered, no_data, nxdomain, servfail, truncated, refused, unanswered };
inline constexpr std::array<std::string_view, 7> dns_result_names{
    "answered", "no_data", "nxdomain", "servfail", "truncated", "refused", "unanswered"};

DnsQuery read_dns_query(std::span<const std::uint8_t> octets);
// Fills `response` (cleared first); empty when the query deserves none. `outcome`: what the script wants instead of the
// truth (servfail, nxdomain, truncate or stall).
DnsResult answer_dns(const Zone& zone, std::span<const std::uint8_t> octets, const DnsQuery& query,
                     Outcome outcome, std::vector<std::uint8_t>& response);

}  // namespace angarium::bench

#include "dns/own_endpoints.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>

namespace angarium::dns {
namespace {

std::vector<IpAddress> interface_addresses() {
    std::vector<IpAddress> found;
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return found;
    for (const auto* at = first; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr) continue;
        if (at->ifa_addr->sa_family == AF_INET) {
            sockaddr_in v4;
            std::memcpy(&v4, at->ifa_addr, sizeof v4);
            found.push_back(IpAddress::v4(ntohl(v4.sin_addr.s_addr)));
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            sockaddr_in6 v6;
            std::memcpy(&v6, at->ifa_addr, sizeof v6);
            std::array<std::uint8_t, 16> bytes;
            std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
            found.push_back(IpAddress::v6(bytes));
        }
    }
    ::freeifaddrs(first);
    return found;
}

bool is_wildcard(const IpAddress& address) { return address.bytes() == std::array<std::uint8_t, 16>{}; }

}  // namespace

std::vector<Endpoint> expand_wildcards(const std::vector<Endpoint>& listening) {
    std::vector<Endpoint> result;
    std::vector<IpAddress> own;
    for (const auto& endpoint : listening) {
        if (!is_wildcard(endpoint.address)) {
            result.push_back(endpoint);
            continue;
        }
        if (own.empty()) own = interface_addresses();
        if (own.empty()) result.push_back(endpoint);
        for (const auto& address : own)
            if (address.is_v4() || !endpoint.address.is_v4()) result.push_back({address, endpoint.port});
    }
    return result;
}

}  // namespace angarium::dns

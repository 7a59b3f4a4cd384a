#include "engine/runtime/sockaddr.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace angarium::runtime {

SocketAddress::SocketAddress(const Endpoint& endpoint) {
    const auto& bytes = endpoint.address.bytes();
    if (endpoint.address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, bytes.data(), 4);
        length = sizeof v4;
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        std::memcpy(&v6.sin6_addr, bytes.data(), 16);
        length = sizeof v6;
    }
}

Endpoint SocketAddress::endpoint() const {
    if (storage.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
        return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
    }
    if (storage.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &v6.sin6_addr, 16);
        return {IpAddress::v6(bytes).unmapped(), ntohs(v6.sin6_port)};
    }
    return {};
}

Endpoint local_endpoint(int descriptor) {
    SocketAddress address;
    if (::getsockname(descriptor, address.get(), &address.length) != 0) return {};
    return address.endpoint();
}

bool peer_endpoint(int descriptor, Endpoint& out) {
    SocketAddress address;
    if (::getpeername(descriptor, address.get(), &address.length) != 0) return false;
    out = address.endpoint();
    return true;
}

}  // namespace angarium::runtime

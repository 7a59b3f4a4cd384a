// An Endpoint as the kernel wants it, and back.
#pragma once

#include <sys/socket.h>

#include "engine/base/endpoint.hpp"

namespace angarium::runtime {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_storage);

    SocketAddress() = default;
    explicit SocketAddress(const Endpoint& endpoint);
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    // 0.0.0.0:0 for a family that is neither IPv4 nor IPv6.
    Endpoint endpoint() const;
};

Endpoint local_endpoint(int descriptor);
// False when the peer has gone already.
bool peer_endpoint(int descriptor, Endpoint& out);

}  // namespace angarium::runtime

// Which addresses a recipient's zone may send us to. An exchanger at a loopback, unspecified, link-local, multicast,
// reserved or broadcast address would aim our connections at ourselves or at our neighbours. Pure, any thread.
#pragma once

#include <span>

#include "engine/base/endpoint.hpp"

namespace angarium::dns {

// 0/8, 127/8, 169.254/16, 224/4, 240/4 (with the broadcast address), ::, ::1, fe80::/10, ff00::/8, and IPv4-mapped forms.
bool is_prohibited(const IpAddress& address);

// Not prohibited, or inside one of the networks that the operator allows.
bool may_use(const IpAddress& address, std::span<const IpNetwork> allow);

}  // namespace angarium::dns

#include "dns/address_policy.hpp"

#include <algorithm>

namespace angarium::dns {

bool is_prohibited(const IpAddress& raw) {
    const auto address = raw.unmapped();
    const auto& octets = address.bytes();
    if (address.is_v4()) {
        const bool link_local = octets[0] == 169 && octets[1] == 254;
        return octets[0] == 0 || octets[0] == 127 || link_local || octets[0] >= 224;
    }
    const bool multicast = octets[0] == 0xFF;
    const bool link_local = octets[0] == 0xFE && (octets[1] & 0xC0) == 0x80;
    const bool zeros =
        std::all_of(octets.begin(), octets.begin() + 15, [](auto octet) { return octet == 0; });
    return multicast || link_local || (zeros && octets[15] <= 1);
}

bool may_use(const IpAddress& address, std::span<const IpNetwork> allow) {
    if (!is_prohibited(address)) return true;
    return std::any_of(allow.begin(), allow.end(),
                       [&address](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace angarium::dns

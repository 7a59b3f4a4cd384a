// Names as DNS sees them, in the one spelling that is used as a key: lower case, no dot at the end. Pure, any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/endpoint.hpp"

namespace angarium::dns {

inline constexpr std::size_t most_name_octets =
    253;  // as text, without the last dot (RFC 1035 section 2.3.4)
inline constexpr std::size_t most_label_octets = 63;

// The key of a host or domain name: letters, digits, '-', '_' and '.', labels of 1 to 63 octets. Nothing for any other
// text; U-labels are to be turned into A-labels before.
std::optional<std::string> canonical_name(std::string_view text);

// True when `text` is already what canonical_name() returns.
bool is_canonical_name(std::string_view text);

// The address of "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3).
std::optional<IpAddress> parse_address_literal(std::string_view text);

}  // namespace angarium::dns

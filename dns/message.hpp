// Reads one DNS reply (RFC 1035 section 4) into an Answer. Strict and bounded: every octet may come from an attacker.
//
// Bounds: a message is at most 65,535 octets and is walked once; a name follows at most `most_pointers` compression
// pointers, each of which must point before the one that was followed last; at most `most_aliases` CNAMEs are kept and a
// chain of them is followed at most `most_alias_hops` times; at most `most_records` records are kept (for MX the best
// by preference). Whatever breaks the protocol is Failure::malformed. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/lookup.hpp"

namespace angarium::dns {

inline constexpr unsigned most_pointers = 64;    // a legal name has at most 127 labels; real ones under ten
inline constexpr unsigned most_aliases = 32;     // CNAME records in one reply
inline constexpr unsigned most_alias_hops = 16;  // what large resolvers follow, and more than any zone needs
inline constexpr std::size_t most_records = 100;

// The reply to `question`. The question's name is canonical; the reply must repeat it.
Answer parse_reply(std::span<const std::uint8_t> message, const Question& question);

}  // namespace angarium::dns

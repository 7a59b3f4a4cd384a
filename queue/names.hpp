// What names a destination, and which shard owns it.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "engine/base/ids.hpp"

namespace angarium::queue {

struct DestinationName {
    std::string stream, domain;
    friend bool operator==(const DestinationName&, const DestinationName&) = default;
    friend auto operator<=>(const DestinationName&, const DestinationName&) = default;
    template <class H>
    friend H AbslHashValue(H h, const DestinationName& name) {
        return H::combine(std::move(h), name.stream, name.domain);
    }
};

// The owner: FNV-1a of the domain, the same in every run and build, so that simulations replay.
inline ShardId owner_of(std::string_view domain, unsigned shards) {
    std::uint64_t hash = 0xCBF29CE484222325ull;
    for (const char c : domain) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    hash ^= hash >> 32;  // the low bits of FNV alone are poor for short names
    return ShardId{static_cast<std::uint8_t>(hash % shards)};
}

}  // namespace angarium::queue

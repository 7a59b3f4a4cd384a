// What names a destination, and which shard owns it.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <bit>
#include <compare>
#include <functional>
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

// The same, not owned: to look one up.
struct DestinationKey {
    DestinationKey(std::string_view stream_, std::string_view domain_) : stream(stream_), domain(domain_) {}
    DestinationKey(const DestinationName& name) : stream(name.stream), domain(name.domain) {}
    std::string_view stream, domain;
    friend bool operator==(const DestinationKey&, const DestinationKey&) = default;
    DestinationName name() const { return {std::string(stream), std::string(domain)}; }
};

struct DestinationHash {
    using is_transparent = void;
    std::size_t operator()(const DestinationKey& key) const {
        const std::hash<std::string_view> hash;
        return hash(key.domain) ^ std::rotl(hash(key.stream), 32);
    }
};
struct DestinationEqual {
    using is_transparent = void;
    bool operator()(const DestinationKey& a, const DestinationKey& b) const { return a == b; }
};
template <class Value>
using DestinationMap = absl::flat_hash_map<DestinationName, Value, DestinationHash, DestinationEqual>;

// The owner: FNV-1a of the domain, the same in every run and build, so that simulations replay.
inline ShardId owner_of(std::string_view domain, unsigned shards) {
    std::uint64_t hash = 0xCBF29CE484222325ull;
    for (const char c : domain) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    hash ^= hash >> 32;  // the low bits of FNV alone are poor for short names
    return ShardId{static_cast<std::uint8_t>(hash % shards)};
}

}  // namespace angarium::queue

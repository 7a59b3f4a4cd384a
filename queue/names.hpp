// What names a destination, and which shard owns it.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <bit>
#include <compare>
#include <functional>
#include <memory>
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

// What there is one of for each destination, found by its name, of which it keeps the only copy: `key()` tells it.
template <class Named>
struct ByName {
    using is_transparent = void;
    static DestinationKey key_of(const DestinationKey& key) { return key; }
    static DestinationKey key_of(const std::unique_ptr<Named>& named) { return named->key(); }
    template <class Of>
    std::size_t operator()(const Of& of) const {
        const std::hash<std::string_view> hash;
        const auto key = key_of(of);
        return hash(key.domain) ^ std::rotl(hash(key.stream), 32);
    }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
        return key_of(a) == key_of(b);
    }
};
template <class Named>
using DestinationSet = absl::flat_hash_set<std::unique_ptr<Named>, ByName<Named>, ByName<Named>>;

// The owner: FNV-1a of the domain, the same in every run and build, so that simulations replay.
inline ShardId owner_of(std::string_view domain, unsigned shards) {
    std::uint64_t hash = 0xCBF29CE484222325ull;
    for (const char c : domain) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    hash ^= hash >> 32;  // the low bits of FNV alone are poor for short names
    return ShardId{static_cast<std::uint8_t>(hash % shards)};
}

}  // namespace angarium::queue

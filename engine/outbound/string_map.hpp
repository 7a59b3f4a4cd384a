// Maps keyed by names, looked up by views. (Debian's abseil has a string_view of its own, so its hash of strings does not
// take the standard one.)
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/node_hash_map.h>

#include <functional>
#include <string>
#include <string_view>

namespace angarium::outbound {

struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};

template <class Value>
using FlatNameMap = absl::flat_hash_map<std::string, Value, NameHash, std::equal_to<>>;
// References to values stay valid.
template <class Value>
using StableNameMap = absl::node_hash_map<std::string, Value, NameHash, std::equal_to<>>;

}  // namespace angarium::outbound

// Where this host can be reached: the listeners' endpoints with wildcards expanded, for the loop guard.
#pragma once

#include <vector>

#include "engine/base/endpoint.hpp"

namespace angarium::dns {

// 0.0.0.0 and [::] become this host's addresses (IPv6's wildcard stands for both families). Reads the interfaces; for
// start-up and reloads. A host whose interfaces cannot be read keeps its wildcards, which match nothing.
std::vector<Endpoint> expand_wildcards(const std::vector<Endpoint>& listening);

}  // namespace angarium::dns

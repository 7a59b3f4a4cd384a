// DomainTable: the first of several lists of patterns that has one for a domain: "example.net", "*.example.net" (what is
// below it), "*" (every domain). Static routes and TLS policies are found so. Owning thread: the shard's (each has its own).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/outbound/string_map.hpp"

namespace angarium::outbound {

class DomainTable {
  public:
    // The patterns of the next list, in lower case.
    void add(const std::vector<std::string>& patterns);
    // The number of the first list that matches, from 0 on. `domain` in lower case.
    std::optional<std::size_t> find(std::string_view domain) const;

  private:
    std::size_t lists_ = 0;
    // Pattern -> the first list that has it. Exact names, suffixes (without "*.") and "*" (empty).
    FlatNameMap<std::size_t> exact_, suffix_;
};

}  // namespace angarium::outbound

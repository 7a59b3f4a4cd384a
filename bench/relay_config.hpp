// The relay's configuration for a measurement, as TOML text. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.hpp"

namespace angarium::bench {

class RelayConfig {
  public:
    // "queue.retry.first" gets a value, instead of an earlier one. A value that is neither number, truth value, array nor in
    // quotes is text: 1GiB and "1GiB" are the same.
    void set(std::string_view key, std::string_view value);
    // "limits.memory=1GiB". Errors: not of that form.
    Result<void> set(std::string_view assignment);
    // One of several tables of that name, behind all sections.
    void add(std::string_view table, std::vector<std::pair<std::string, std::string>> values);
    std::string text() const;

  private:
    using Values = std::vector<std::pair<std::string, std::string>>;
    struct Section {
        std::string name;
        Values values;
    };
    std::vector<Section> sections_;  // the first one is nameless: what stands before all sections
    std::vector<Section> tables_;
};

}  // namespace angarium::bench

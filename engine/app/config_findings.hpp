// What is wrong in a configuration, gathered with its places while it is read and checked.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/config.hpp"

namespace angarium::app {

struct Place {
    unsigned line = 0, column = 0;  // 0: not in the file
    friend auto operator<=>(const Place&, const Place&) = default;
};

class Findings {
  public:
    explicit Findings(std::string_view file) : file_(file) {}

    void note(const std::string& key, Place place) { places_[key] = place; }
    // The key stands in the file (else it has its default).
    bool given(const std::string& key) const { return places_.contains(key); }
    // The key's value cannot be used; what the default in its stead would break is not reported.
    void unusable(Place place, const std::string& key, std::string_view what);
    // At the key's place, or at the nearest table around it that stands in the file.
    void report(const std::string& key, std::string_view what);
    // Likewise, where it is no error but may be a mistake.
    void warn(const std::string& key, std::string_view what);
    bool empty() const { return found_.empty(); }
    // In the order of the file.
    ConfigErrors errors() const;
    std::vector<std::string> warnings() const;

  private:
    Place nearest_place(std::string_view key) const;
    std::string line(Place place, std::string_view key, std::string_view what) const;

    std::string file_;
    std::map<std::string, Place> places_;  // by full key: "queue.retry.cap", "route[0].to"
    std::set<std::string> unusable_;
    std::multimap<Place, std::string> found_, warned_;
};

// What must hold between keys, and what a single value's type cannot say.
void check_config(const Config& config, Findings& findings);
// Of which the relay policy, with what may make it an open relay.
void check_relay(const Config& config, Findings& findings);

// The names in `known` that `given` may have meant: the nearest by edit distance, if it is near enough.
std::optional<std::string> nearest(std::string_view given, const std::vector<std::string>& known);

}  // namespace angarium::app

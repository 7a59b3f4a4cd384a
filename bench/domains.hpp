// The generated recipient domains: d000.example.test, d001.example.test, ... Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace angarium::bench {

class Domains {
  public:
    // `count`: at least 1. Numbers are padded to three digits, or to as many as the last one has: all names are of equal
    // length.
    Domains(unsigned count, std::string suffix);

    unsigned count() const { return count_; }
    const std::string& suffix() const { return suffix_; }
    std::string name(unsigned number) const;
    // Octets of every name.
    std::size_t name_size() const { return 1 + digits_ + 1 + suffix_.size(); }
    // Writes the digits of `number` to where the 'd' of a name stands.
    void put_name(char* out, unsigned number) const;
    // The number of one of our names, in any case; nothing for other names.
    std::optional<unsigned> number(std::string_view name) const;

  private:
    unsigned count_;
    unsigned digits_;
    std::string suffix_;
};

// "mx12.example.test" → 12; nothing for other names. `letter` is the label's text before the number ("d", "mx").
std::optional<unsigned> numbered_label(std::string_view name, std::string_view letters,
                                       std::string_view suffix);
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace angarium::bench

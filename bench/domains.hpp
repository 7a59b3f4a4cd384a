// The generated recipient domains: d000.example.test, d001.example.test, ... Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/choice.hpp"

namespace angarium::bench {

class Domains {
  public:
    // `count`: at least 1. Numbers are padded to three digits, or to as many as the last one has: all names are of equal
    // length.
    Domains(unsigned count, std::string suffix);

    unsigned count() const { return count_; }
    const std::string& suffix() const { return suffix_; }
    std::string name(unsigned number) const;
    // The name of number 0, as long as every other: to be copied, and made another's by put_name().
    const std::string& pattern() const { return pattern_; }
    // Writes the digits of `number` to where the 'd' of a name stands.
    void put_name(char* out, unsigned number) const;
    // The number of one of our names, in any case; nothing for other names.
    std::optional<unsigned> number(std::string_view name) const;

  private:
    unsigned count_;
    unsigned digits_;
    std::string suffix_;
    std::string pattern_;
};

// Whose domain a recipient has: uniform, or with an exponent by Zipf's law, d000 being the most frequent. Immutable once
// made; constant time.
class DomainChoice {
  public:
    DomainChoice(unsigned count, double zipf);
    unsigned draw(Random& random) const {
        return by_rank_ ? by_rank_->draw(random) : static_cast<unsigned>(random.below(count_));
    }

  private:
    unsigned count_;
    std::optional<WeightedChoice> by_rank_;
};

// "mx12.example.test" → 12; nothing for other names. `letter` is the label's text before the number ("d", "mx").
std::optional<unsigned> numbered_label(std::string_view name, std::string_view letters,
                                       std::string_view suffix);
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace angarium::bench

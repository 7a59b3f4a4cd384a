#include "bench/domains.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

namespace angarium::bench {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<unsigned> numbered_label(std::string_view name, std::string_view letters,
                                       std::string_view suffix) {
    if (name.size() < letters.size() + 2 + suffix.size()) return std::nullopt;
    const auto label = name.substr(0, name.size() - suffix.size() - 1);
    if (name[label.size()] != '.' || !equal_ignoring_case(name.substr(label.size() + 1), suffix))
        return std::nullopt;
    if (!equal_ignoring_case(label.substr(0, letters.size()), letters)) return std::nullopt;
    unsigned number = 0;
    const char* const end = label.data() + label.size();
    const auto [stop, error] = std::from_chars(label.data() + letters.size(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

Domains::Domains(unsigned count, std::string suffix)
    : count_(std::max(count, 1u)),
      digits_(std::max<unsigned>(3, static_cast<unsigned>(fmt::formatted_size("{}", count_ - 1)))),
      suffix_(std::move(suffix)),
      pattern_(name(0)) {}

DomainChoice::DomainChoice(unsigned count, double zipf) : count_(count) {
    if (zipf > 0) by_rank_.emplace(zipf_weights(count, zipf));
}

std::string Domains::name(unsigned number) const {
    return fmt::format("d{:0{}}.{}", number, digits_, suffix_);
}

void Domains::put_name(char* out, unsigned number) const {
    for (unsigned i = digits_; i > 0; --i, number /= 10) out[i] = static_cast<char>('0' + number % 10);
}

std::optional<unsigned> Domains::number(std::string_view name) const {
    const auto found = numbered_label(name, "d", suffix_);
    return found && *found < count_ ? found : std::nullopt;
}

}  // namespace angarium::bench

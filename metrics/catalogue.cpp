// The catalogue checks itself while compiling: a wrong line does not build.
#include "metrics/catalogue.hpp"

#include <span>

#include "metrics/scale.hpp"

namespace angarium::metrics {
namespace {

constexpr bool name_is_clean(std::string_view name) {
    if (!name.starts_with("angarium_")) return false;
    for (const char c : name)
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    return true;
}

constexpr bool names_are_clean(std::span<const Entry> entries) {
    for (const auto& entry : entries)
        if (!name_is_clean(entry.name)) return false;
    return true;
}

// A line without help continues the family above it with other labels; a line with help starts a family of
// its own.
constexpr bool families_stand_together(std::span<const Entry> entries) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].continues() && (i == 0 || entries[i].name != entries[i - 1].name)) return false;
        if (!entries[i].continues() && entries[i].high.empty()) return false;
        for (std::size_t j = 0; j < i; ++j) {
            if (entries[i].name != entries[j].name) continue;
            if (!entries[i].continues() || entries[i].labels == entries[j].labels) return false;
            if (entries[i].labels.empty() || entries[j].labels.empty()) return false;
        }
    }
    return true;
}

constexpr bool totals_are_counts() {
    for (const auto& entry : count_entries)
        if (!entry.name.ends_with("_total")) return false;
    for (const auto& entry : level_entries)
        if (entry.name.ends_with("_total")) return false;
    for (const auto& entry : spread_entries)
        if (entry.name.ends_with("_total") || entry.per_shard()) return false;
    return true;
}

constexpr bool bounds_rise(std::span<const std::uint64_t> bounds) {
    for (std::size_t i = 1; i < bounds.size(); ++i)
        if (bounds[i] <= bounds[i - 1]) return false;
    return true;
}

static_assert(names_are_clean(count_entries) && names_are_clean(level_entries) &&
              names_are_clean(spread_entries));
static_assert(families_stand_together(count_entries),
              "a family's lines stand together, help only in the first");
static_assert(families_stand_together(level_entries),
              "a family's lines stand together, help only in the first");
static_assert(families_stand_together(spread_entries),
              "a family's lines stand together, help only in the first");
static_assert(totals_are_counts(), "counts and only counts end in _total");
static_assert(bounds_rise(detail::second_bounds) && bounds_rise(detail::byte_bounds) &&
              bounds_rise(detail::number_bounds));

}  // namespace
}  // namespace angarium::metrics

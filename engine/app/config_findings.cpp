// Gathers findings, and guesses what a mistyped key meant. See config_findings.hpp.
#include "engine/app/config_findings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/smtp/text.hpp"

namespace angarium::app {
namespace {

// Insertions, removals, replacements and swaps of neighbours that turn one into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view given, const std::vector<std::string>& known) {
    constexpr std::size_t longest = 64;  // what is longer is no slip of the finger
    if (given.size() > longest) return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_distance = std::max<std::size_t>(2, given.size() / 3) + 1;
    for (const auto& name : known) {
        const auto distance = edit_distance(given, name);
        if (distance < best_distance && distance < name.size()) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

std::string Findings::line(Place place, std::string_view key, std::string_view what) const {
    const auto where = place.line == 0 ? file_ : fmt::format("{}:{}:{}", file_, place.line, place.column);
    std::string line;  // in one, whatever stands in a quoted key or value
    smtp::append_cleaned(
        line, key.empty() ? fmt::format("{}: {}", where, what) : fmt::format("{}: {}: {}", where, key, what));
    return line;
}

Place Findings::nearest_place(std::string_view key) const {
    while (!key.empty()) {
        if (const auto place = places_.find(std::string(key)); place != places_.end()) return place->second;
        const auto end = key.find_last_of(".[");
        key = key.substr(0, end == std::string_view::npos ? 0 : end);
    }
    return {};
}

void Findings::unusable(Place place, const std::string& key, std::string_view what) {
    unusable_.insert(key);
    found_.emplace(place, line(place, key, what));
}

void Findings::report(const std::string& key, std::string_view what) {
    if (unusable_.contains(key)) return;
    const auto place = nearest_place(key);
    found_.emplace(place, line(place, key, what));
}

void Findings::warn(const std::string& key, std::string_view what) {
    const auto place = nearest_place(key);
    warned_.emplace(place, line(place, key, what));
}

std::vector<std::string> Findings::warnings() const {
    std::vector<std::string> lines;
    for (const auto& [place, text] : warned_) lines.push_back(text);
    return lines;
}

ConfigErrors Findings::errors() const {
    ConfigErrors errors;
    for (const auto& [place, text] : found_) errors.push_back(Error{text});
    return errors;
}

}  // namespace angarium::app

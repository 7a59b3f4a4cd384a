#include "bench/relay_config.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace angarium::bench {
namespace {

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

// As TOML wants it.
std::string as_value(std::string_view text) {
    constexpr std::string_view numeric = "0123456789.+-_";
    const bool is_toml =
        !text.empty() && (std::string_view("\"'[{").contains(text.front()) || text == "true" ||
                          text == "false" || text.find_first_not_of(numeric) == std::string_view::npos);
    if (is_toml) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

void print(std::string& out, const auto& values) {
    for (const auto& [key, value] : values) out += fmt::format("{} = {}\n", key, value);
}

}  // namespace

void RelayConfig::set(std::string_view key, std::string_view value) {
    const auto dot = key.rfind('.');
    const auto name = dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
    const auto last = dot == std::string_view::npos ? key : key.substr(dot + 1);
    auto section = std::ranges::find(sections_, name, &Section::name);
    if (section == sections_.end())
        section =
            sections_.insert(name.empty() ? sections_.begin() : sections_.end(), {std::string(name), {}});
    auto entry = std::ranges::find(section->values, last, &Values::value_type::first);
    if (entry == section->values.end()) entry = section->values.insert(entry, {std::string(last), ""});
    entry->second = as_value(value);
}

Result<void> RelayConfig::set(std::string_view assignment) {
    const auto equals = assignment.find('=');
    const auto key = trimmed(assignment.substr(0, equals));
    if (equals == std::string_view::npos || key.empty() || key.starts_with('.') || key.ends_with('.'))
        return failure(
            fmt::format("'{}' is no setting; one is KEY=VALUE, as in limits.memory=1GiB", assignment));
    set(key, trimmed(assignment.substr(equals + 1)));
    return {};
}

void RelayConfig::add(std::string_view table, std::vector<std::pair<std::string, std::string>> values) {
    for (auto& [key, value] : values) value = as_value(value);
    tables_.push_back({std::string(table), std::move(values)});
}

std::string RelayConfig::text() const {
    std::string out;
    for (const auto& [name, values] : sections_) {
        if (!name.empty()) out += fmt::format("\n[{}]\n", name);
        print(out, values);
    }
    for (const auto& [name, values] : tables_) {
        out += fmt::format("\n[[{}]]\n", name);
        print(out, values);
    }
    return out;
}

}  // namespace angarium::bench

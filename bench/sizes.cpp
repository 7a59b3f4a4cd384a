#include "bench/sizes.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace angarium::bench {
namespace {

constexpr std::uint64_t largest = std::uint64_t{1} << 32;  // of one message

std::unexpected<Error> no_size(std::string_view text) {
    return failure(fmt::format(
        "'{}' is no size: say 4KiB, a range as 1KiB-64KiB, or a mix with weights as 4KiB:70,32KiB:25,1MiB:5",
        text));
}

// 0 for what is no unit.
double unit_factor(std::string_view unit) {
    if (unit.empty()) return 1;
    std::string lower(unit);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower == "b") return 1;
    constexpr std::string_view powers = "kmg";
    const auto power = powers.find(lower.front());
    if (power == std::string_view::npos) return 0;
    const auto behind = std::string_view(lower).substr(1);
    const double base = behind == "ib" || behind == "i" ? 1024 : behind == "b" || behind.empty() ? 1000 : 0;
    return std::pow(base, static_cast<double>(power + 1));
}

// A plain number, all of `text`.
std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || stop != text.data() + text.size() || !(value >= 0) || std::isinf(value))
        return std::nullopt;
    return value;
}

Result<SizeShare> parse_share(std::string_view text) {
    SizeShare share;
    auto sizes = text;
    if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        const auto weight = number(text.substr(colon + 1));
        if (!weight || *weight <= 0) return no_size(text);
        share.weight = *weight;
        sizes = text.substr(0, colon);
    }
    const auto dash = sizes.find('-');
    const auto least = parse_size(sizes.substr(0, dash));
    if (!least) return no_size(text);
    const auto most = dash == std::string_view::npos ? least : parse_size(sizes.substr(dash + 1));
    if (!most || *most < *least) return no_size(text);
    share.least = *least;
    share.most = *most;
    return share;
}

std::string one_size_text(std::uint64_t size) {
    for (const auto& [unit, factor] : {std::pair{"MiB", 1048576u}, {"KiB", 1024u}})
        if (size != 0 && size % factor == 0) return fmt::format("{}{}", size / factor, unit);
    return fmt::format("{}", size);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto value = number(text.substr(0, digits));
    const double size = value.value_or(0) * unit_factor(text.substr(digits));
    if (size < 1 || size > static_cast<double>(largest)) return no_size(text);
    return static_cast<std::uint64_t>(size);
}

Result<std::vector<SizeShare>> parse_sizes(std::string_view text) {
    std::vector<SizeShare> shares;
    for (auto rest = text;;) {
        const auto comma = rest.find(',');
        const auto share = parse_share(rest.substr(0, comma));
        if (!share) return std::unexpected(share.error());
        shares.push_back(*share);
        if (comma == std::string_view::npos) return shares;
        rest.remove_prefix(comma + 1);
    }
}

std::string sizes_text(const std::vector<SizeShare>& shares) {
    std::string text;
    for (const auto& share : shares) {
        if (!text.empty()) text += ',';
        text += one_size_text(share.least);
        if (share.most != share.least) text += "-" + one_size_text(share.most);
        if (shares.size() > 1) text += fmt::format(":{}", share.weight);
    }
    return text;
}

std::vector<SizeStep> size_steps(const std::vector<SizeShare>& shares) {
    std::vector<SizeStep> steps;
    for (const auto& share : shares) {
        const auto count = std::min<std::uint64_t>(share.most - share.least + 1, most_steps);
        const double width = std::log(static_cast<double>(share.most) / static_cast<double>(share.least));
        for (std::uint64_t i = 0; i < count; ++i) {
            const double part = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
            const double size = static_cast<double>(share.least) * std::exp(width * part);
            steps.push_back(
                {static_cast<std::uint64_t>(std::llround(size)), share.weight / static_cast<double>(count)});
        }
    }
    return steps;
}

}  // namespace angarium::bench

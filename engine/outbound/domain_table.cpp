#include "engine/outbound/domain_table.hpp"

#include <algorithm>

namespace angarium::outbound {

void DomainTable::add(const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
        if (pattern == "*")
            suffix_.try_emplace("", lists_);
        else if (pattern.starts_with("*."))
            suffix_.try_emplace(pattern.substr(2), lists_);
        else
            exact_.try_emplace(pattern, lists_);
    }
    ++lists_;
}

std::optional<std::size_t> DomainTable::find(std::string_view domain) const {
    if (lists_ == 0) return std::nullopt;
    std::size_t best = lists_;
    const auto consider = [&best](const auto& map, std::string_view key) {
        const auto found = map.find(key);
        if (found != map.end()) best = std::min(best, found->second);
    };
    consider(exact_, domain);
    consider(suffix_, "");
    if (!domain.starts_with('[')) {  // an address literal has no subdomains
        for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1))
            consider(suffix_, domain.substr(dot + 1));
    }
    if (best == lists_) return std::nullopt;
    return best;
}

}  // namespace angarium::outbound

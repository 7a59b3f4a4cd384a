#include "dns/name.hpp"

namespace angarium::dns {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_name_octet(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool starts_with_ipv6(std::string_view text) {
    constexpr std::string_view tag = "ipv6:";
    if (text.size() < tag.size()) return false;
    for (std::size_t i = 0; i < tag.size(); ++i)
        if (lower(text[i]) != tag[i]) return false;
    return true;
}

}  // namespace

bool is_canonical_name(std::string_view text) {
    if (text.empty() || text.size() > most_name_octets) return false;
    std::size_t label = 0;
    for (const char c : text) {
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
        } else if (!is_name_octet(c) || ++label > most_label_octets) {
            return false;
        }
    }
    return label != 0;
}

std::optional<std::string> canonical_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.size() > most_name_octets) return std::nullopt;
    std::string name(text);
    for (auto& c : name) c = lower(c);
    if (!is_canonical_name(name)) return std::nullopt;
    return name;
}

std::optional<IpAddress> parse_address_literal(std::string_view text) {
    if (text.size() < 3 || text.front() != '[' || text.back() != ']') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    const bool v6 = starts_with_ipv6(text);
    if (v6) text.remove_prefix(5);
    const auto address = IpAddress::parse(text);
    if (!address || address->is_v4() == v6) return std::nullopt;
    return address;
}

}  // namespace angarium::dns

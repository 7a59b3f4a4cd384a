#include "engine/smtp/address_patterns.hpp"

#include <algorithm>
#include <functional>

namespace angarium::smtp {
namespace {

// As the domain is looked up; a literal as it is written. Empty: no such name can exist.
std::string canonical(const Domain& domain) {
    return domain.is_literal() ? std::string(domain.text()) : domain.dns_name();
}

void sort(std::vector<std::string>& texts) {
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

bool has(const std::vector<std::string>& sorted, std::string_view text) {
    return std::binary_search(sorted.begin(), sorted.end(), text, std::less<>());
}

}  // namespace

std::expected<AddressPatterns, std::string> AddressPatterns::make(const std::vector<std::string>& patterns) {
    AddressPatterns out;
    for (const std::string& pattern : patterns) {
        if (pattern == "*") {
            out.all_ = true;
        } else if (pattern == "<>") {
            out.null_ = true;
        } else if (pattern.find('@') != std::string::npos) {
            const auto mailbox = Mailbox::parse(pattern, Utf8::allowed);
            const auto domain = mailbox ? canonical(mailbox->domain_value()) : std::string();
            // "*@example.net" would be one address named "*": whoever writes it means "example.net".
            if (domain.empty() || mailbox->local_part() == "*") return std::unexpected(pattern);
            out.mailboxes_.push_back(std::string(mailbox->local_part()) + "@" + domain);
        } else {
            const bool below = pattern.starts_with("*.");
            const auto parsed = Domain::parse(pattern.substr(below ? 2 : 0), Utf8::allowed);
            auto domain = parsed && !(below && parsed->is_literal()) ? canonical(*parsed) : std::string();
            if (domain.empty()) return std::unexpected(pattern);
            (below ? out.suffixes_ : out.domains_).push_back(std::move(domain));
        }
    }
    sort(out.mailboxes_);
    sort(out.domains_);
    sort(out.suffixes_);
    return out;
}

bool AddressPatterns::contains(const Mailbox& mailbox) const {
    if (all_) return true;
    if (mailbox.is_ascii())
        return has(mailboxes_, mailbox.text()) || has_domain(mailbox.domain(), mailbox.domain_is_literal());
    const auto domain = canonical(mailbox.domain_value());
    return has_domain(domain, mailbox.domain_is_literal()) ||
           has(mailboxes_, std::string(mailbox.local_part()) + "@" + domain);
}

bool AddressPatterns::has_domain(std::string_view name, bool literal) const {
    if (has(domains_, name)) return true;
    if (literal || suffixes_.empty()) return false;
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
        if (has(suffixes_, name.substr(dot + 1))) return true;
    return false;
}

}  // namespace angarium::smtp

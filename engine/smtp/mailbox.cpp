// The grammar of RFC 5321 section 4.1.2 by hand: local part, domain, literals, paths with source routes.
#include "engine/smtp/mailbox.hpp"

#include <algorithm>
#include <array>

#include "engine/base/assert.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::smtp {
namespace {

constexpr auto atext = [] {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[c] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
    for (const char c : std::string_view("!#$%&'*+-/=?^_`{|}~")) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

constexpr auto let_dig = [] {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[c] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 32] = true;
    for (int c = 0x80; c <= 0xff; ++c) table[c] = true;
    return table;
}();
bool is_let_dig(unsigned char c) { return let_dig[c]; }

// Dot-string: atoms between single dots. Non-ASCII has been checked already.
bool is_dot_string(std::string_view text) {
    bool atom = false;
    for (const unsigned char c : text) {
        if (c == '.') {
            if (!atom) return false;
            atom = false;
        } else if (atext[c] || c >= 0x80) {
            atom = true;
        } else {
            return false;
        }
    }
    return atom;
}

// The length of the quoted string at the front, quotes included; 0 when it is none.
std::size_t quoted_string_length(std::string_view text) {
    if (text.empty() || text.front() != '"') return 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '"') return i + 1;
        if (c == '\\') {
            if (++i == text.size()) return 0;
            const auto escaped = static_cast<unsigned char>(text[i]);
            if (escaped < 0x20 || escaped > 0x7e) return 0;
        } else if (c < 0x20 || c == 0x7f) {
            return 0;
        }
    }
    return 0;
}

std::expected<void, AddressError> check_utf8(std::string_view text, Utf8 utf8) {
    if (is_ascii(text)) return {};
    if (utf8 == Utf8::refused || !is_clean_utf8(text)) return std::unexpected(AddressError::non_ascii);
    return {};
}

std::expected<void, AddressError> check_local_part(std::string_view local) {
    if (local.size() > max_local_part) return std::unexpected(AddressError::local_part_too_long);
    const bool good = !local.empty() && local.front() == '"' ? quoted_string_length(local) == local.size()
                                                             : is_dot_string(local);
    if (!good) return std::unexpected(AddressError::syntax);
    return {};
}

std::expected<std::string, AddressError> canonical_literal(std::string_view text) {
    if (text.size() < 3 || text.back() != ']') return std::unexpected(AddressError::syntax);
    auto inside = text.substr(1, text.size() - 2);
    const bool v6 = starts_with_ignoring_case(inside, "IPv6:");
    if (v6) inside.remove_prefix(5);
    const auto address = IpAddress::parse(inside);
    if (!address || address->is_v4() == v6) return std::unexpected(AddressError::syntax);
    return (v6 ? "[IPv6:" : "[") + address->text() + "]";
}

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > max_label) return false;
    if (!is_let_dig(static_cast<unsigned char>(label.front()))) return false;
    if (!is_let_dig(static_cast<unsigned char>(label.back()))) return false;
    return std::all_of(label.begin(), label.end(), [](unsigned char c) { return is_let_dig(c) || c == '-'; });
}

// Checks a domain of labels; writes nothing.
std::expected<void, AddressError> check_labels(std::string_view text) {
    for (std::size_t begin = 0;;) {
        const auto dot = text.find('.', begin);
        if (!is_label(text.substr(begin, dot - begin))) return std::unexpected(AddressError::syntax);
        if (dot == std::string_view::npos) return {};
        begin = dot + 1;
    }
}

// Appends the domain in its canonical form.
std::expected<void, AddressError> append_domain(std::string& out, std::string_view text, Utf8 utf8) {
    if (text.empty()) return std::unexpected(AddressError::syntax);
    if (text.size() > max_domain) return std::unexpected(AddressError::domain_too_long);
    if (const auto good = check_utf8(text, utf8); !good) return good;
    if (text.front() == '[') {
        const auto literal = canonical_literal(text);
        if (!literal) return std::unexpected(literal.error());
        out += *literal;
        return {};
    }
    if (const auto good = check_labels(text); !good) return good;
    const auto begin = out.size();
    out.append(text);
    for (auto i = begin; i < out.size(); ++i) out[i] = to_lower(out[i]);
    return {};
}

// Where the local part ends: the index of the '@' that separates it, or npos.
std::size_t find_at(std::string_view text) {
    if (!text.empty() && text.front() == '"') {
        const auto length = quoted_string_length(text);
        return length > 0 && length < text.size() && text[length] == '@' ? length : std::string_view::npos;
    }
    return text.find('@');
}

// "@a,@b:" in front of a path's mailbox: its length, 0 without one, or an error.
std::expected<std::size_t, AddressError> source_route_length(std::string_view text, Utf8 utf8) {
    if (text.empty() || text.front() != '@') return 0;
    const auto colon = [&] {
        bool literal = false;  // a ':' inside "[IPv6:...]" does not end the route
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '[') literal = true;
            if (text[i] == ']') literal = false;
            if (text[i] == ':' && !literal) return i;
        }
        return std::string_view::npos;
    }();
    if (colon == std::string_view::npos) return std::unexpected(AddressError::syntax);
    auto route = text.substr(0, colon);
    std::string scratch;
    for (;;) {
        if (route.empty() || route.front() != '@') return std::unexpected(AddressError::syntax);
        const auto comma = route.find(',');
        const auto hop = route.substr(1, comma == std::string_view::npos ? comma : comma - 1);
        if (const auto good = append_domain(scratch, hop, utf8); !good) return std::unexpected(good.error());
        if (comma == std::string_view::npos) return colon + 1;
        route.remove_prefix(comma + 1);
    }
}

std::expected<std::string_view, AddressError> inside_of_path(std::string_view path, Utf8 utf8) {
    if (path.size() < 2 || path.front() != '<' || path.back() != '>')
        return std::unexpected(AddressError::syntax);
    if (path.size() > max_path) return std::unexpected(AddressError::path_too_long);
    const auto inside = path.substr(1, path.size() - 2);
    const auto route = source_route_length(inside, utf8);
    if (!route) return std::unexpected(route.error());
    return inside.substr(*route);
}

}  // namespace

std::expected<Domain, AddressError> Domain::parse(std::string_view text, Utf8 utf8) {
    std::string canonical;
    if (const auto good = append_domain(canonical, text, utf8); !good) return std::unexpected(good.error());
    return Domain(std::move(canonical));
}

std::optional<IpAddress> Domain::literal() const {
    if (!is_literal()) return std::nullopt;
    const auto start = text_.find(':') != std::string::npos ? std::size_t{6} : std::size_t{1};
    return IpAddress::parse(std::string_view(text_).substr(start, text_.size() - start - 1));
}

bool Domain::is_ascii() const { return smtp::is_ascii(text_); }

std::string Domain::dns_name() const {
    if (is_literal()) return {};
    if (is_ascii()) return text_;
    std::string name;
    for (std::size_t begin = 0;;) {
        const auto dot = text_.find('.', begin);
        const auto label = std::string_view(text_).substr(begin, dot - begin);
        if (smtp::is_ascii(label)) {
            name += label;
        } else {
            const auto encoded = "xn--" + punycode(label);
            if (encoded.size() > max_label) return {};
            name += encoded;
        }
        if (dot == std::string::npos) return name;
        name += '.';
        begin = dot + 1;
    }
}

std::expected<Mailbox, AddressError> Mailbox::parse(std::string_view text, Utf8 utf8) {
    if (text.size() > max_path - 2) return std::unexpected(AddressError::path_too_long);
    if (const auto good = check_utf8(text, utf8); !good) return std::unexpected(good.error());
    const auto at = find_at(text);
    if (at == std::string_view::npos) return std::unexpected(AddressError::syntax);
    const auto local = text.substr(0, at);
    if (const auto good = check_local_part(local); !good) return std::unexpected(good.error());
    std::string canonical;
    canonical.reserve(text.size());
    canonical.append(local).push_back('@');
    if (const auto good = append_domain(canonical, text.substr(at + 1), utf8); !good)
        return std::unexpected(good.error());
    return Mailbox(std::move(canonical), at);
}

std::expected<Mailbox, AddressError> Mailbox::make(std::string_view local_part, const Domain& domain,
                                                   Utf8 utf8) {
    if (const auto good = check_utf8(local_part, utf8); !good) return std::unexpected(good.error());
    if (const auto good = check_local_part(local_part); !good) return std::unexpected(good.error());
    if (local_part.size() + 1 + domain.text().size() > max_path - 2)
        return std::unexpected(AddressError::path_too_long);
    std::string text(local_part);
    text.append(1, '@').append(domain.text());
    return Mailbox(std::move(text), local_part.size());
}

bool Mailbox::is_ascii() const { return smtp::is_ascii(text_); }

std::expected<ReversePath, AddressError> ReversePath::parse(std::string_view text, Utf8 utf8) {
    if (text.empty()) return ReversePath();
    auto mailbox = Mailbox::parse(text, utf8);
    if (!mailbox) return std::unexpected(mailbox.error());
    return ReversePath(std::move(*mailbox));
}

std::size_t path_length(std::string_view text) {
    if (text.empty() || text.front() != '<') return 0;
    bool quoted = false;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (quoted && text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (text[i] == '>' && !quoted)
            return i + 1;
    }
    return 0;
}

std::expected<ReversePath, AddressError> parse_reverse_path(std::string_view path, Utf8 utf8) {
    if (path == "<>") return ReversePath();
    const auto inside = inside_of_path(path, utf8);
    if (!inside) return std::unexpected(inside.error());
    if (inside->empty()) return std::unexpected(AddressError::syntax);  // "<@a:>"
    return ReversePath::parse(*inside, utf8);
}

std::expected<Mailbox, AddressError> parse_forward_path(std::string_view path, Utf8 utf8) {
    const auto inside = inside_of_path(path, utf8);
    if (!inside) return std::unexpected(inside.error());
    return Mailbox::parse(*inside, utf8);
}

}  // namespace angarium::smtp

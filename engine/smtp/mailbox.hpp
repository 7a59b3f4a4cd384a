// Addresses of the envelope: Domain, Mailbox and ReversePath. They are made by parsing only, so a value that exists is
// well-formed (RFC 5321 section 4.1.2, RFC 6531 section 3.3) and holds no CR, LF, NUL or other control: what was refused
// here can never reach a log line, a header or another server. Pure values, no owner. Errors: AddressError.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/endpoint.hpp"

namespace angarium::smtp {

// Octets, RFC 5321 section 4.5.3.1.
inline constexpr std::size_t max_local_part = 64;
inline constexpr std::size_t max_domain = 255;
inline constexpr std::size_t max_label = 63;  // RFC 1035 section 2.3.4
inline constexpr std::size_t max_path = 256;  // with the angle brackets and a source route

enum class AddressError : std::uint8_t {
    syntax,
    local_part_too_long,
    domain_too_long,
    path_too_long,
    non_ascii,  // non-ASCII where Utf8::refused, or not well-formed UTF-8
};

// Whether non-ASCII (as UTF-8) may stand in an address: only with SMTPUTF8.
enum class Utf8 : std::uint8_t { refused, allowed };

// A domain in lower case (A-labels, or U-labels with SMTPUTF8), or an address literal in one canonical spelling:
// "[192.0.2.1]", "[IPv6:2001:db8::1]".
class Domain {
  public:
    static std::expected<Domain, AddressError> parse(std::string_view text, Utf8 utf8 = Utf8::refused);

    std::string_view text() const { return text_; }
    bool is_literal() const { return text_.front() == '['; }
    // The address of a literal.
    std::optional<IpAddress> literal() const;
    bool is_ascii() const;
    // The name to look up in DNS: U-labels as A-labels (RFC 3492; no mapping beyond ASCII lower case). Empty for a
    // literal, or when an encoded label would be longer than 63 octets.
    std::string dns_name() const;

    friend bool operator==(const Domain&, const Domain&) = default;
    friend auto operator<=>(const Domain&, const Domain&) = default;
    template <class H>
    friend H AbslHashValue(H h, const Domain& d) {
        return H::combine(std::move(h), d.text_);
    }

  private:
    friend class Mailbox;
    explicit Domain(std::string text) : text_(std::move(text)) {}
    std::string text_;  // never empty
};

// local-part@domain. The local part is kept as it was written (a quoted string with its quotes), the domain as Domain
// keeps it.
class Mailbox {
  public:
    // "user@example.net", "\"a b\"@example.net", "user@[192.0.2.1]"; no brackets, no source route.
    static std::expected<Mailbox, AddressError> parse(std::string_view text, Utf8 utf8 = Utf8::refused);
    // `local_part` in the grammar of an address.
    static std::expected<Mailbox, AddressError> make(std::string_view local_part, const Domain& domain,
                                                     Utf8 utf8 = Utf8::refused);

    const std::string& text() const { return text_; }
    std::string_view local_part() const { return std::string_view(text_).substr(0, at_); }
    std::string_view domain() const { return std::string_view(text_).substr(at_ + 1); }
    bool domain_is_literal() const { return text_[at_ + 1] == '['; }
    // The domain as a value of its own.
    Domain domain_value() const { return Domain(std::string(domain())); }
    bool is_ascii() const;

    // The local part is compared by octets, as RFC 5321 section 2.4 demands.
    friend bool operator==(const Mailbox&, const Mailbox&) = default;
    friend auto operator<=>(const Mailbox&, const Mailbox&) = default;
    template <class H>
    friend H AbslHashValue(H h, const Mailbox& m) {
        return H::combine(std::move(h), m.text_);
    }

  private:
    Mailbox(std::string text, std::size_t at) : text_(std::move(text)), at_(at) {}
    std::string text_;
    std::size_t at_;
};

// A sender: a mailbox, or the null path "<>" of bounces.
class ReversePath {
  public:
    ReversePath() = default;  // null
    explicit ReversePath(Mailbox mailbox) : mailbox_(std::move(mailbox)) {}
    // text(): "" is the null path, else a mailbox.
    static std::expected<ReversePath, AddressError> parse(std::string_view text, Utf8 utf8 = Utf8::refused);

    bool is_null() const { return !mailbox_.has_value(); }
    // Only when not null.
    const Mailbox& mailbox() const { return *mailbox_; }
    // Without brackets; empty when null.
    std::string_view text() const {
        return mailbox_ ? std::string_view(mailbox_->text()) : std::string_view();
    }
    bool is_ascii() const { return !mailbox_ || mailbox_->is_ascii(); }

    friend bool operator==(const ReversePath&, const ReversePath&) = default;

  private:
    std::optional<Mailbox> mailbox_;
};

// The length of the path "<...>" at the front of `text` (brackets included; a '>' inside a quoted string does not end
// it), or 0 when there is none.
std::size_t path_length(std::string_view text);

// A path in brackets, "<>" only where a reverse path may stand. A source route ("<@a,@b:user@c>") is checked and
// dropped: the last element counts (RFC 5321 section 4.1.1.3, appendix C).
std::expected<ReversePath, AddressError> parse_reverse_path(std::string_view path, Utf8 utf8);
std::expected<Mailbox, AddressError> parse_forward_path(std::string_view path, Utf8 utf8);

}  // namespace angarium::smtp

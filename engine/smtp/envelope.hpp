// The envelope of a message: who sent it, who gets it, and what the DSN, 8BITMIME and SMTPUTF8 extensions say about it.
// Pure values, no owner. Errors are empty results; the command parser turns them into replies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/smtp/mailbox.hpp"

namespace angarium::smtp {

// BODY= of MAIL (RFC 6152).
enum class Body : std::uint8_t { seven_bit = 0, eight_bit_mime = 1 };

// RET= of MAIL (RFC 3461 section 4.3): what a bounce returns of the message.
enum class Ret : std::uint8_t { unspecified = 0, full = 1, headers = 2 };

// NOTIFY= of RCPT (RFC 3461 section 4.1), a set; the values are kept on disk.
enum class Notify : std::uint8_t { unspecified = 0, never = 1, success = 2, failure = 4, delay = 8 };
constexpr Notify operator|(Notify a, Notify b) {
    return static_cast<Notify>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool contains(Notify set, Notify flag) {
    return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(flag)) != 0;
}
// A failure is to be reported: asked for, or nothing was said.
constexpr bool wants_failure(Notify set) {
    return set == Notify::unspecified || contains(set, Notify::failure);
}
// "SUCCESS,FAILURE" and "NEVER" as RFC 3461 section 4.1 writes them (case-insensitive, NEVER only alone).
std::optional<Notify> parse_notify(std::string_view text);
// The same spelling; empty when unspecified.
std::string notify_text(Notify set);

// A decoded xtext value (RFC 3461 section 4): printable characters only, never a control.
class Xtext {
  public:
    // From the wire, "+3D" decoded. Non-ASCII only as UTF-8 and where allowed. Empty when malformed or when a control
    // would come out.
    static std::optional<Xtext> decode(std::string_view encoded, Utf8 utf8 = Utf8::refused);
    // From a decoded value, for instance one that was kept on disk.
    static std::optional<Xtext> make(std::string_view decoded, Utf8 utf8 = Utf8::refused);

    const std::string& text() const { return text_; }  // decoded
    std::string encoded() const;
    friend bool operator==(const Xtext&, const Xtext&) = default;

  private:
    explicit Xtext(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// ORCPT= of RCPT (RFC 3461 section 4.2): "rfc822;jill@hill.com".
class OriginalRecipient {
  public:
    // From the wire: address type, ';', xtext.
    static std::optional<OriginalRecipient> decode(std::string_view encoded, Utf8 utf8 = Utf8::refused);
    // From text().
    static std::optional<OriginalRecipient> make(std::string_view decoded, Utf8 utf8 = Utf8::refused);

    std::string_view type() const { return std::string_view(text_).substr(0, semicolon_); }
    std::string_view address() const { return std::string_view(text_).substr(semicolon_ + 1); }
    const std::string& text() const {
        return text_;
    }  // type;address, decoded, as Original-Recipient: wants it
    std::string encoded() const;  // as ORCPT= wants it
    friend bool operator==(const OriginalRecipient&, const OriginalRecipient&) = default;

  private:
    OriginalRecipient(std::string text, std::size_t semicolon)
        : text_(std::move(text)), semicolon_(semicolon) {}
    std::string text_;
    std::size_t semicolon_;
};

inline constexpr std::size_t max_envelope_id = 100;         // octets of xtext, RFC 3461 section 4.4
inline constexpr std::size_t max_original_recipient = 500;  // octets of ORCPT's value, RFC 3461 section 4.2

struct Recipient {
    Mailbox mailbox;
    Notify notify = Notify::unspecified;
    std::optional<OriginalRecipient> original;

    friend bool operator==(const Recipient&, const Recipient&) = default;
};

struct Envelope {
    ReversePath sender;
    std::vector<Recipient> recipients;
    Body body = Body::seven_bit;
    bool smtputf8 = false;
    Ret ret = Ret::unspecified;
    std::optional<Xtext> envelope_id;            // ENVID
    std::optional<std::uint64_t> declared_size;  // SIZE, bytes

    friend bool operator==(const Envelope&, const Envelope&) = default;
};

}  // namespace angarium::smtp

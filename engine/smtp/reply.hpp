// Replies: what a server says (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, RFC 3463), rendered for our
// clients and parsed from other servers. Pure values, no owner. Text from outside is made safe where it enters: controls
// and broken UTF-8 become '?', so a Reply can go into a log line or a bounce. Errors: ReplyError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace angarium::smtp {

// class.subject.detail; class 0 means none.
struct EnhancedStatus {
    std::uint8_t status_class = 0;  // 2, 4 or 5
    std::uint16_t subject = 0;      // 0 .. 999
    std::uint16_t detail = 0;       // 0 .. 999

    constexpr explicit operator bool() const { return status_class != 0; }
    // "5.1.1", the whole text.
    static std::optional<EnhancedStatus> parse(std::string_view text);
    std::string text() const;  // empty when none
    friend constexpr bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
};

// A reply of one line that is known when we compile: no allocation.
struct FixedReply {
    std::uint16_t code = 0;
    EnhancedStatus enhanced;
    std::string_view text;

    void append_to(std::string& out) const;  // "500 5.5.2 text\r\n"
    friend constexpr bool operator==(const FixedReply&, const FixedReply&) = default;
};

struct Reply {
    std::uint16_t code = 0;
    EnhancedStatus enhanced;
    std::string text;  // several lines are joined by '\n'; the enhanced status is not repeated in it

    Reply() = default;
    Reply(std::uint16_t code_, EnhancedStatus enhanced_, std::string text_)
        : code(code_), enhanced(enhanced_), text(std::move(text_)) {}
    explicit Reply(const FixedReply& fixed) : code(fixed.code), enhanced(fixed.enhanced), text(fixed.text) {}

    bool positive() const { return code >= 200 && code < 300; }
    bool intermediate() const { return code >= 300 && code < 400; }
    bool transient() const { return code >= 400 && code < 500; }
    bool permanent() const { return code >= 500; }
    // On the wire, every line with code and enhanced status, each ending in CRLF.
    void append_to(std::string& out) const;
    // On one line for logs and Diagnostic-Code: "550 5.1.1 no such user"; further lines behind " / ".
    std::string one_line() const;
    friend bool operator==(const Reply&, const Reply&) = default;
};

struct ReplyLimits {
    std::size_t line = 2048;  // octets with the line end; RFC 5321 section 4.5.3.1.5 says 512, some send more
    std::size_t lines = 128;  // EHLO has some twenty at most
    std::size_t bytes = 32 * 1024;  // of one whole reply
};

enum class ReplyError : std::uint8_t {
    malformed,  // no code, or lines of one reply that contradict each other
    too_long,   // a cap of ReplyLimits
};

// Incremental parser of a client. One object serves all replies of a connection, one after the other.
class ReplyParser {
  public:
    ReplyParser() = default;
    explicit ReplyParser(ReplyLimits limits) : limits_(limits) {}

    // Consumes from the front of `input` up to the end of one reply and no further. True: reply() holds it and the next
    // call begins the next one. False: all was consumed, more is needed. An error is final. Lines may end in a bare LF;
    // a code without text or without an enhanced status will do.
    std::expected<bool, ReplyError> feed(std::string_view& input);
    const Reply& reply() const { return reply_; }
    Reply take() { return std::move(reply_); }
    // Nothing of a next reply has arrived.
    bool idle() const { return !within_; }

  private:
    bool line(std::string_view text);

    ReplyLimits limits_;
    std::string partial_;
    Reply reply_;
    std::size_t lines_ = 0, bytes_ = 0;
    bool within_ = false;
    bool failed_ = false;
    ReplyError failure_ = ReplyError::malformed;
};

}  // namespace angarium::smtp

// What a message's content must keep to, wherever it comes from (DATA or BDAT): lines end in CRLF and hold at most 998
// octets, no NUL, not too large, not looping. The checker sees the content as it will be stored, in pieces of any size,
// and remembers the first fault. Owner: one transaction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/smtp/reply.hpp"

namespace angarium::smtp {

struct BlockMasks;

inline constexpr std::size_t max_text_line = 998;  // octets without CRLF, RFC 5321 section 4.5.3.1.6

enum class ContentError : std::uint8_t { none, bare_cr, bare_lf, nul, line_too_long, too_large, looping };

// The reply that refuses such content: 550 5.5.2, 550 5.6.0, 500 5.2.3, 552 5.3.4, 554 5.4.6. Not for `none`.
FixedReply reply_for(ContentError error);

struct ContentLimits {
    std::uint64_t size = 50ull * 1024 * 1024;  // bytes of content
    unsigned received = 100;                   // Received: fields in the header section
    std::size_t line = max_text_line;
};

class ContentChecker {
  public:
    ContentChecker() = default;
    explicit ContentChecker(ContentLimits limits) : limits_(limits) {}

    // The next piece of content.
    void check(std::string_view piece);
    // The content is complete. A last line without CRLF is no fault; a last CR is.
    void finish();
    // A fault that another layer found (the decoder sees what is never stored).
    void fail(ContentError error) {
        if (error_ == ContentError::none) error_ = error;
    }

    ContentError error() const { return error_; }
    bool ok() const { return error_ == ContentError::none; }
    std::uint64_t size() const { return size_; }
    bool has_8bit() const { return has_8bit_; }
    unsigned received_count() const { return received_; }
    // Ends in CRLF, or is empty.
    bool ends_in_crlf() const { return size_ == 0 || (line_length_ == 0 && !last_cr_); }

  private:
    void check_block(const BlockMasks& masks, std::size_t size, std::size_t offset, std::string_view piece);
    void end_lines(std::uint64_t ends, std::size_t offset, std::string_view piece);
    void line_end(std::string_view tail);
    void keep_prefix(std::string_view tail);

    ContentLimits limits_;
    std::uint64_t size_ = 0;
    std::size_t line_length_ = 0;  // octets of the current line in earlier pieces, a CR at its end included
    std::size_t line_begin_ = 0;   // where the current line begins in this piece (check() only)
    unsigned received_ = 0;
    ContentError error_ = ContentError::none;
    bool last_cr_ = false;
    bool has_8bit_ = false;
    bool in_header_ = true;
    std::uint8_t prefix_size_ = 0;  // of the current header line's first octets
    std::array<char, 9> prefix_{};  // as long as "Received:"
};

}  // namespace angarium::smtp

// Blocks of 64 octets become bit masks; work beyond that is per line in the header section, per block behind it.
#include "engine/smtp/content.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/assert.hpp"
#include "engine/smtp/scan.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::smtp {
namespace {
constexpr std::string_view received_name = "Received:";
}

FixedReply reply_for(ContentError error) {
    switch (error) {
        case ContentError::none:
            break;
        case ContentError::bare_cr:
            return {550, {5, 5, 2}, "Message contains a bare CR"};
        case ContentError::bare_lf:
            return {550, {5, 5, 2}, "Message contains a bare LF"};
        case ContentError::nul:
            return {550, {5, 6, 0}, "Message contains a NUL"};
        case ContentError::line_too_long:
            return {500, {5, 2, 3}, "Message contains a line of more than 998 octets"};
        case ContentError::too_large:
            return {552, {5, 3, 4}, "Message is larger than the limit"};
        case ContentError::looping:
            return {554, {5, 4, 6}, "Message has too many Received: fields, it loops"};
    }
    ANGARIUM_ASSERT(false);
}

// `size` octets of the block count; the rest is padding. `offset`: where the block lies in the piece.
inline void ContentChecker::check_block(const BlockMasks& masks, std::size_t size, std::size_t offset,
                                        std::string_view piece) {
    // Every CR must be followed by an LF, and every LF must follow a CR: the two masks must be the same.
    const std::uint64_t valid = size == block_size ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
    const std::uint64_t behind_cr = (masks.cr << 1 | std::uint64_t{last_cr_}) & valid;
    if (const auto wrong = behind_cr ^ masks.lf; wrong != 0) {
        const auto first = wrong & (~wrong + 1);
        fail((first & masks.lf) != 0 ? ContentError::bare_lf : ContentError::bare_cr);
    }
    if (masks.nul) fail(ContentError::nul);
    has_8bit_ |= masks.eight_bit;
    last_cr_ = (masks.cr >> (size - 1) & 1) != 0;
    if (masks.lf == 0) return;
    if (in_header_ || limits_.line < block_size) return end_lines(masks.lf, offset, piece);
    // Lines that lie within the block are short: only the first to end in it may have begun long before.
    const auto first = offset + static_cast<std::size_t>(std::countr_zero(masks.lf));
    if (line_length_ + (first - line_begin_) > limits_.line + 1) fail(ContentError::line_too_long);
    line_length_ = 0;
    line_begin_ = offset + block_size - static_cast<std::size_t>(std::countl_zero(masks.lf));
}

void ContentChecker::end_lines(std::uint64_t ends, std::size_t offset, std::string_view piece) {
    for (; ends != 0; ends &= ends - 1) {
        const auto end = offset + static_cast<std::size_t>(std::countr_zero(ends));
        line_end(piece.substr(line_begin_, end - line_begin_));
        line_begin_ = end + 1;
    }
}

void ContentChecker::check(std::string_view piece) {
    size_ += piece.size();
    if (size_ > limits_.size) fail(ContentError::too_large);
    if (piece.empty() || error_ != ContentError::none) return;
    line_begin_ = 0;
    std::size_t offset = 0;
    for (; offset + block_size <= piece.size(); offset += block_size)
        check_block(scan_block(piece.data() + offset), block_size, offset, piece);
    if (const auto rest = piece.size() - offset; rest > 0) {
        char block[block_size];
        std::memset(block, 'x', sizeof block);
        std::memcpy(block, piece.data() + offset, rest);
        check_block(scan_block(block), rest, offset, piece);
    }
    if (in_header_) keep_prefix(piece.substr(line_begin_));
    line_length_ += piece.size() - line_begin_;
    if (line_length_ > limits_.line + 1) fail(ContentError::line_too_long);  // 1: the CR of its end
}

// A line ends; `tail` is what this piece holds of it, CR included, LF not.
void ContentChecker::line_end(std::string_view tail) {
    const auto length = line_length_ + tail.size();
    line_length_ = 0;
    if (length > limits_.line + 1) fail(ContentError::line_too_long);
    if (!in_header_) return;
    if (length <= 1) {
        in_header_ = false;
        return;
    }
    if (prefix_size_ > 0) {
        keep_prefix(tail);
        tail = std::string_view(prefix_.data(), prefix_size_);
        prefix_size_ = 0;
    }
    if (starts_with_ignoring_case(tail, received_name) && ++received_ > limits_.received)
        fail(ContentError::looping);
}

void ContentChecker::keep_prefix(std::string_view tail) {
    const auto count = std::min(tail.size(), prefix_.size() - prefix_size_);
    std::memcpy(prefix_.data() + prefix_size_, tail.data(), count);
    prefix_size_ = static_cast<std::uint8_t>(prefix_size_ + count);
}

void ContentChecker::finish() {
    if (last_cr_) fail(ContentError::bare_cr);
    if (line_length_ > limits_.line) fail(ContentError::line_too_long);  // it gets its CRLF on the way out
}

}  // namespace angarium::smtp

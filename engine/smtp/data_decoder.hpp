// The content behind DATA: finds its end, which is CRLF.CRLF and nothing else (RFC 5321 section 4.1.1.4, CVE-2023-51764),
// and takes the dots away. Nothing is copied: what is content is handed out as views of the input. After a fault it reads
// on to the true end, so that the rest is never taken for commands. Owner: one transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/smtp/content.hpp"

namespace angarium::smtp {

class DataDecoder {
  public:
    DataDecoder() = default;
    explicit DataDecoder(ContentLimits limits) : checker_(limits) {}

    // Consumes from the front of `input`, at most to the end of the data, and appends the content found to `content`
    // (nothing more once there is a fault). True: the end was reached, what is left of `input` is the next command.
    bool feed(std::string_view& input, std::vector<std::string_view>& content);

    bool done() const { return state_ == State::done; }
    // Faults, size, 8-bit and Received: fields of what has been read.
    const ContentChecker& checker() const { return checker_; }
    // Octets from the network, dots and the end included.
    std::uint64_t wire_size() const { return wire_size_; }

  private:
    enum class State : std::uint8_t { line_start, text, text_cr, dot, dot_cr, done };

    std::size_t skip_text(std::string_view input, std::size_t from);
    void emit(std::string_view piece, std::vector<std::string_view>& content);

    ContentChecker checker_;
    State state_ = State::line_start;
    std::uint64_t wire_size_ = 0;
};

}  // namespace angarium::smtp

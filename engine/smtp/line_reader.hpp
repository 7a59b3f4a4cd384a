// Splits a client's byte stream into command lines. A line that arrives whole is handed out as a view of the input; only
// a partial one is copied, up to a cap. Owner: one session. Errors are kinds of line.
//
// Line ends are strict: CRLF and nothing else. A bare LF is reported at once (a person with a terminal gets an answer),
// and everything behind it up to the next CRLF is part of that bad line, so that it cannot carry a smuggled command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace angarium::smtp {

class LineReader {
  public:
    enum class Kind : std::uint8_t {
        need_more,  // all input was consumed, no line yet
        line,  // `text` is the line without CRLF; it may hold a bare CR, NUL or 8-bit, which parse_command refuses
        too_long,  // over the cap; discarded up to its CRLF
        bad_end,   // ended in a bare LF, or is the rest of such a line
    };
    struct Result {
        Kind kind = Kind::need_more;
        std::string_view text;  // valid until the next call, and while the input is
    };

    // `limit`: octets of the longest line with its CRLF.
    explicit LineReader(std::size_t limit) : limit_(limit) {}

    // Takes at most one line from the front of `input`.
    Result next(std::string_view& input);
    // Part of a line has been read.
    bool within_line() const { return (!partial_.empty() && !handed_out_) || discarding_ || tainted_; }
    // Gives back what an idle session does not need. Ends the validity of the last line.
    void release();

  private:
    void keep(std::string_view piece);
    Result end_of_line(std::string_view piece, bool crlf);

    std::size_t limit_;
    std::string partial_;      // the line so far
    bool handed_out_ = false;  // partial_ is the line last returned
    bool last_cr_ = false;     // the last octet of the line so far is a CR
    bool discarding_ = false;  // over the cap; partial_ is empty
    bool tainted_ = false;     // behind a bare LF, before the next CRLF
};

}  // namespace angarium::smtp

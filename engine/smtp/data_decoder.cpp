// A small state machine at the start of lines; in between it searches for the next LF followed by a dot.
#include "engine/smtp/data_decoder.hpp"

#include "engine/smtp/scan.hpp"

namespace angarium::smtp {

// The states name what came last: line_start: CRLF (or nothing yet); dot: a dot at the start of a line, which is never
// content; dot_cr: that dot and a CR, which is the end's unless something else than LF follows. `begin` is where the
// content not yet handed out starts.
bool DataDecoder::feed(std::string_view& input, std::vector<std::string_view>& content) {
    std::size_t at = 0, begin = 0;
    while (at < input.size() && state_ != State::done) {
        const char octet = input[at];
        switch (state_) {
            case State::line_start:
                if (octet != '.') {
                    state_ = State::text;
                    break;
                }
                emit(input.substr(begin, at - begin), content);
                begin = ++at;
                state_ = State::dot;
                break;
            case State::dot:
                if (octet != '\r') {
                    state_ = State::text;
                    break;
                }
                begin = ++at;
                state_ = State::dot_cr;
                break;
            case State::dot_cr:
                if (octet == '\n') {
                    begin = ++at;
                    state_ = State::done;
                } else {
                    checker_.fail(ContentError::bare_cr);
                    state_ = State::text;
                }
                break;
            case State::text_cr:
                if (octet == '\n') ++at;
                state_ = octet == '\n' ? State::line_start : State::text;
                break;
            case State::text:
                at = skip_text(input, at);
                break;
            case State::done:
                break;
        }
    }
    emit(input.substr(begin, at - begin), content);
    if (state_ == State::done) checker_.finish();
    wire_size_ += at;
    input.remove_prefix(at);
    return state_ == State::done;
}

// Moves over text to the next dot that begins a line, or to the end of the input, and sets the state there. What lies
// before `from` was not a CR, so an LF at `from` is bare.
std::size_t DataDecoder::skip_text(std::string_view input, std::size_t from) {
    for (auto at = from;;) {
        const auto newline = find_newline_dot(input, at);
        if (newline == std::string_view::npos) break;
        at = newline + 1;
        if (newline > from && input[newline - 1] == '\r') {
            state_ = State::line_start;
            return at;
        }
    }
    const auto text = input.substr(from);
    if (text.ends_with("\r\n"))
        state_ = State::line_start;
    else if (text.ends_with('\r'))
        state_ = State::text_cr;
    return input.size();
}

void DataDecoder::emit(std::string_view piece, std::vector<std::string_view>& content) {
    if (piece.empty()) return;
    checker_.check(piece);
    if (checker_.ok()) content.push_back(piece);
}

}  // namespace angarium::smtp

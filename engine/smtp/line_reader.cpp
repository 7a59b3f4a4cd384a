// Lines that arrive whole are views of the input; a partial one is kept up to the limit.
#include "engine/smtp/line_reader.hpp"

#include <utility>

namespace angarium::smtp {

LineReader::Result LineReader::next(std::string_view& input) {
    if (std::exchange(handed_out_, false)) partial_.clear();
    if (input.empty()) return {};
    const auto newline = input.find('\n');
    if (newline == std::string_view::npos) {
        keep(input);
        input = {};
        return {};
    }
    const auto piece = input.substr(0, newline);
    input.remove_prefix(newline + 1);
    return end_of_line(piece, piece.empty() ? last_cr_ : piece.back() == '\r');
}

void LineReader::keep(std::string_view piece) {
    last_cr_ = piece.back() == '\r';
    if (!discarding_ && partial_.size() + piece.size() > limit_) {
        discarding_ = true;
        std::string().swap(partial_);
    }
    if (!discarding_) partial_.append(piece);
}

LineReader::Result LineReader::end_of_line(std::string_view piece, bool crlf) {
    const bool too_long = std::exchange(discarding_, false) || partial_.size() + piece.size() + 1 > limit_;
    const bool bad = !crlf || tainted_;
    tainted_ = !crlf;
    last_cr_ = false;
    if (bad || too_long) {
        partial_.clear();
        return {bad ? Kind::bad_end : Kind::too_long, {}};
    }
    if (partial_.empty()) return {Kind::line, piece.substr(0, piece.size() - 1)};
    partial_.append(piece);
    handed_out_ = true;
    return {Kind::line, std::string_view(partial_).substr(0, partial_.size() - 1)};
}

void LineReader::release() {
    if (std::exchange(handed_out_, false)) partial_.clear();
    if (partial_.empty()) std::string().swap(partial_);
}

}  // namespace angarium::smtp

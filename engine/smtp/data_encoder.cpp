// Cuts the content where a line begins with a dot; nothing else is touched.
#include "engine/smtp/data_encoder.hpp"

#include "engine/base/mistakes.hpp"
#include "engine/smtp/scan.hpp"

namespace angarium::smtp {

void DataEncoder::add(std::string_view part, std::vector<std::string_view>& pieces) {
    if (part.empty()) return;
    if (makes(Mistake::undoubled_dots)) {
        pieces.push_back(part);
        line_start_ = part.back() == '\n';
        return;
    }
    if (line_start_ && part.front() == '.') pieces.push_back(".");
    std::size_t begin = 0;
    for (;;) {
        const auto newline = find_newline_dot(part, begin);
        if (newline == std::string_view::npos) break;
        pieces.push_back(part.substr(begin, newline + 1 - begin));
        pieces.push_back(".");
        begin = newline + 1;
    }
    pieces.push_back(part.substr(begin));
    line_start_ = part.back() == '\n';
}

void DataEncoder::finish(std::vector<std::string_view>& pieces) {
    pieces.push_back(line_start_ ? ".\r\n" : "\r\n.\r\n");
}

std::size_t total_size(const std::vector<std::string_view>& pieces) {
    std::size_t size = 0;
    for (const auto piece : pieces) size += piece.size();
    return size;
}

}  // namespace angarium::smtp

// The parser of another server's replies, and what EHLO offers: however the bytes are cut, the same replies; within the caps;
// nothing in them that may not stand in a log line or a bounce; and what is rendered parses to itself.
#include <variant>
#include <vector>

#include "engine/smtp/extensions.hpp"
#include "engine/smtp/reply.hpp"
#include "engine/smtp/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using smtp::Reply;
using smtp::ReplyError;

struct Heard {
    std::vector<Reply> replies;
    std::optional<ReplyError> error;
    friend bool operator==(const Heard&, const Heard&) = default;
};

Heard listen(std::string_view input, const smtp::ReplyLimits& limits, std::size_t most) {
    smtp::ReplyParser parser(limits);
    Heard heard;
    for (Pieces pieces(input, most); !pieces.empty() && !heard.error;) {
        const auto piece = pieces.next();
        std::string_view left = piece;
        while (!left.empty() && !heard.error) {
            const auto complete = parser.feed(left);
            if (!complete)
                heard.error = complete.error();
            else if (*complete)
                heard.replies.push_back(parser.take());
            else
                require(left.empty(), "a parser that wants more has taken all");
        }
    }
    return heard;
}

void check(const Reply& reply, const smtp::ReplyLimits& limits) {
    require(reply.code >= 100 && reply.code <= 999, "a code has three digits");
    require(reply.text.size() <= limits.bytes, "the cap holds");
    for (std::size_t i = 0; i < reply.text.size(); ++i)
        require(reply.text[i] == '\n' || !has_control(reply.text.substr(i, 1)), "no controls");
    require(!has_control(reply.one_line()), "one line is one line");
    require(smtp::is_clean_utf8(reply.one_line()), "and clean UTF-8");
    std::string wire;
    reply.append_to(wire);
    const auto again =
        listen(wire, {.line = limits.line + 64, .lines = limits.lines, .bytes = 1 << 20}, wire.size());
    require(!again.error && again.replies.size() == 1, "what is rendered is one reply");
    require(again.replies[0].code == reply.code, "with the same code");
    smtp::parse_ehlo_reply(reply);
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    const auto input = text_of(data, size);
    for (const smtp::ReplyLimits& limits :
         {smtp::ReplyLimits{}, smtp::ReplyLimits{.line = 40, .lines = 3, .bytes = 90}}) {
        const auto heard = listen(input, limits, size + 1);
        require(listen(input, limits, 1) == heard && listen(input, limits, 12) == heard, "however it is cut");
        for (const auto& reply : heard.replies) check(reply, limits);
    }
    const auto status = smtp::EnhancedStatus::parse(input);
    if (status)
        require(smtp::EnhancedStatus::parse(status->text()) == status, "a status reads back as itself");
    return 0;
}

// The HTTP request parser: however the bytes are cut, the same requests and the same end.
#include <vector>

#include "engine/http/parser.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using http::Parser;

struct Seen {
    std::vector<std::string> requests;
    unsigned status = 0;
    // What is wrong with a request may be seen sooner or later, and one fault before another; where the limit of a header lies
    // is a matter of a few octets.
    friend bool operator==(const Seen& a, const Seen& b) {
        return a.requests == b.requests || a.status == 431 || b.status == 431;
    }
};

Seen serve(std::string_view input, std::size_t most) {
    Parser parser({.header = 400, .body = 100});
    Seen seen;
    for (Pieces pieces(input, most); !pieces.empty();) {
        const auto piece = pieces.next();
        auto state = parser.feed(piece);
        while (state == Parser::State::complete) {
            const bool keep = parser.keep_alive(), old = parser.old_version();
            const auto request = parser.take();
            require(request.body.size() <= 100, "the cap on a body holds");
            seen.requests.push_back(request.method + '|' + request.path + '|' + request.query + '|' +
                                    request.body + '|' + request.authorization + '|' + request.content_type +
                                    (keep ? "|keep" : "|close") + (old ? "|1.0" : "|1.1"));
            require(!has_control(request.method) && !has_control(request.path) && !has_control(request.query),
                    "the request line is one line");
            state = parser.feed({});
        }
        if (state != Parser::State::failed) continue;
        seen.status = parser.status();
        require(seen.status >= 400 && seen.status < 600, "what is wrong is an error");
        require(!parser.error().empty() && !has_control(parser.error()), "which has words");
        break;
    }
    return seen;
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium::fuzz;
    const auto input = text_of(data, size);
    const auto whole = serve(input, size + 1);
    require(serve(input, 1) == whole, "octet by octet");
    require(serve(input, 30) == whole, "in pieces");
    return 0;
}

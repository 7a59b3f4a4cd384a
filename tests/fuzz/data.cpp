// The data codec under the smuggling oracle: whatever bytes come behind DATA, in whatever pieces, the decoder finds the end
// where a strict receiver finds it; and what it took goes out through the encoder as exactly one message with the same bytes
// and no bare CR or LF. The same for content that came by BDAT.
#include <vector>

#include "engine/smtp/data_decoder.hpp"
#include "engine/smtp/data_encoder.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/strict_data.hpp"

namespace angarium::fuzz {
namespace {

struct Decoded {
    bool done = false;
    bool good = false;
    std::string content;
    std::string rest;
    friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::string_view input, std::size_t most) {
    smtp::DataDecoder decoder;
    Decoded decoded;
    std::vector<std::string_view> found;
    for (Pieces pieces(input, most); !pieces.empty();) {
        const auto piece = pieces.next();
        if (decoded.done) {
            decoded.rest += piece;
            continue;
        }
        std::string_view left = piece;
        found.clear();
        decoded.done = decoder.feed(left, found);
        for (const auto part : found) decoded.content += part;
        require(decoded.done || left.empty(), "a decoder that wants more has taken all");
        decoded.rest += left;
    }
    require(decoder.done() == decoded.done, "the end is known");
    require(decoder.wire_size() == input.size() - decoded.rest.size(), "every octet is counted");
    decoded.good = decoder.checker().ok();
    if (!decoded.good) decoded.content.clear();
    return decoded;
}

std::string encode(std::string_view content, std::size_t most) {
    smtp::DataEncoder encoder;
    return through(
        content, most, [&](std::string_view part, auto& pieces) { encoder.add(part, pieces); },
        [&](auto& pieces) { encoder.finish(pieces); });
}

// What we emit, judged from outside.
void send(const std::string& content, std::size_t most) {
    const auto wire = encode(content, most);
    const auto read = read_strictly(wire);
    require(read.has_value(), "what goes out ends");
    require(read->rest.empty(), "nothing goes out behind the end: one message and no more");
    require(!read->bare, "no bare CR or LF goes out");
    const bool ended = content.empty() || content.ends_with("\r\n");
    require(read->content == content + (ended ? "" : "\r\n"), "the same bytes go out");
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    const auto input = text_of(data, size);
    const auto decoded = decode(input, size + 1);
    require(decode(input, 1) == decoded && decode(input, 9) == decoded && decode(input, 100) == decoded,
            "however it is cut");
    const auto strict = read_strictly(input);
    require(strict.has_value() == decoded.done, "we and a strict receiver agree whether it ends");
    if (strict) {
        require(strict->rest == decoded.rest, "and where");
        if (decoded.good) {
            require(!strict->bare, "a bare CR or LF is refused");
            require(strict->content == decoded.content, "and what it says");
            send(decoded.content, size + 1);
            send(decoded.content, 5);
        }
    }

    smtp::ContentChecker checker;  // by BDAT
    checker.check(input);
    checker.finish();
    if (checker.ok()) {
        const std::string content(input);
        send(content, size + 1);
        send(content, 3);
    }
    return 0;
}

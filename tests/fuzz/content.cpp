// The content checker against a plain reading of its rules, with limits so small that a few octets reach them, in any pieces.
#include <algorithm>
#include <set>

#include "engine/smtp/content.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using smtp::ContentChecker;
using smtp::ContentError;

struct Plain {
    std::set<ContentError> faults;
    bool has_8bit = false;
    unsigned received = 0;
};

Plain read_plainly(std::string_view content, const smtp::ContentLimits& limits) {
    Plain read;
    if (content.size() > limits.size) read.faults.insert(ContentError::too_large);
    std::string line;
    bool header = true;
    for (std::size_t at = 0; at < content.size(); ++at) {
        const char c = content[at];
        if (c == '\0') read.faults.insert(ContentError::nul);
        if (static_cast<unsigned char>(c) >= 0x80) read.has_8bit = true;
        if (c == '\r' && (at + 1 == content.size() || content[at + 1] != '\n'))
            read.faults.insert(ContentError::bare_cr);
        if (c == '\n' && (at == 0 || content[at - 1] != '\r')) read.faults.insert(ContentError::bare_lf);
        line += c;
        if (line.size() > limits.line + 2 || (line.size() > limits.line && c != '\r' && c != '\n'))
            read.faults.insert(ContentError::line_too_long);
        if (c != '\n') continue;
        std::string lower = line;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char l) { return l >= 'A' && l <= 'Z' ? static_cast<char>(l + 32) : l; });
        if (line == "\r\n") header = false;
        if (header && lower.starts_with("received:")) ++read.received;
        line.clear();
    }
    if (read.received > limits.received) read.faults.insert(ContentError::looping);
    return read;
}

ContentChecker check(std::string_view content, const smtp::ContentLimits& limits, std::size_t most) {
    ContentChecker checker(limits);
    for (Pieces pieces(content, most); !pieces.empty();) checker.check(pieces.next());
    checker.finish();
    return checker;
}

void compare(std::string_view content, const smtp::ContentLimits& limits) {
    const auto plain = read_plainly(content, limits);
    for (const std::size_t most : {content.size() + 1, std::size_t{1}, std::size_t{7}, std::size_t{150}}) {
        const auto checker = check(content, limits, most);
        require(checker.ok() == plain.faults.empty(), "the same content is good");
        require(checker.size() == content.size(), "every octet is counted");
        if (!checker.ok()) {
            require(plain.faults.contains(checker.error()), "a fault is one that is there");
            require(smtp::reply_for(checker.error()).code >= 500, "a fault is permanent");
            continue;
        }
        require(checker.has_8bit() == plain.has_8bit, "8-bit octets are seen");
        require(checker.received_count() == plain.received, "Received: fields are counted");
        require(checker.ends_in_crlf() == (content.empty() || content.ends_with("\r\n")), "the end is known");
    }
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    const auto content = text_of(data, size);
    smtp::ContentLimits limits;
    compare(content, limits);
    limits = {.size = 600, .received = 2, .line = 70};
    compare(content, limits);
    limits = {.size = 100, .received = 0, .line = 9};
    compare(content, limits);
    return 0;
}

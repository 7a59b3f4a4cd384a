// The end of data and the dots: split at every place, smuggling variants, and against the plain rule on random bytes.
#include "engine/smtp/data_decoder.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"

namespace angarium::smtp {
namespace {

using namespace std::string_literals;

struct Decoded {
    std::string content, rest;
    bool done = false;
    ContentError error = ContentError::none;
    friend bool operator==(const Decoded&, const Decoded&) = default;
};
void PrintTo(const Decoded& d, std::ostream* out) {
    *out << testing::PrintToString(d.content) << " rest " << testing::PrintToString(d.rest)
         << (d.done ? " done " : " open ") << static_cast<int>(d.error);
}

Decoded decode(std::initializer_list<std::string_view> pieces) {
    DataDecoder decoder;
    Decoded out;
    for (auto piece : pieces) {
        std::vector<std::string_view> content;
        if (!out.done) out.done = decoder.feed(piece, content);
        for (const auto part : content) out.content += part;
        out.rest += piece;
    }
    out.error = decoder.checker().error();
    if (out.error != ContentError::none)
        out.content.clear();  // what came before the fault depends on the pieces
    return out;
}

Decoded decode_octets(std::string_view bytes) {
    DataDecoder decoder;
    Decoded out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::vector<std::string_view> content;
        auto piece = bytes.substr(i, 1);
        if (!out.done) out.done = decoder.feed(piece, content);
        for (const auto part : content) out.content += part;
        out.rest += piece;
    }
    out.error = decoder.checker().error();
    if (out.error != ContentError::none) out.content.clear();
    return out;
}

// Whole, octet by octet, and split in two at every place.
void expect_decoded(std::string_view bytes, const Decoded& expected) {
    EXPECT_EQ(decode({bytes}), expected) << testing::PrintToString(bytes);
    EXPECT_EQ(decode_octets(bytes), expected) << testing::PrintToString(bytes);
    for (std::size_t i = 0; i <= bytes.size(); ++i)
        EXPECT_EQ(decode({bytes.substr(0, i), bytes.substr(i)}), expected)
            << testing::PrintToString(bytes) << " at " << i;
}

TEST(DataDecoder, FindsTheEndAndTakesTheDotsAway) {
    expect_decoded(".\r\n", {"", "", true});
    expect_decoded("a\r\n.\r\nQUIT\r\n", {"a\r\n", "QUIT\r\n", true});
    expect_decoded("..\r\n...a\r\n.b\r\n.\r\n", {".\r\n..a\r\nb\r\n", "", true});
    expect_decoded("\r\n\r\n.\r\n.\r\n", {"\r\n\r\n", ".\r\n", true});
    expect_decoded("a.\r\n.\r\n", {"a.\r\n", "", true});
    expect_decoded("a\r\nb.c\r\n..\r\n.\r\nx", {"a\r\nb.c\r\n.\r\n", "x", true});
    expect_decoded("a\r\n.", {"a\r\n", "", false});
    expect_decoded("a\r\n.\r", {"a\r\n", "", false});
    expect_decoded("a", {"a", "", false});
}

// CVE-2023-51764, 51765, 51766: none of these ends the data, each is a fault, and reading goes on to the true end.
TEST(DataDecoder, NothingElseEndsTheData) {
    using E = ContentError;
    const std::pair<const char*, E> variants[] = {
        {"\n.\n", E::bare_lf},       {"\r\n.\n", E::bare_lf},   {"\n.\r\n", E::bare_lf},
        {"\r.\r", E::bare_cr},       {"\r.\r\n", E::bare_cr},   {"\r\n.\r", E::bare_cr},
        {"\r\n.\rx", E::bare_cr},    {"\n.\r", E::bare_lf},     {"\r\r\n.\n", E::bare_cr},
        {"\r\n\r.\r\n", E::bare_cr}, {"\n\n.\r\n", E::bare_lf}, {"\r\n.\r\r\n", E::bare_cr},
        {"\r.\n", E::bare_cr}};
    for (const auto& [variant, error] : variants) {
        const auto bytes =
            "Subject: x\r\n\r\nbody"s + variant + "MAIL FROM:<evil@example.net>\r\n.\r\nNOOP\r\n";
        const auto whole = decode({bytes});
        EXPECT_TRUE(whole.done) << testing::PrintToString(variant);
        EXPECT_EQ(whole.rest, "NOOP\r\n") << testing::PrintToString(variant);
        EXPECT_EQ(whole.error, error) << testing::PrintToString(variant);
        expect_decoded(bytes, whole);
    }
    expect_decoded("\0.\r\n\r\n.\r\n"s, {"", "", true, E::nul});
    expect_decoded("a\r\n\0.\r\n.\r\n"s, {"", "", true, E::nul});
}

TEST(DataDecoder, ALongEndNeedsItsOwnLine) {
    expect_decoded("a\r\n..\r\n.\r\n", {"a\r\n.\r\n", "", true});
    expect_decoded("a\r\n. \r\n.\r\n", {"a\r\n \r\n", "", true});
    expect_decoded("a\r\n.x\r\n.\r\n", {"a\r\nx\r\n", "", true});
}

TEST(DataDecoder, HandsOutViewsOfTheInput) {
    DataDecoder decoder;
    const std::string bytes = "one\r\n..two\r\nthree\r\n.\r\n";
    std::string_view input = bytes;
    std::vector<std::string_view> content;
    ASSERT_TRUE(decoder.feed(input, content));
    ASSERT_EQ(content.size(), 2u);
    EXPECT_EQ(content[0].data(), bytes.data());
    EXPECT_EQ(content[1].data(), bytes.data() + 6);
    EXPECT_EQ(decoder.checker().size(), bytes.size() - 4);
    EXPECT_EQ(decoder.wire_size(), bytes.size());
}

TEST(DataDecoder, ReadsOnBehindAFaultAndHandsNothingMoreOut) {
    DataDecoder decoder(ContentLimits{.size = 10});
    const std::string bytes = "0123456789\r\n" + std::string(5000, 'x') + "\r\n.\r\nRSET\r\n";
    std::string_view input = bytes;
    std::vector<std::string_view> content;
    ASSERT_TRUE(decoder.feed(input, content));
    EXPECT_TRUE(content.empty());
    EXPECT_EQ(input, "RSET\r\n");
    EXPECT_EQ(decoder.checker().error(), ContentError::too_large);
}

// The rule itself, octet by octet, to compare with.
struct PlainDecoder {
    std::string content;
    std::size_t consumed = 0;
    bool done = false;
    explicit PlainDecoder(std::string_view bytes) {
        std::size_t line = 0;  // where the current line begins; lines end in CRLF only
        while (line <= bytes.size()) {
            const auto end = bytes.find("\r\n", line);
            auto text = bytes.substr(line, end == std::string_view::npos ? end : end + 2 - line);
            if (text == ".\r\n") {
                done = true;
                consumed = line + 3;
                return;
            }
            if (text.starts_with('.')) text.remove_prefix(1);
            content += text;
            if (end == std::string_view::npos) break;
            line = end + 2;
        }
        consumed = bytes.size();
    }
};

TEST(DataDecoder, AgreesWithThePlainRuleOnRandomBytes) {
    Random random(2);
    int done = 0, clean = 0;
    for (int round = 0; round < 50000; ++round) {
        std::string bytes;
        const auto size = random.below(120);
        const bool dirty = random.below(2) == 0;
        while (bytes.size() < size) {
            const auto kind = random.below(dirty ? 12 : 10);
            bytes += kind < 3     ? "."
                     : kind < 6   ? "\r\n"
                     : kind < 10  ? std::string(random.below(30), 'x')
                     : kind == 10 ? "\r"
                                  : "\n";
        }
        const PlainDecoder plain(bytes);
        DataDecoder decoder;
        std::string content;
        std::size_t consumed = 0;
        bool finished = false;
        while (consumed < bytes.size() && !finished) {
            const auto step = 1 + random.below(40);
            std::string_view piece = std::string_view(bytes).substr(consumed, step);
            const auto before = piece.size();
            std::vector<std::string_view> parts;
            finished = decoder.feed(piece, parts);
            consumed += before - piece.size();
            for (const auto part : parts) content += part;
        }
        ASSERT_EQ(finished, plain.done) << testing::PrintToString(bytes);
        if (finished) {
            ASSERT_EQ(consumed, plain.consumed) << testing::PrintToString(bytes);
            if (decoder.checker().ok()) {
                ASSERT_EQ(content, plain.content) << testing::PrintToString(bytes);
            }
        }
        done += finished;
        clean += finished && decoder.checker().ok();
    }
    EXPECT_GT(done, 10000);
    EXPECT_GT(clean, 5000);
}

}  // namespace
}  // namespace angarium::smtp

#include "engine/dkim/canonical.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"

namespace angarium::dkim {
namespace {

using namespace std::string_literals;

std::string canonical(std::string_view body, Canonical how, std::size_t step = std::string_view::npos) {
    BodyCanonical canonical(how);
    std::vector<std::string_view> pieces;
    std::string out;
    for (std::size_t at = 0; at < body.size();) {
        const auto piece = body.substr(at, step);
        at += piece.size();
        canonical.feed(piece, pieces);
        for (const auto text : pieces) out += text;
        pieces.clear();
    }
    canonical.finish(pieces);
    for (const auto text : pieces) out += text;
    return out;
}

std::string field(std::string_view text, Canonical how) {
    std::string out;
    append_field(out, text, how);
    return out;
}

TEST(Canonical, Names) {
    EXPECT_EQ(CanonicalPair::parse("relaxed/simple"), (CanonicalPair{Canonical::relaxed, Canonical::simple}));
    EXPECT_EQ(CanonicalPair::parse("simple/relaxed"), (CanonicalPair{Canonical::simple, Canonical::relaxed}));
    EXPECT_EQ(CanonicalPair::parse("relaxed"), (CanonicalPair{Canonical::relaxed, Canonical::simple}));
    for (const auto* wrong : {"", "/", "relaxed/", "Relaxed", "relaxed/simple/simple", "relaxed /simple"})
        EXPECT_FALSE(CanonicalPair::parse(wrong)) << wrong;
}

// RFC 6376 section 3.4.5, and what it leaves to the reader.
TEST(Canonical, Fields) {
    EXPECT_EQ(field("A: X", Canonical::relaxed), "a:X");
    EXPECT_EQ(field("B : Y\t\r\n\tZ  ", Canonical::relaxed), "b:Y Z");
    EXPECT_EQ(field("B : Y\t\r\n\tZ  ", Canonical::simple), "B : Y\t\r\n\tZ  ");
    EXPECT_EQ(field("SUBJect:", Canonical::relaxed), "subject:");
    EXPECT_EQ(field("Subject: \t ", Canonical::relaxed), "subject:");
    EXPECT_EQ(field("Subject:a\r\n \r\n  b", Canonical::relaxed), "subject:a b");
    EXPECT_EQ(field("Subject: a:b : c", Canonical::relaxed), "subject:a:b : c");
    EXPECT_EQ(field("Subject: \xc3\xa4\xa0  \xff", Canonical::relaxed), "subject:\xc3\xa4\xa0 \xff");
}

struct Case {
    const char* name;
    std::string body, simple, relaxed;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"RFC 6376 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
        {"empty", "", "\r\n", ""},
        {"one line end", "\r\n", "\r\n", ""},
        {"many line ends", "\r\n\r\n\r\n\r\n", "\r\n", ""},
        {"only white space", "  \t\r\n", "  \t\r\n", ""},
        {"white space without an end", " \t", " \t\r\n", ""},
        {"no last line end", "text", "text\r\n", "text\r\n"},
        {"no last line end, spaces", "text  ", "text  \r\n", "text\r\n"},
        {"one last line end", "text\r\n", "text\r\n", "text\r\n"},
        {"empty lines behind", "text\r\n\r\n\r\n", "text\r\n", "text\r\n"},
        {"empty lines in front", "\r\n\r\ntext\r\n", "\r\n\r\ntext\r\n", "\r\n\r\ntext\r\n"},
        {"empty lines within", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
        {"lines of white space at the end", "a\r\n \r\n\t\r\n", "a\r\n \r\n\t\r\n", "a\r\n"},
        {"a line of white space within", "a\r\n \t\r\nb\r\n", "a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n"},
        {"indented", "a\r\n  b\r\n\tc\r\n", "a\r\n  b\r\n\tc\r\n", "a\r\n b\r\n c\r\n"},
        {"8-bit", "\xc3\xa4 \xa0\t\xff\r\n", "\xc3\xa4 \xa0\t\xff\r\n", "\xc3\xa4 \xa0 \xff\r\n"},
        {"runs around sixteen octets",
         "0123456789abcde  0123456789abcdef \r\n0123456789abcd\r\n\r\n0123456789abcde\r\n\r\n",
         "0123456789abcde  0123456789abcdef \r\n0123456789abcd\r\n\r\n0123456789abcde\r\n",
         "0123456789abcde 0123456789abcdef\r\n0123456789abcd\r\n\r\n0123456789abcde\r\n"},
        {"a hundred empty lines",
         "a" +
             [] {
                 std::string s;
                 for (int i = 0; i < 100; ++i) s += "\r\n";
                 return s;
             }() +
             "b",
         "a" +
             [] {
                 std::string s;
                 for (int i = 0; i < 100; ++i) s += "\r\n";
                 return s;
             }() +
             "b\r\n",
         "a" +
             [] {
                 std::string s;
                 for (int i = 0; i < 100; ++i) s += "\r\n";
                 return s;
             }() +
             "b\r\n"},
    };
    return all;
}

TEST(Canonical, Bodies) {
    for (const auto& c : cases()) {
        EXPECT_EQ(canonical(c.body, Canonical::simple), c.simple) << c.name;
        EXPECT_EQ(canonical(c.body, Canonical::relaxed), c.relaxed) << c.name;
    }
}

TEST(Canonical, CutAnywhere) {
    for (const auto& c : cases())
        for (std::size_t step = 1; step <= 40; ++step) {
            EXPECT_EQ(canonical(c.body, Canonical::simple, step), c.simple) << c.name << " by " << step;
            EXPECT_EQ(canonical(c.body, Canonical::relaxed, step), c.relaxed) << c.name << " by " << step;
        }
}

// The rules of sections 3.4.3 and 3.4.4 word for word, slowly.
std::string by_the_book(std::string body, Canonical how) {
    if (how == Canonical::relaxed) {
        std::string out;
        for (std::size_t i = 0; i < body.size(); ++i) {
            if (body[i] != ' ' && body[i] != '\t') {
                out += body[i];
                continue;
            }
            while (i + 1 < body.size() && (body[i + 1] == ' ' || body[i + 1] == '\t')) ++i;
            if (i + 1 < body.size() && body[i + 1] != '\r') out += ' ';
        }
        body = out;
    }
    while (body.ends_with("\r\n")) body.resize(body.size() - 2);
    return body.empty() && how == Canonical::relaxed ? "" : body + "\r\n";
}

TEST(Canonical, AnyText) {
    Random random(7);
    for (int round = 0; round < 3000; ++round) {
        std::string body;
        const auto words = random.below(60);
        for (std::uint64_t i = 0; i < words; ++i) {
            const auto dice = random.below(12);
            body += dice < 3   ? " "
                    : dice < 4 ? "\t"
                    : dice < 7 ? "\r\n"
                               : std::string(1 + random.below(30), 'x');
        }
        for (const auto how : {Canonical::simple, Canonical::relaxed})
            ASSERT_EQ(canonical(body, how, 1 + random.below(80)), by_the_book(body, how))
                << testing::PrintToString(body) << " " << to_string(how);
    }
}

}  // namespace
}  // namespace angarium::dkim

// Case, UTF-8, punycode samples, and the search for an LF followed by a dot.
#include "engine/smtp/text.hpp"

#include <gtest/gtest.h>

#include "engine/smtp/scan.hpp"

namespace angarium::smtp {
namespace {

using namespace std::string_literals;

TEST(Text, ComparesWithoutCase) {
    EXPECT_TRUE(equals_ignoring_case("MaIl", "mAiL"));
    EXPECT_FALSE(equals_ignoring_case("mail", "mails"));
    EXPECT_FALSE(equals_ignoring_case("@", "`"));
    EXPECT_TRUE(starts_with_ignoring_case("from:<a>", "FROM:"));
    EXPECT_FALSE(starts_with_ignoring_case("fro", "FROM:"));
    EXPECT_EQ(trim(" \t a b \t"), "a b");
    EXPECT_EQ(trim("  "), "");
}

TEST(Text, ChecksUtf8) {
    for (const auto* good : {"", "abc", "ü", "日本", "\xf0\x9f\x98\x80", "\xef\xbf\xbd"})
        EXPECT_TRUE(is_clean_utf8(good)) << good;
    for (const auto* bad :
         {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe6\x97", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9f"})
        EXPECT_FALSE(is_clean_utf8(bad)) << testing::PrintToString(bad);
    EXPECT_FALSE(is_clean_utf8("a\0b"s));
    for (std::size_t at = 0; at < 20; ++at) {
        std::string text(20, 'a');
        EXPECT_TRUE(is_ascii(text));
        text[at] = '\x80';
        EXPECT_FALSE(is_ascii(text)) << at;
        EXPECT_FALSE(has_control(text)) << at;
        for (int c = 0; c < 0x100; ++c) {
            text[at] = static_cast<char>(c);
            EXPECT_EQ(has_control(text), c < 0x20 || c == 0x7f) << at << " " << c;
        }
    }
}

TEST(Text, CleansWhatComesFromOutside) {
    std::string out;
    append_cleaned(out, "a\r\n\0b\tc\xff\xc3\xbc\xc2\x85"s);
    EXPECT_EQ(out, "a???b c?\xc3\xbc?");
}

TEST(Text, EncodesPunycode) {  // samples of RFC 3492 section 7.1 and in wide use
    EXPECT_EQ(punycode("münchen"), "mnchen-3ya");
    EXPECT_EQ(punycode("bücher"), "bcher-kva");
    EXPECT_EQ(punycode("ليهمابتكلموشعربي؟"), "egbpdaj6bu4bxfgehfvwxn");
    EXPECT_EQ(punycode("他们为什么不说中文"), "ihqwcrb4cv8a8dqg056pqjye");
    EXPECT_EQ(punycode("3年B組金八先生"), "3B-ww4c5e180e575a65lsy2b");
    EXPECT_EQ(punycode("そのスピードで"), "d9juau41awczczp");
}

TEST(Scan, FindsNewlineDotEverywhere) {
    for (std::size_t at = 0; at < 100; ++at) {
        std::string text(100, 'x');
        text.insert(at, "\n.");
        for (std::size_t from = 0; from <= at; ++from) EXPECT_EQ(find_newline_dot(text, from), at);
        EXPECT_EQ(find_newline_dot(text, at + 1), std::string_view::npos);
    }
    EXPECT_EQ(find_newline_dot("\n", 0), std::string_view::npos);
    EXPECT_EQ(find_newline_dot("", 0), std::string_view::npos);
    EXPECT_EQ(find_newline_dot("\n\n\n.", 0), 2u);
}

}  // namespace
}  // namespace angarium::smtp

// Addresses: grammar, limits, literals, source routes, SMTPUTF8, and no control gets in.
#include "engine/smtp/mailbox.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

using namespace std::string_literals;

std::string domain(std::string_view text, Utf8 utf8 = Utf8::refused) {
    const auto parsed = Domain::parse(text, utf8);
    return parsed ? std::string(parsed->text()) : "refused";
}

AddressError mailbox_error(std::string_view text, Utf8 utf8 = Utf8::refused) {
    const auto parsed = Mailbox::parse(text, utf8);
    EXPECT_FALSE(parsed) << text;
    return parsed ? AddressError::syntax : parsed.error();
}

TEST(Domain, IsKeptInLowerCase) {
    EXPECT_EQ(domain("Hill.COM"), "hill.com");
    EXPECT_EQ(domain("localhost"), "localhost");
    EXPECT_EQ(domain("xn--Mnchen-3ya.de"), "xn--mnchen-3ya.de");
    EXPECT_EQ(domain("a-b.3com.x"), "a-b.3com.x");
}

TEST(Domain, RefusesWhatIsNone) {
    for (const auto* text :
         {"",          ".",     "a.",        ".a", "a..b", "-a.b",    "a-.b",     "a_b.c", "a b",
          "a@b",       "a\r\n", "a\n",       "[",  "[]",   "[1.2.3]", "[1.2.3.4", "[::1]", "[IPv6:1.2.3.4]",
          "[IPv6:zz]", "[x:1]", "[1.2.3.4]x"})
        EXPECT_EQ(domain(text), "refused") << text;
    EXPECT_EQ(domain("a\0b"s), "refused");
}

TEST(Domain, KeepsToTheLimits) {
    const std::string label63(63, 'a');
    EXPECT_NE(domain(label63 + ".b"), "refused");
    EXPECT_EQ(domain(label63 + "a.b"), "refused");
    const auto name255 = label63 + "." + label63 + "." + label63 + "." + label63;
    ASSERT_EQ(name255.size(), 255u);
    EXPECT_EQ(domain(name255), name255);
    EXPECT_EQ(Domain::parse(name255 + "a").error(), AddressError::domain_too_long);
}

TEST(Domain, LiteralsHaveOneSpelling) {
    EXPECT_EQ(domain("[192.0.2.1]"), "[192.0.2.1]");
    EXPECT_EQ(domain("[ipv6:2001:DB8:0::1]"), "[IPv6:2001:db8::1]");
    EXPECT_EQ(Domain::parse("[192.0.2.1]")->literal()->text(), "192.0.2.1");
    EXPECT_EQ(Domain::parse("[IPv6:2001:db8::1]")->literal()->text(), "2001:db8::1");
    EXPECT_FALSE(Domain::parse("hill.com")->literal());
    EXPECT_EQ(Domain::parse("[192.0.2.1]")->dns_name(), "");
}

TEST(Domain, ULabelsNeedSmtputf8) {
    EXPECT_EQ(Domain::parse("münchen.de").error(), AddressError::non_ascii);
    EXPECT_EQ(domain("München.DE", Utf8::allowed), "münchen.de");
    EXPECT_EQ(Domain::parse("m\xfcnchen.de", Utf8::allowed).error(), AddressError::non_ascii);
    EXPECT_EQ(Domain::parse("a\xc2\x85.de", Utf8::allowed).error(), AddressError::non_ascii);  // C1 control
    EXPECT_EQ(Domain::parse("münchen.de", Utf8::allowed)->dns_name(), "xn--mnchen-3ya.de");
    EXPECT_EQ(Domain::parse("例え.テスト", Utf8::allowed)->dns_name(), "xn--r8jz45g.xn--zckzah");
    EXPECT_EQ(Domain::parse("hill.com")->dns_name(), "hill.com");
}

TEST(Mailbox, SplitsAtTheRightSign) {
    const auto mailbox = Mailbox::parse("Jack.O'Neil+x@Town.com");
    ASSERT_TRUE(mailbox);
    EXPECT_EQ(mailbox->local_part(), "Jack.O'Neil+x");
    EXPECT_EQ(mailbox->domain(), "town.com");
    EXPECT_EQ(mailbox->text(), "Jack.O'Neil+x@town.com");
    EXPECT_EQ(mailbox->domain_value().text(), "town.com");
    const auto quoted = Mailbox::parse(R"("a@b \"c\" \\"@[192.0.2.1])");
    ASSERT_TRUE(quoted);
    EXPECT_EQ(quoted->local_part(), R"("a@b \"c\" \\")");
    EXPECT_TRUE(quoted->domain_is_literal());
}

TEST(Mailbox, RefusesBadSyntax) {
    for (const auto* text :
         {"",        "@",           "a",          "a@",         "@b",           "a@b@c",   ".a@b",
          "a.@b",    "a..b@c",      "a b@c",      "a(b)@c",     "a,b@c",        "a;b@c",   "a<b@c",
          "\"a@b",   "\"a\"b@c",    "a\"b\"@c",   "\"a\\\"@b",  "\"a\"\"@b",    "a\\@b@c", "a@b\r\n",
          "a\r@b",   "a\n@b",       "\"a\rb\"@c", "\"a\nb\"@c", "\"a\\\nb\"@c", "a\t@b",   "\"a\tb\"@c",
          "a\x7f@b", "\"a\x7f\"@b", "<a@b>",      "a@b>"})
        EXPECT_EQ(mailbox_error(text), AddressError::syntax) << text;
    EXPECT_EQ(mailbox_error("a\0@b"s), AddressError::syntax);
    EXPECT_EQ(mailbox_error("\"a\0\"@b"s), AddressError::syntax);
}

TEST(Mailbox, NoOctetOfControlEverPasses) {
    for (int c = 0; c < 256; ++c) {
        if (c >= 0x20 && c != 0x7f) continue;
        const std::string octet(1, static_cast<char>(c));
        for (const auto& text : {octet + "a@b", "a" + octet + "@b", "a@" + octet + "b", "a@b" + octet,
                                 "\"" + octet + "\"@b", "\"\\" + octet + "\"@b"})
            for (const auto utf8 : {Utf8::refused, Utf8::allowed})
                EXPECT_FALSE(Mailbox::parse(text, utf8)) << c;
    }
}

TEST(Mailbox, KeepsToTheLimits) {
    const std::string local64(64, 'a'), label63(63, 'b');
    EXPECT_TRUE(Mailbox::parse(local64 + "@b.c"));
    EXPECT_EQ(mailbox_error(local64 + "a@b.c"), AddressError::local_part_too_long);
    const auto domain189 = label63 + "." + label63 + "." + std::string(61, 'c');
    ASSERT_EQ(domain189.size(), 189u);
    EXPECT_TRUE(Mailbox::parse(local64 + "@" + domain189));  // 254 octets, 256 with brackets
    EXPECT_EQ(mailbox_error(local64 + "@" + domain189 + "c"), AddressError::path_too_long);
}

TEST(Mailbox, NonAsciiNeedsSmtputf8) {
    EXPECT_EQ(mailbox_error("jürgen@hill.com"), AddressError::non_ascii);
    const auto mailbox = Mailbox::parse("jürgen@hill.com", Utf8::allowed);
    ASSERT_TRUE(mailbox);
    EXPECT_FALSE(mailbox->is_ascii());
    EXPECT_TRUE(Mailbox::parse("\"jürgen x\"@hill.com", Utf8::allowed));
    EXPECT_EQ(mailbox_error("j\xff@hill.com", Utf8::allowed), AddressError::non_ascii);
    EXPECT_EQ(mailbox_error("j\xc0\xaf@hill.com", Utf8::allowed), AddressError::non_ascii);
    EXPECT_EQ(mailbox_error("j\xed\xa0\x80@hill.com", Utf8::allowed), AddressError::non_ascii);
}

TEST(Mailbox, IsMadeOfItsParts) {
    const auto town = Domain::parse("Town.com");
    EXPECT_EQ(Mailbox::make("postmaster", *town)->text(), "postmaster@town.com");
    EXPECT_FALSE(Mailbox::make("a b", *town));
    EXPECT_FALSE(Mailbox::make("a\n", *town));
    EXPECT_EQ(*Mailbox::make("jack", *town), *Mailbox::parse("jack@TOWN.com"));
    EXPECT_NE(*Mailbox::parse("Jack@town.com"), *Mailbox::parse("jack@town.com"));
}

TEST(Path, ReadsBrackets) {
    EXPECT_EQ(parse_forward_path("<a@b>", Utf8::refused)->text(), "a@b");
    EXPECT_EQ(parse_reverse_path("<a@b>", Utf8::refused)->text(), "a@b");
    EXPECT_TRUE(parse_reverse_path("<>", Utf8::refused)->is_null());
    EXPECT_FALSE(parse_forward_path("<>", Utf8::refused));
    for (const auto* text : {"", "a@b", "<a@b", "a@b>", "< a@b>", "<a@b >", "<<a@b>>", "< >", "<", ">"}) {
        EXPECT_FALSE(parse_forward_path(text, Utf8::refused)) << text;
        EXPECT_FALSE(parse_reverse_path(text, Utf8::refused)) << text;
    }
}

TEST(Path, TheLastElementOfASourceRouteCounts) {
    EXPECT_EQ(parse_forward_path("<@a,@b.c:user@d>", Utf8::refused)->text(), "user@d");
    EXPECT_EQ(parse_forward_path("<@[IPv6:::1]:user@d>", Utf8::refused)->text(), "user@d");
    EXPECT_EQ(parse_reverse_path("<@a:user@d>", Utf8::refused)->text(), "user@d");
    for (const auto* text :
         {"<@a>", "<@a:>", "<@a,b:c@d>", "<@a,:c@d>", "<@:c@d>", "<@a,@b c@d>", "<@a:@b:c@d>", "<a:b@c>"}) {
        EXPECT_FALSE(parse_forward_path(text, Utf8::refused)) << text;
        EXPECT_FALSE(parse_reverse_path(text, Utf8::refused)) << text;
    }
}

TEST(Path, EndsAtTheBracketOutsideQuotes) {
    EXPECT_EQ(path_length("<a@b> SIZE=1"), 5u);
    EXPECT_EQ(path_length(R"(<"a>b"@c>x)"), 9u);
    EXPECT_EQ(path_length(R"(<"a\">b"@c>)"), 11u);
    EXPECT_EQ(path_length("<\"a>"), 0u);
    EXPECT_EQ(path_length("<a"), 0u);
    EXPECT_EQ(path_length(" <a>"), 0u);
    EXPECT_EQ(path_length(""), 0u);
    EXPECT_EQ(parse_forward_path("<" + std::string(300, '@') + ">", Utf8::refused).error(),
              AddressError::path_too_long);
}

}  // namespace
}  // namespace angarium::smtp

// Names and address literals in their one spelling.
#include "dns/name.hpp"

#include <gtest/gtest.h>

namespace angarium::dns {
namespace {

TEST(Name, CanonicalIsLowerCaseWithoutTheLastDot) {
    EXPECT_EQ(canonical_name("Mail.Example.NET."), "mail.example.net");
    EXPECT_EQ(canonical_name("localhost"), "localhost");
    EXPECT_EQ(canonical_name("_25._tcp.mx-1.example"), "_25._tcp.mx-1.example");
    EXPECT_EQ(canonical_name("xn--bcher-kva.example"), "xn--bcher-kva.example");
}

TEST(Name, RefusesWhatIsNoHostName) {
    for (const auto* text : {"", ".", "..", ".a", "a..b", "a..", "a b", "a\nb",
                             "b\xc3\xbc"
                             "cher.example",
                             "a\\b", "[1.2.3.4]", "a@b", "a/b", "*.example"})
        EXPECT_FALSE(canonical_name(text)) << text;
    EXPECT_FALSE(canonical_name(std::string_view("a\0b", 3)));
}

TEST(Name, KeepsTheLengthsOfTheProtocol) {
    const std::string label(63, 'a');
    EXPECT_TRUE(canonical_name(label + ".example"));
    EXPECT_FALSE(canonical_name(label + "a.example"));
    const auto longest = label + "." + label + "." + label + "." + std::string(61, 'b');
    ASSERT_EQ(longest.size(), 253u);
    EXPECT_TRUE(canonical_name(longest));
    EXPECT_TRUE(canonical_name(longest + "."));
    EXPECT_FALSE(canonical_name(longest + "b"));
}

TEST(Name, OnlyTheCanonicalFormIsCanonical) {
    EXPECT_TRUE(is_canonical_name("a.example"));
    EXPECT_FALSE(is_canonical_name("A.example"));
    EXPECT_FALSE(is_canonical_name("a.example."));
    EXPECT_FALSE(is_canonical_name(""));
}

TEST(Name, AddressLiterals) {
    EXPECT_EQ(parse_address_literal("[192.0.2.1]")->text(), "192.0.2.1");
    EXPECT_EQ(parse_address_literal("[IPv6:2001:db8::1]")->text(), "2001:db8::1");
    EXPECT_EQ(parse_address_literal("[ipv6:::1]")->text(), "::1");
    for (const auto* text : {"192.0.2.1", "[]", "[192.0.2.1", "[2001:db8::1]", "[IPv6:192.0.2.1]",
                             "[192.0.2]", "[x]", "[192.0.2.1] ", "[IPv6:fe80::1%eth0]", "["})
        EXPECT_FALSE(parse_address_literal(text)) << text;
}

}  // namespace
}  // namespace angarium::dns

// Which addresses a set of patterns contains.
#include "engine/smtp/address_patterns.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

Mailbox mailbox(std::string_view text) { return *Mailbox::parse(text, Utf8::allowed); }
ReversePath sender(std::string_view text) { return *ReversePath::parse(text, Utf8::allowed); }

AddressPatterns patterns(const std::vector<std::string>& texts) {
    auto made = AddressPatterns::make(texts);
    EXPECT_TRUE(made) << made.error();
    return made.value_or(AddressPatterns());
}

TEST(AddressPatterns, ADomainIsItselfOnly) {
    const auto set = patterns({"Example.NET", "other.test"});
    EXPECT_TRUE(set.contains(mailbox("jack@example.net")));
    EXPECT_TRUE(set.contains(mailbox("JACK@EXAMPLE.net")));
    EXPECT_TRUE(set.contains(mailbox("jill@other.test")));
    EXPECT_FALSE(set.contains(mailbox("jack@mail.example.net")));
    EXPECT_FALSE(set.contains(mailbox("jack@badexample.net")));
    EXPECT_FALSE(set.contains(mailbox("jack@example.net.evil.test")));
    EXPECT_FALSE(set.contains(mailbox("example.net@evil.test")));
}

TEST(AddressPatterns, AStarIsEverythingBelow) {
    const auto set = patterns({"*.example.net"});
    EXPECT_TRUE(set.contains(mailbox("jack@mail.example.net")));
    EXPECT_TRUE(set.contains(mailbox("jack@a.b.example.net")));
    EXPECT_FALSE(set.contains(mailbox("jack@example.net")));
    EXPECT_FALSE(set.contains(mailbox("jack@badexample.net")));
    EXPECT_FALSE(set.contains(mailbox("jack@[192.0.2.1]")));
}

TEST(AddressPatterns, OneAddressByItsOctets) {
    const auto set = patterns({"jack@Example.net", "\"a b\"@example.net"});
    EXPECT_TRUE(set.contains(mailbox("jack@example.NET")));
    EXPECT_TRUE(set.contains(mailbox("\"a b\"@example.net")));
    EXPECT_FALSE(set.contains(mailbox("Jack@example.net")));
    EXPECT_FALSE(set.contains(mailbox("jill@example.net")));
    EXPECT_FALSE(set.contains(mailbox("\"jack@example.net\"@evil.test")));
}

TEST(AddressPatterns, TheNullSenderIsOneOfItsOwn) {
    EXPECT_TRUE(patterns({"<>"}).contains(sender("")));
    EXPECT_FALSE(patterns({"<>"}).contains(sender("jack@example.net")));
    EXPECT_FALSE(patterns({"example.net"}).contains(sender("")));
    EXPECT_TRUE(patterns({"*"}).contains(sender("")));
    EXPECT_TRUE(patterns({"example.net"}).contains(sender("jack@example.net")));
}

TEST(AddressPatterns, AllAndNone) {
    EXPECT_TRUE(patterns({"*"}).contains(mailbox("jack@[192.0.2.1]")));
    EXPECT_FALSE(patterns({}).contains(mailbox("jack@example.net")));
    EXPECT_FALSE(patterns({}).contains(sender("")));
}

TEST(AddressPatterns, LiteralsInTheirCanonicalForm) {
    const auto set = patterns({"[IPv6:2001:DB8:0::1]", "jack@[192.0.2.1]"});
    EXPECT_TRUE(set.contains(mailbox("jack@[ipv6:2001:db8::1]")));
    EXPECT_TRUE(set.contains(mailbox("jack@[192.0.2.1]")));
    EXPECT_FALSE(set.contains(mailbox("jill@[192.0.2.1]")));
}

// The name that will be looked up decides, however it was spelled: a rule cannot be passed by the other spelling.
TEST(AddressPatterns, InternationalDomainsInEitherForm) {
    for (const auto* given : {"b\u00fccher.example", "xn--bcher-kva.example"}) {
        const auto set = patterns({given, std::string("*.") + given});
        EXPECT_TRUE(set.contains(mailbox("jack@b\u00fccher.example"))) << given;
        EXPECT_TRUE(set.contains(mailbox("jack@xn--bcher-kva.example"))) << given;
        EXPECT_TRUE(set.contains(mailbox("j\u00e4ck@mail.b\u00fccher.example"))) << given;
    }
    EXPECT_TRUE(
        patterns({"j\u00e4ck@xn--bcher-kva.example"}).contains(mailbox("j\u00e4ck@b\u00fccher.example")));
}

TEST(AddressPatterns, WhatIsNoPatternIsNamed) {
    for (const auto* wrong :
         {"", "*.", "**", "a*.test", "*.*", "example..net", "*example.net", "<", "jack@", "@example.net",
          "*@example.net", "*.[192.0.2.1]", "exa mple.net", "<jack@example.net>", "jack@*.example.net"}) {
        const auto made = AddressPatterns::make({"good.test", wrong});
        ASSERT_FALSE(made) << wrong;
        EXPECT_EQ(made.error(), wrong);
    }
}

}  // namespace
}  // namespace angarium::smtp

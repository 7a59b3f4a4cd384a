// EHLO: rendered, parsed, and as servers really send it.
#include "engine/smtp/extensions.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

TEST(Extensions, AreRendered) {
    Extensions offered;
    std::string out;
    append_ehlo_reply(out, "relay.example.net", offered);
    EXPECT_EQ(out, "250 relay.example.net\r\n");
    offered.pipelining = offered.eight_bit_mime = offered.size = true;
    offered.size_limit = 1000;
    out = "before\r\n";
    append_ehlo_reply(out, "relay.example.net", offered);
    EXPECT_EQ(out, "before\r\n250-relay.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000\r\n");
    offered.auth = AuthMechanisms::plain | AuthMechanisms::login;
    out.clear();
    append_ehlo_reply(out, "r", offered);
    EXPECT_TRUE(out.ends_with("250 AUTH PLAIN LOGIN\r\n"));
}

TEST(Extensions, GoThereAndBack) {
    Extensions offered;
    offered.pipelining = offered.eight_bit_mime = offered.chunking = offered.smtputf8 = offered.dsn = true;
    offered.enhanced_status_codes = offered.starttls = offered.help = offered.size = true;
    offered.size_limit = 52428800;
    offered.auth = AuthMechanisms::plain | AuthMechanisms::cram_md5;
    std::string out;
    append_ehlo_reply(out, "relay.example.net", offered);
    std::string_view input = out;
    ReplyParser parser;
    ASSERT_TRUE(parser.feed(input).value());
    EXPECT_EQ(parse_ehlo_reply(parser.reply()), offered);
}

TEST(Extensions, AreReadAsServersSendThem) {
    const auto parse = [](std::string text) { return parse_ehlo_reply(Reply(250, {}, std::move(text))); };
    EXPECT_EQ(parse("pipelining greets you"), Extensions());
    EXPECT_TRUE(parse("x\npipelining").pipelining);
    EXPECT_TRUE(parse("x\nSIZE").size);
    EXPECT_EQ(parse("x\nSIZE").size_limit, 0u);
    EXPECT_EQ(parse("x\nSIZE 0").size_limit, 0u);
    EXPECT_EQ(parse("x\nsize 35882577 ").size_limit, 35882577u);
    EXPECT_EQ(parse("x\nSIZE 99999999999999999999").size_limit, 0u);
    EXPECT_TRUE(parse("x\n8BITMIME\nXUNKNOWN a b\nDSN").dsn);
    EXPECT_EQ(parse("x\nAUTH LOGIN GSSAPI plain").auth, AuthMechanisms::login | AuthMechanisms::plain);
    EXPECT_EQ(parse("x\nAUTH=LOGIN PLAIN").auth, AuthMechanisms::login | AuthMechanisms::plain);
    EXPECT_EQ(parse("x\n\n \nSIZES 5"), Extensions());
}

}  // namespace
}  // namespace angarium::smtp

// Replies: rendering, parsing in any pieces, caps, and what is no reply.
#include "engine/smtp/reply.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

std::string wire(const Reply& reply) {
    std::string out;
    reply.append_to(out);
    return out;
}

// Feeds `bytes` in pieces of `step` octets; the reply, or nothing.
std::optional<Reply> parse(std::string_view bytes, std::size_t step = 1) {
    ReplyParser parser;
    while (!bytes.empty()) {
        auto piece = bytes.substr(0, step);
        bytes.remove_prefix(piece.size());
        const auto complete = parser.feed(piece);
        if (!complete) return std::nullopt;
        if (*complete) return bytes.empty() && piece.empty() ? std::optional(parser.take()) : std::nullopt;
    }
    return std::nullopt;
}

TEST(EnhancedStatus, ReadsAndWrites) {
    EXPECT_EQ(EnhancedStatus::parse("5.1.10"), (EnhancedStatus{5, 1, 10}));
    EXPECT_EQ((EnhancedStatus{4, 999, 0}).text(), "4.999.0");
    EXPECT_EQ(EnhancedStatus{}.text(), "");
    for (const auto* text :
         {"", "5", "5.1", "5.1.", "3.1.1", "5.1.1 ", "5.1.1x", "5.1000.1", "5.1.1.1", "15.1.1"})
        EXPECT_FALSE(EnhancedStatus::parse(text)) << text;
}

TEST(Reply, IsRendered) {
    EXPECT_EQ(wire(Reply(250, {2, 0, 0}, "ok")), "250 2.0.0 ok\r\n");
    EXPECT_EQ(wire(Reply(354, {}, "go on")), "354 go on\r\n");
    EXPECT_EQ(wire(Reply(214, {2, 0, 0}, "one\ntwo")), "214-2.0.0 one\r\n214 2.0.0 two\r\n");
    EXPECT_EQ(wire(Reply(250, {2, 1, 5}, "")), "250 2.1.5\r\n");
    EXPECT_EQ(wire(Reply(550, {}, "a\rb")), "550 a?b\r\n");
    std::string out;
    FixedReply{500, {5, 5, 2}, "no"}.append_to(out);
    EXPECT_EQ(out, "500 5.5.2 no\r\n");
    EXPECT_EQ(Reply(550, {5, 1, 1}, "no\nsuch user").one_line(), "550 5.1.1 no / such user");
}

TEST(ReplyParser, ReadsOneLine) {
    for (std::size_t step = 1; step < 40; ++step) {
        const auto reply = parse("550 5.1.1 No such user\r\n", step);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->code, 550);
        EXPECT_EQ(reply->enhanced, (EnhancedStatus{5, 1, 1}));
        EXPECT_EQ(reply->text, "No such user");
    }
}

TEST(ReplyParser, ReadsSeveralLines) {
    for (std::size_t step = 1; step < 70; ++step) {
        const auto reply = parse("250-2.1.0 one\r\n250-two\r\n250 2.1.0 three\r\n", step);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->text, "one\ntwo\nthree");
        EXPECT_EQ(reply->enhanced, (EnhancedStatus{2, 1, 0}));
    }
}

TEST(ReplyParser, TakesWhatServersSend) {
    EXPECT_EQ(parse("250\r\n"), Reply(250, {}, ""));
    EXPECT_EQ(parse("250 \r\n"), Reply(250, {}, ""));
    EXPECT_EQ(parse("250 ok\n"), Reply(250, {}, "ok"));
    EXPECT_EQ(parse("250-\r\n250\r\n"), Reply(250, {}, "\n"));
    EXPECT_EQ(parse("550 5.1.1\r\n"), Reply(550, {5, 1, 1}, ""));
    EXPECT_EQ(parse("450-x\r\n451 y\r\n"), Reply(451, {}, "x\ny"));  // the last code counts within a class
    EXPECT_EQ(parse("550 2.0.0 odd\r\n"), Reply(550, {}, "2.0.0 odd"));  // a class that contradicts the code
    EXPECT_EQ(parse("220 5.1 mail\r\n"), Reply(220, {}, "5.1 mail"));
    EXPECT_EQ(parse("354 go\r\n"), Reply(354, {}, "go"));
}

TEST(ReplyParser, CleansText) {
    EXPECT_EQ(parse("550 a\rb\x01\x7f\xff"
                    "c\td\r\n")
                  ->text,
              "a?b???c d");
    EXPECT_EQ(parse("550 gr\xc3\xbc\xc3\x9f\r\n")->text, "gr\xc3\xbc\xc3\x9f");
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
    for (const auto* bytes :
         {"\r\n", "ok\r\n", "25 ok\r\n", "2500 ok\r\n", "250_ok\r\n", "150 x\r\n", "650 x\r\n", "000 x\r\n",
          "250-a\r\n550 b\r\n", "250-a\r\nb\r\n", " 250 ok\r\n", "HTTP/1.1 400\r\n", "-50 x\r\n"})
        for (std::size_t step : {1, 100}) EXPECT_FALSE(parse(bytes, step)) << bytes;
}

TEST(ReplyParser, StopsBehindOneReply) {
    ReplyParser parser;
    std::string_view input = "250 a\r\n354 b\r\n25";
    ASSERT_TRUE(parser.feed(input).value());
    EXPECT_EQ(parser.reply().text, "a");
    EXPECT_EQ(input, "354 b\r\n25");
    EXPECT_TRUE(parser.idle());
    ASSERT_TRUE(parser.feed(input).value());
    EXPECT_EQ(parser.reply().code, 354);
    ASSERT_FALSE(parser.feed(input).value());
    EXPECT_FALSE(parser.idle());
}

TEST(ReplyParser, CapsWhatItReads) {
    const ReplyLimits limits{.line = 20, .lines = 3, .bytes = 50};
    const auto error = [&](std::string_view bytes, std::size_t step) {
        ReplyParser parser(limits);
        while (!bytes.empty()) {
            auto piece = bytes.substr(0, step);
            bytes.remove_prefix(piece.size());
            const auto complete = parser.feed(piece);
            if (!complete) return complete.error() == ReplyError::too_long;
        }
        return false;
    };
    for (std::size_t step : {1, 7, 1000}) {
        EXPECT_TRUE(error("250 " + std::string(17, 'x') + "\r\n", step));
        EXPECT_TRUE(error("250 " + std::string(1000, 'x'), step));
        EXPECT_TRUE(error("250-\r\n250-\r\n250-\r\n250-\r\n", step));
        EXPECT_TRUE(error("250-123456789012\r\n250-123456789012\r\n250 123456789012\r\n", step));
        EXPECT_FALSE(error("250-\r\n250-\r\n250 \r\n", step));
    }
    ReplyParser parser(limits);  // an error is final
    std::string_view endless = "garbage\r\n";
    EXPECT_FALSE(parser.feed(endless));
    std::string_view good = "250 ok\r\n";
    EXPECT_FALSE(parser.feed(good));
}

}  // namespace
}  // namespace angarium::smtp

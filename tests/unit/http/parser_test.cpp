// Requests from bytes, however they are cut, and what is answered to wrong ones.
#include "engine/http/parser.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"

namespace angarium::http {
namespace {

using State = Parser::State;
const std::string get = "GET /metrics?a=b HTTP/1.1\r\nHost: x\r\n\r\n";

unsigned status_of(const std::string& bytes, ParserLimits limits = {}) {
    Parser parser(limits);
    return parser.feed(bytes) == State::failed ? parser.status() : 0;
}

TEST(Parser, ReadsARequest) {
    Parser parser({});
    EXPECT_FALSE(parser.started());
    ASSERT_EQ(parser.feed(get), State::complete);
    EXPECT_TRUE(parser.keep_alive());
    const auto request = parser.take();
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.path, "/metrics");
    EXPECT_EQ(request.query, "a=b");
    EXPECT_FALSE(parser.started());
}

TEST(Parser, ReadsByteByByte) {
    Parser parser({});
    for (std::size_t i = 0; i + 1 < get.size(); ++i) {
        ASSERT_EQ(parser.feed(get.substr(i, 1)), State::more) << i;
        EXPECT_TRUE(parser.started());
    }
    EXPECT_EQ(parser.feed("\n"), State::complete);
    EXPECT_EQ(parser.take().path, "/metrics");
}

TEST(Parser, ReadsPipelinedRequests) {
    Parser parser({});
    ASSERT_EQ(parser.feed(get + "\r\nHEAD / HTTP/1.0\r\n\r\n" + get.substr(0, 9)), State::complete);
    EXPECT_EQ(parser.take().method, "GET");
    ASSERT_EQ(parser.feed({}), State::complete);
    EXPECT_TRUE(parser.old_version());
    EXPECT_FALSE(parser.keep_alive());
    EXPECT_EQ(parser.take().method, "HEAD");
    EXPECT_EQ(parser.feed({}), State::more);
    EXPECT_TRUE(parser.started());
    EXPECT_EQ(parser.feed(get.substr(9)), State::complete);
}

TEST(Parser, ReadsBodies) {
    Parser parser({});
    ASSERT_EQ(parser.feed(
                  "POST /a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhel"),
              State::more);
    ASSERT_EQ(parser.feed("loGET"), State::complete);
    const auto request = parser.take();
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(request.content_type, "text/plain");
    EXPECT_EQ(parser.feed({}), State::more);
    Parser chunked({});
    ASSERT_EQ(
        chunked.feed("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        State::complete);
    EXPECT_EQ(chunked.take().body, "abc");
}

TEST(Parser, ReadsChunksByteByByte) {
    for (const std::string body :
         {"0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "1;a=b\r\nx\r\n0;c\r\nA: b\r\n\r\n"}) {
        Parser parser({});
        auto state = parser.feed("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (const char c : body) {
            ASSERT_EQ(state, State::more);
            state = parser.feed(std::string_view(&c, 1));
        }
        EXPECT_EQ(state, State::complete) << body;
    }
}

TEST(Parser, AbsoluteForm) {
    Parser parser({});
    ASSERT_EQ(parser.feed("GET http://x:1/readyz?q HTTP/1.1\r\nHost: x:1\r\n\r\n"), State::complete);
    EXPECT_EQ(parser.take().path, "/readyz");
}

TEST(Parser, RefusesWhatIsNoHttp) {
    EXPECT_EQ(status_of("\x16\x03\x01\x02\x00\x01"), 400u);
    EXPECT_EQ(status_of("EHLO there\r\n\r\n"), 400u);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nbad header\r\n\r\n"), 400u);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nContent-Length: -1\r\nHost: x\r\n\r\n"), 400u);
    EXPECT_EQ(
        status_of("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\n"),
        400u);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400u);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400u);
    EXPECT_NE(status_of("GET / HTTP/9.9\r\nHost: x\r\n\r\n"), 0u);
}

TEST(Parser, HoldsItsLimits) {
    const std::string big(20'000, 'x');
    EXPECT_EQ(status_of("GET /" + big + " HTTP/1.1\r\n"), 431u);
    EXPECT_EQ(status_of(big), 431u);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: " + big + "\r\n\r\n"), 431u);
    EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n"), 413u);
    Parser parser({});
    State state = parser.feed("GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 10'000 && state == State::more; ++i) state = parser.feed("A: b\r\n");
    EXPECT_EQ(state, State::failed);
    EXPECT_EQ(parser.status(), 431u);
}

TEST(Parser, SurvivesNoise) {
    Random random(11);
    for (int round = 0; round < 3000; ++round) {
        Parser parser({});
        auto state = State::more;
        for (int piece = 0; piece < 5 && state != State::failed; ++piece) {
            std::string bytes = get;
            for (int change = 0; change < 3; ++change)
                bytes[random.below(bytes.size())] = static_cast<char>(random.next());
            bytes.resize(random.below(bytes.size() + 1));
            state = parser.feed(bytes);
            if (state == State::complete) parser.take();
        }
    }
}

}  // namespace
}  // namespace angarium::http

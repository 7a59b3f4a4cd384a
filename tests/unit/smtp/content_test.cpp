// Content: every fault at every place, in pieces of any size, and against the plain rule on random content.
#include "engine/smtp/content.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"

namespace angarium::smtp {
namespace {

using namespace std::string_literals;

ContentChecker check(std::string_view content, std::size_t step, ContentLimits limits = {}) {
    ContentChecker checker(limits);
    for (std::size_t i = 0; i < content.size(); i += step) checker.check(content.substr(i, step));
    checker.finish();
    return checker;
}

constexpr std::size_t steps[] = {1, 2, 3, 5, 63, 64, 65, 127, 100000};

void expect_error(const std::string& content, ContentError error, ContentLimits limits = {}) {
    for (const auto step : steps) EXPECT_EQ(check(content, step, limits).error(), error) << step;
}

TEST(Content, PassesWhatIsClean) {
    const std::string content = "From: a\r\nTo: b\r\n\r\nHello\r\n.\r\n..\r\n\r\n";
    for (const auto step : steps) {
        const auto checker = check(content, step);
        EXPECT_TRUE(checker.ok());
        EXPECT_EQ(checker.size(), content.size());
        EXPECT_FALSE(checker.has_8bit());
        EXPECT_TRUE(checker.ends_in_crlf());
    }
    expect_error("", ContentError::none);
    expect_error("no end", ContentError::none);
    EXPECT_FALSE(check("no end", 1).ends_in_crlf());
    EXPECT_TRUE(check("", 1).ends_in_crlf());
}

TEST(Content, FindsBareLineEndsEverywhere) {
    const std::string clean = std::string(150, 'a') + "\r\n" + std::string(150, 'b') + "\r\n";
    for (std::size_t at = 0; at <= clean.size(); ++at) {
        if (at > 0 && clean[at - 1] == '\r') continue;  // inside a CRLF: below
        auto with_lf = clean, with_cr = clean;
        with_lf.insert(at, "\n");
        with_cr.insert(at, "\r");
        expect_error(with_lf, ContentError::bare_lf);
        expect_error(with_cr, ContentError::bare_cr);
    }
    expect_error("a\r\r\n", ContentError::bare_cr);
    expect_error("a\r\n\n", ContentError::bare_lf);
    expect_error("a\r", ContentError::bare_cr);
    expect_error("\n", ContentError::bare_lf);
    expect_error("\r", ContentError::bare_cr);
    expect_error("a\rb\n", ContentError::bare_cr);
}

TEST(Content, FindsNulAndEightBitEverywhere) {
    for (std::size_t at = 0; at <= 200; ++at) {
        const std::string before(at, 'x');
        expect_error(before + "\0y"s, ContentError::nul);
        for (const auto step : steps) EXPECT_TRUE(check(before + "\x80y", step).has_8bit());
        for (const auto step : steps) EXPECT_FALSE(check(before + "\x7fy", step).has_8bit());
    }
}

TEST(Content, LimitsLines) {
    const std::string most(998, 'x');
    expect_error("a\r\n" + most + "\r\n" + most, ContentError::none);
    expect_error("a\r\n" + most + "x\r\n", ContentError::line_too_long);
    expect_error(most + "x", ContentError::line_too_long);  // though its CRLF is to come
    expect_error(most + "xx", ContentError::line_too_long);
    expect_error(most + most, ContentError::line_too_long);
    for (std::size_t before = 0; before < 130;
         ++before) {  // in the header section and behind it, wherever it begins
        const std::string in_header = std::string(before, 'y') + "\r\n",
                          in_body = "\r\n" + in_header + "z\r\n";
        for (const auto& begin : {in_header, in_body}) {
            expect_error(begin + most + "\r\nz\r\n", ContentError::none);
            expect_error(begin + most + "x\r\nz\r\n", ContentError::line_too_long);
        }
    }
    expect_error("\r\n12345\r\n12345\r\n", ContentError::none, {.line = 5});
    expect_error("\r\n12345\r\n123456\r\n1\r\n", ContentError::line_too_long, {.line = 5});
}

TEST(Content, LimitsTheSize) {
    expect_error("123456\r\n", ContentError::none, {.size = 8});
    expect_error("1234567\r\n", ContentError::too_large, {.size = 8});
}

TEST(Content, CountsReceivedFieldsOfTheHeaderOnly) {
    const std::string content =
        "Received: a\r\n\tfolded\r\nRECEIVED: b\r\nReceived-SPF: no\r\nX: y\r\nreceived:c\r\nReceive: d\r\n "
        "Received: e\r\n\r\n"
        "Received: body\r\n";
    for (const auto step : steps) EXPECT_EQ(check(content, step).received_count(), 3u) << step;
    std::string hops;
    for (int i = 0; i < 100; ++i) hops += "Received: by somebody\r\n";
    expect_error(hops + "\r\n", ContentError::none);
    expect_error(hops + "Received: x\r\n\r\n", ContentError::looping);
    expect_error("X: y\r\n\r\n" + hops + hops, ContentError::none);
}

TEST(Content, RemembersTheFirstFault) {
    expect_error("a\0b"s + std::string(200, 'x') + "\n", ContentError::nul);
    ContentChecker checker;
    checker.fail(ContentError::bare_cr);
    checker.check("a\0"s);
    EXPECT_EQ(checker.error(), ContentError::bare_cr);
    EXPECT_EQ(checker.size(), 2u);
}

TEST(Content, HasTheRepliesOfTheSpecification) {
    const auto reply = [](ContentError error) {
        std::string out;
        reply_for(error).append_to(out);
        return out.substr(0, 9);
    };
    EXPECT_EQ(reply(ContentError::bare_cr), "550 5.5.2");
    EXPECT_EQ(reply(ContentError::bare_lf), "550 5.5.2");
    EXPECT_EQ(reply(ContentError::nul), "550 5.6.0");
    EXPECT_EQ(reply(ContentError::line_too_long), "500 5.2.3");
    EXPECT_EQ(reply(ContentError::too_large), "552 5.3.4");
    EXPECT_EQ(reply(ContentError::looping), "554 5.4.6");
}

// The plain rule, octet by octet: whether the content is clean of bare line ends and NULs.
bool is_clean(std::string_view content) {
    for (std::size_t i = 0; i < content.size(); ++i) {
        if (content[i] == '\0') return false;
        if (content[i] == '\n' && (i == 0 || content[i - 1] != '\r')) return false;
        if (content[i] == '\r' && (i + 1 == content.size() || content[i + 1] != '\n')) return false;
    }
    return true;
}

TEST(Content, AgreesWithThePlainRuleOnRandomContent) {
    Random random(1);
    int clean = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string content;
        const auto size = random.below(200);
        while (content.size() < size) {
            const auto kind = random.below(300);
            content += kind == 0 ? "\r"s : kind == 1 ? "\n"s : kind == 2 ? "\0"s : kind < 20 ? "\r\n"s : "x"s;
        }
        const auto step = 1 + random.below(100);
        EXPECT_EQ(check(content, step).ok(), is_clean(content));
        clean += is_clean(content);
    }
    EXPECT_GT(clean, 1000);
}

}  // namespace
}  // namespace angarium::smtp

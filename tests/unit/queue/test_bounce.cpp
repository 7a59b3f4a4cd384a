// Bounces: a multipart/report that a program can take apart, and that a person understands.
#include <gtest/gtest.h>

#include "engine/smtp/text.hpp"
#include "queue/bounce.hpp"
#include "tests/unit/queue/samples.hpp"

namespace angarium::queue {
namespace {

using namespace samples;

struct Part {
    std::string headers, body;
};

std::string header(const std::string& headers, const std::string& name) {
    const auto at = ("\r\n" + headers).find("\r\n" + name + ": ");
    if (at == std::string::npos) return "(none)";
    const auto begin = at + name.size() + 2;
    auto end = headers.find("\r\n", begin);
    while (end != std::string::npos && end + 2 < headers.size() && headers[end + 2] == ' ')
        end = headers.find("\r\n", end + 2);
    return headers.substr(begin, end - begin);
}

Part split(const std::string& entity) {
    const auto blank = entity.find("\r\n\r\n");
    EXPECT_NE(blank, std::string::npos) << entity;
    return {entity.substr(0, blank + 2), entity.substr(blank + 4)};
}

// The parts of a multipart message, as RFC 2046 section 5.1.1 finds them.
std::vector<Part> parts_of(const Part& message) {
    const auto type = header(message.headers, "Content-Type");
    const auto quote = type.find("boundary=\"") + 10;
    const auto delimiter = "\r\n--" + type.substr(quote, type.find('"', quote) - quote);
    std::vector<Part> parts;
    auto at = message.body.find(delimiter);
    for (;;) {
        at += delimiter.size();
        if (message.body.substr(at, 2) == "--") {
            EXPECT_EQ(message.body.substr(at + 2), "\r\n");
            return parts;
        }
        EXPECT_EQ(message.body.substr(at, 2), "\r\n");
        const auto end = message.body.find(delimiter, at);
        if (end == std::string::npos) {
            ADD_FAILURE() << "the last delimiter is missing";
            return parts;
        }
        parts.push_back(split(message.body.substr(at + 2, end - at - 2)));
        at = end;
    }
}

void expect_clean_lines(const std::string& text) {
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = text.find('\n', begin);
        ASSERT_NE(end, std::string::npos);
        ASSERT_GT(end, begin);
        ASSERT_EQ(text[end - 1], '\r');
        ASSERT_LE(end - 1 - begin, 998u);
        ASSERT_EQ(text.substr(begin, end - 1 - begin).find('\r'), std::string::npos);
        begin = end + 1;
    }
}

constexpr std::string_view original =
    "Received: from client\r\n by relay\r\nFrom: jack@town.com\r\nSubject: hello\r\n\r\nthe "
    "text\r\n.\r\nmore\r\n";

BounceFacts about_one() {
    BounceFacts facts;
    facts.hostname = "relay.example.net";
    facts.queue_id = id(2).text();
    facts.about_queue_id = id(1).text();
    facts.accepted_at = at_ms(1'700'000'000'000);
    facts.now = at_ms(1'700'000'060'000);
    facts.failed.push_back(
        {recipient("jill@hill.com"), {550, {5, 1, 1}, "no such user"}, "mx.hill.com", false});
    facts.original = original;
    facts.original_complete = true;
    return facts;
}

TEST(Bounce, IsAReportOfThreeParts) {
    const auto text = make_bounce(mailbox("jack@town.com"), about_one());
    expect_clean_lines(text);
    EXPECT_TRUE(smtp::is_ascii(text));
    const auto message = split(text);
    EXPECT_EQ(header(message.headers, "From"), "Mail Delivery System <MAILER-DAEMON@relay.example.net>");
    EXPECT_EQ(header(message.headers, "To"), "<jack@town.com>");
    EXPECT_EQ(header(message.headers, "Auto-Submitted"), "auto-replied");
    EXPECT_EQ(header(message.headers, "MIME-Version"), "1.0");
    EXPECT_EQ(header(message.headers, "Date"), "Tue, 14 Nov 2023 22:14:20 +0000");
    EXPECT_EQ(header(message.headers, "Message-ID"), "<" + id(2).text() + "@relay.example.net>");
    EXPECT_EQ(header(message.headers, "Content-Type").find("multipart/report; report-type=delivery-status;"),
              0u);
    EXPECT_EQ(header(message.headers, "Content-Transfer-Encoding"), "(none)");

    const auto parts = parts_of(message);
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(header(parts[0].headers, "Content-Type"), "text/plain; charset=us-ascii");
    EXPECT_NE(parts[0].body.find(
                  "<jill@hill.com>\r\n    The server mx.hill.com refused it: 550 5.1.1 no such user"),
              std::string::npos)
        << parts[0].body;
    EXPECT_NE(parts[0].body.find("No further"), std::string::npos);

    EXPECT_EQ(header(parts[1].headers, "Content-Type"), "message/delivery-status");
    EXPECT_EQ(parts[1].body,
              "Reporting-MTA: dns; relay.example.net\r\n"
              "X-Angarium-Queue-ID: " +
                  id(1).text() +
                  "\r\n"
                  "Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                  "\r\n"
                  "Final-Recipient: rfc822; jill@hill.com\r\n"
                  "Action: failed\r\n"
                  "Status: 5.1.1\r\n"
                  "Remote-MTA: dns; mx.hill.com\r\n"
                  "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
                  "Last-Attempt-Date: Tue, 14 Nov 2023 22:14:20 +0000\r\n");

    EXPECT_EQ(header(parts[2].headers, "Content-Type"), "text/rfc822-headers");
    EXPECT_EQ(parts[2].body, original.substr(0, original.find("\r\n\r\n") + 2));
}

TEST(Bounce, SeveralRecipientsAndTheirDsnParameters) {
    auto facts = about_one();
    facts.options.envelope_id = smtp::Xtext::make("campaign 7");
    facts.failed[0].recipient.original = smtp::OriginalRecipient::make("rfc822;Jill@Old.example");
    facts.failed.push_back({recipient("bob@hill.com"), {0, {4, 4, 1}, "connection refused"}, "", true});
    const auto parts = parts_of(split(make_bounce(mailbox("jack@town.com"), facts)));
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_NE(parts[0].body.find("the recipients below"), std::string::npos);
    EXPECT_NE(parts[1].body.find("Original-Envelope-Id: campaign 7\r\n"), std::string::npos);
    EXPECT_NE(
        parts[1].body.find("Original-Recipient: rfc822;Jill@Old.example\r\nFinal-Recipient: rfc822; jill@"),
        std::string::npos);
    const auto second = parts[1].body.substr(parts[1].body.rfind("\r\n\r\n") + 4);
    EXPECT_EQ(header(second, "Final-Recipient"), "rfc822; bob@hill.com");
    EXPECT_EQ(header(second, "Status"), "4.4.1");
    EXPECT_EQ(header(second, "Remote-MTA"), "(none)");
    EXPECT_EQ(header(second, "Diagnostic-Code"), "x-angarium; 4.4.1 connection refused");
}

TEST(Bounce, RetFullReturnsTheWholeWhenItIsAtHandAndSmall) {
    auto facts = about_one();
    facts.options.ret = smtp::Ret::full;
    auto parts = parts_of(split(make_bounce(mailbox("jack@town.com"), facts)));
    EXPECT_EQ(header(parts.at(2).headers, "Content-Type"), "message/rfc822");
    EXPECT_EQ(parts.at(2).body, original);

    facts.original_complete = false;
    parts = parts_of(split(make_bounce(mailbox("jack@town.com"), facts)));
    EXPECT_EQ(header(parts.at(2).headers, "Content-Type"), "text/rfc822-headers");

    std::string large(original);
    while (large.size() <= bounce_full_limit) large += "one more line of text\r\n";
    facts.original = large;
    facts.original_complete = true;
    parts = parts_of(split(make_bounce(mailbox("jack@town.com"), facts)));
    EXPECT_EQ(header(parts.at(2).headers, "Content-Type"), "text/rfc822-headers");
}

TEST(Bounce, NothingAtHandNothingReturned) {
    auto facts = about_one();
    facts.original = {};
    EXPECT_EQ(parts_of(split(make_bounce(mailbox("jack@town.com"), facts))).size(), 2u);
}

TEST(Bounce, HeadersCutOffInTheMiddleEndWithAWholeLine) {
    auto facts = about_one();
    facts.original = original.substr(0, 40);
    facts.original_complete = false;
    const auto parts = parts_of(split(make_bounce(mailbox("jack@town.com"), facts)));
    EXPECT_EQ(parts.at(2).body, "Received: from client\r\n by relay\r\n");
}

TEST(Bounce, AnOriginalThatKnowsTheBoundaryDoesNotEscape) {
    auto facts = about_one();
    const auto evil =
        "X-Evil: 1\r\n--=_" + facts.queue_id + "--\r\nX: --=_" + facts.queue_id + "=\r\n\r\nbody\r\n";
    facts.original = evil;
    const auto parts = parts_of(split(make_bounce(mailbox("jack@town.com"), facts)));
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(parts[2].body, evil.substr(0, evil.find("\r\n\r\n") + 2));
}

TEST(Bounce, EightBitOriginalWithoutSmtputf8) {
    auto facts = about_one();
    facts.options.ret = smtp::Ret::full;
    facts.original =
        "Subject: hello\r\n\r\nGr\xfc\xdf"
        "e\r\n";
    facts.failed[0].reason.text = "unknown: j\xc3\xbcrgen";
    const auto text = make_bounce(mailbox("jack@town.com"), facts);
    const auto message = split(text);
    EXPECT_EQ(header(message.headers, "Content-Transfer-Encoding"), "8bit");
    const auto parts = parts_of(message);
    EXPECT_EQ(header(parts.at(2).headers, "Content-Type"), "message/rfc822");
    EXPECT_EQ(header(parts.at(2).headers, "Content-Transfer-Encoding"), "8bit");
    EXPECT_EQ(parts.at(2).body, facts.original);
    EXPECT_TRUE(smtp::is_ascii(parts.at(0).body + parts.at(1).body + message.headers));
    EXPECT_NE(parts.at(1).body.find("unknown: j??rgen"), std::string::npos);
}

TEST(Bounce, InternationalisedMail) {
    auto facts = about_one();
    facts.options.smtputf8 = true;
    facts.failed[0].recipient = recipient("jürgen@müller.example");
    facts.failed[0].reason.text = "unbekannt: jürgen";
    const auto message = split(make_bounce(mailbox("jäck@town.com"), facts));
    EXPECT_EQ(header(message.headers, "To"), "<jäck@town.com>");
    EXPECT_NE(header(message.headers, "Content-Type").find("report-type=global-delivery-status"),
              std::string::npos);
    const auto parts = parts_of(message);
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(header(parts[0].headers, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(header(parts[1].headers, "Content-Type"), "message/global-delivery-status");
    EXPECT_NE(parts[1].body.find("Final-Recipient: utf-8; jürgen@müller.example\r\n"), std::string::npos);
    EXPECT_NE(parts[1].body.find("Diagnostic-Code: smtp; 550 5.1.1 unbekannt: jürgen\r\n"),
              std::string::npos);
    EXPECT_EQ(header(parts[2].headers, "Content-Type"), "message/global-headers");
    facts.options.ret = smtp::Ret::full;
    EXPECT_EQ(
        header(parts_of(split(make_bounce(mailbox("jäck@town.com"), facts))).at(2).headers, "Content-Type"),
        "message/global");
}

TEST(Bounce, Smtputf8WithNothingNonAsciiStaysPlain) {
    auto facts = about_one();
    facts.options.smtputf8 = true;
    const auto text = make_bounce(mailbox("jack@town.com"), facts);
    EXPECT_TRUE(smtp::is_ascii(text));
    EXPECT_NE(text.find("report-type=delivery-status"), std::string::npos);
}

TEST(Bounce, HostileTextsStayInsideTheirLines) {
    auto facts = about_one();
    facts.failed[0].reason.text = "no\r\n\r\n--=_boundary\r\nX: y\x01" + std::string(3000, 'z');
    facts.failed[0].host = "mx\r\nBcc: all@town.com";
    std::string headers = "X: " + std::string(5000, 'h') + "\r\n\r\n";
    facts.original = headers;
    const auto text = make_bounce(mailbox("jack@town.com"), facts);
    expect_clean_lines(text);
    EXPECT_EQ(text.find("\r\nBcc"), std::string::npos);
    EXPECT_EQ(parts_of(split(text)).size(), 3u);
}

TEST(WantsBounce, SenderAndNotifyDecide) {
    const smtp::ReversePath jack(mailbox("jack@town.com"));
    auto jill = recipient("jill@hill.com");
    EXPECT_TRUE(wants_bounce(jack, jill));
    EXPECT_FALSE(wants_bounce(smtp::ReversePath(), jill));
    jill.notify = smtp::Notify::never;
    EXPECT_FALSE(wants_bounce(jack, jill));
    jill.notify = smtp::Notify::success | smtp::Notify::delay;
    EXPECT_FALSE(wants_bounce(jack, jill));
    jill.notify = smtp::Notify::success | smtp::Notify::failure;
    EXPECT_TRUE(wants_bounce(jack, jill));
}

}  // namespace
}  // namespace angarium::queue

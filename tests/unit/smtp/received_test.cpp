// Received: fields word by word, protocols, dates.
#include "engine/smtp/received.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

std::string date(std::int64_t seconds) {
    std::string out;
    append_date(out, at(seconds));
    return out;
}

TEST(Received, SaysWhoAndWhen) {
    const auto jill = Mailbox::parse("jill@hill.com");
    TraceFacts facts{.helo = "town.com",
                     .peer = *IpAddress::parse("192.0.2.1"),
                     .hostname = "relay.example.net",
                     .id = "01ABC",
                     .recipient = &*jill,
                     .at = at(1795502763)};
    std::string out = "x";
    append_received(out, facts);
    EXPECT_EQ(out,
              "xReceived: from town.com ([192.0.2.1])\r\n\tby relay.example.net with ESMTP id 01ABC\r\n"
              "\tfor <jill@hill.com>;\r\n\tTue, 24 Nov 2026 06:46:03 +0000\r\n");
    facts.recipient = nullptr;
    facts.extended = false;
    facts.peer = *IpAddress::parse("2001:db8::1");
    out.clear();
    append_received(out, facts);
    EXPECT_EQ(out,
              "Received: from town.com ([IPv6:2001:db8::1])\r\n\tby relay.example.net with SMTP id 01ABC;\r\n"
              "\tTue, 24 Nov 2026 06:46:03 +0000\r\n");
    facts.peer = *IpAddress::parse("::ffff:192.0.2.1");
    out.clear();
    append_received(out, facts);
    EXPECT_NE(out.find("([192.0.2.1])"), std::string::npos);
    facts.extended = true;
    facts.tls = "TLSv1.3";
    facts.cipher = "TLS_AES_128_GCM_SHA256";
    out.clear();
    append_received(out, facts);
    EXPECT_EQ(
        out,
        "Received: from town.com ([192.0.2.1])\r\n\t(using TLSv1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n"
        "\tby relay.example.net with ESMTPS id 01ABC;\r\n\tTue, 24 Nov 2026 06:46:03 +0000\r\n");
}

TEST(Received, NamesTheIdentityWhereItIsToBeShown) {
    TraceFacts facts;
    facts.helo = facts.hostname = "a.test";
    facts.authenticated = true;
    std::string out;
    append_received(out, facts);
    EXPECT_EQ(out.find("authenticated as"), std::string::npos);
    facts.identity = "j\xc3\xb6 (x)\\\r\n";
    out.clear();
    append_received(out, facts);
    EXPECT_NE(out.find(")\r\n\t(authenticated as j?? \\(x\\)\\\\?"
                       "?)\r\n\tby a.test with ESMTPA "),
              std::string::npos)
        << out;
}

TEST(Received, NamesTheProtocol) {
    TraceFacts facts;
    EXPECT_EQ(trace_protocol(facts), "ESMTP");
    facts.tls = "TLSv1.3";
    EXPECT_EQ(trace_protocol(facts), "ESMTPS");
    facts.authenticated = true;
    EXPECT_EQ(trace_protocol(facts), "ESMTPSA");
    facts.smtputf8 = true;
    EXPECT_EQ(trace_protocol(facts), "UTF8SMTPSA");
    facts.tls = {};
    facts.authenticated = false;
    EXPECT_EQ(trace_protocol(facts), "UTF8SMTP");
    facts.extended = false;
    EXPECT_EQ(trace_protocol(facts), "SMTP");
}

TEST(Date, IsThatOfRfc5322) {
    EXPECT_EQ(date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(date(951782400), "Tue, 29 Feb 2000 00:00:00 +0000");
    EXPECT_EQ(date(4102444799), "Thu, 31 Dec 2099 23:59:59 +0000");
}

}  // namespace
}  // namespace angarium::smtp

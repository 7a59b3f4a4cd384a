// The generator and the sink against each other on loopback, in one process.
#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "bench/send_report.hpp"
#include "bench/send_run.hpp"
#include "bench/sink_report.hpp"
#include "bench/sink_run.hpp"

namespace angarium::bench {
namespace {

struct Outcome {
    SendSummary sent;
    SinkSummary got;
};

// Runs a sink until `send` has ended and, where it expects something, that has come.
Outcome run(SendOptions send, SinkOptions sink) {
    sink.listen = {*Endpoint::parse("127.0.0.1:0")};
    std::promise<Endpoint> listening;
    SinkRun sink_run(sink);
    Outcome outcome;
    std::thread sinking([&] {
        auto got = sink_run.run(
            false, {[&](const SinkAddresses& a) { listening.set_value(a.smtp.at(0)); }, nullptr, nullptr});
        ASSERT_TRUE(got.has_value()) << got.error().text;
        outcome.got = std::move(*got);
    });
    send.to = listening.get_future().get();
    SendRun send_run(send);
    auto sent = send_run.run(false, nullptr);
    if (sink.expect == 0 || !sent || !sent->complete) sink_run.stop();
    sinking.join();
    EXPECT_TRUE(sent.has_value()) << sent.error().text;
    if (sent) outcome.sent = std::move(*sent);
    return outcome;
}

SendOptions messages(std::uint64_t count) {
    SendOptions send;
    send.messages = count;
    send.sessions = 10;
    send.sizes = {SizeShare{2000, 2000, 1}};
    return send;
}

void expect_exactly_once(const Outcome& outcome, std::uint64_t count, std::uint64_t copies) {
    EXPECT_TRUE(outcome.sent.complete);
    EXPECT_EQ(outcome.sent.messages, count);
    EXPECT_EQ(outcome.got.unique, copies);
    EXPECT_EQ(outcome.got.duplicated, 0u);
    EXPECT_EQ(outcome.got.damaged, 0u);
    EXPECT_EQ(outcome.got.foreign, 0u);
    EXPECT_EQ(outcome.sent.latency.count(), outcome.got.messages);
}

TEST(Loopback, EveryMessageArrivesOnce) {
    for (const bool pipelining : {false, true}) {
        for (const bool chunking : {false, true}) {
            auto send = messages(500);
            send.domains = 20;
            send.pipelining = pipelining;
            send.chunking = chunking;
            SinkOptions sink;
            sink.expect = 500;
            const auto outcome = run(send, sink);
            expect_exactly_once(outcome, 500, 500);
            EXPECT_TRUE(outcome.got.clean());
            // One a session, kept; all may be over before the last sessions have opened theirs.
            EXPECT_EQ(outcome.got.connections, outcome.sent.connections);
            EXPECT_LE(outcome.got.connections, 10u);
            EXPECT_EQ(outcome.got.most_open, outcome.got.connections);
            EXPECT_EQ(outcome.got.bytes, 500u * 2000);
            EXPECT_EQ(outcome.sent.bytes, 500u * 2000);
            EXPECT_TRUE(outcome.sent.errors.all().empty());
        }
    }
}

TEST(Loopback, SeveralShardsOnBothSides) {
    auto send = messages(1000);
    send.shards = 2;
    SinkOptions sink;
    sink.shards = 2;
    expect_exactly_once(run(send, sink), 1000, 1000);
}

TEST(Loopback, SeveralRecipients) {
    auto send = messages(200);
    send.recipients = 5;
    send.domains = 100;
    const auto outcome = run(send, {});
    EXPECT_EQ(outcome.got.messages, 200u);
    expect_exactly_once(outcome, 200, 1000);
}

TEST(Loopback, AHundredRecipientsOfAHundredThousandDomains) {
    for (const bool pipelining : {false, true}) {
        auto send = messages(20);
        send.recipients = 100;
        send.domains = 100'000;
        send.zipf = 1;
        send.pipelining = pipelining;
        SinkOptions sink;
        sink.domains = 100'000;
        const auto outcome = run(send, sink);
        expect_exactly_once(outcome, 20, 2000);
        EXPECT_EQ(outcome.got.other_domains, 0u);
        EXPECT_GT(outcome.got.per_domain[0].copies, 20u);  // 165 expected
    }
}

TEST(Loopback, MessagesOfManySizes) {
    auto send = messages(400);
    send.sizes = {SizeShare{1000, 30'000, 3}, SizeShare{100'000, 100'000, 1}};
    const auto outcome = run(send, {});
    expect_exactly_once(outcome, 400, 400);
    EXPECT_EQ(outcome.sent.bytes, outcome.got.bytes);
    EXPECT_GT(outcome.sent.bytes, 400u * 20'000);
    EXPECT_LT(outcome.sent.bytes, 400u * 50'000);
}

TEST(Loopback, MoreSessionsThanMessages) {
    auto send = messages(100);
    send.sessions = 200;
    expect_exactly_once(run(send, {}), 100, 100);
}

TEST(Loopback, AConnectionForEveryFewMessages) {
    auto send = messages(200);
    send.messages_per_session = 7;
    const auto outcome = run(send, {});
    expect_exactly_once(outcome, 200, 200);
    EXPECT_EQ(outcome.got.messages_each.max(), 7u);
    EXPECT_GE(outcome.got.connections, 200u / 7);
}

TEST(Loopback, OpenLoopKeepsItsRate) {
    auto send = messages(200);
    send.rate = 1000;
    send.shards = 2;
    const auto outcome = run(send, {});
    expect_exactly_once(outcome, 200, 200);
    EXPECT_GT(outcome.sent.seconds, 0.19);
    EXPECT_EQ(outcome.sent.service.count(), 200u);
}

// A server that is too slow for the rate is charged for what should have been sent.
TEST(Loopback, OpenLoopSaysWhatItIsBehind) {
    auto send = messages(0);
    send.duration = 3s;
    send.sessions = 1;
    send.rate = 1'000'000;
    const auto outcome = run(send, {});
    EXPECT_TRUE(outcome.sent.complete);
    // Due is what the rate asks for from the first greeting on, which takes its time on a busy machine.
    EXPECT_LE(outcome.sent.behind + outcome.sent.messages, 3'030'000u);
    EXPECT_GT(outcome.sent.behind + outcome.sent.messages, 500'000u);
    EXPECT_GT(outcome.sent.behind, 300'000u);
    EXPECT_GT(outcome.sent.latency.max(), 1'000'000'000u);  // three seconds' worth of waiting, nearly
}

TEST(Loopback, AWarmUpDoesNotCount) {
    auto send = messages(300);
    send.warm_up = 100;
    const auto outcome = run(send, {});
    EXPECT_EQ(outcome.got.unique, 300u);
    EXPECT_EQ(outcome.sent.messages, 300u);
    EXPECT_EQ(outcome.sent.measured, 200u);
    EXPECT_EQ(outcome.sent.measured_bytes, 200u * 2000);
    EXPECT_EQ(outcome.sent.latency.count(), 200u);
}

// Sessions that wait for a slot do not outlast the last message.
TEST(Loopback, OpenLoopEndsWithItsLastMessage) {
    auto send = messages(2);
    send.sessions = 300;
    send.rate = 5;
    const auto begun = mono_nanoseconds();
    expect_exactly_once(run(send, {}), 2, 2);
    EXPECT_LT(mono_nanoseconds() - begun,
              30'000'000'000u);  // slots of 200 ms: three hundred sessions would take a minute
}

TEST(Loopback, ADurationEnds) {
    auto send = messages(0);
    send.duration = 2s;
    const auto outcome = run(send, {});
    EXPECT_TRUE(outcome.sent.complete);
    EXPECT_GT(outcome.sent.messages, 0u);
    EXPECT_EQ(outcome.got.unique, outcome.sent.messages);
    EXPECT_LT(outcome.sent.seconds, 60);
}

TEST(Loopback, WhatIsDeferredComesAgain) {
    SinkOptions sink;
    sink.script = {*Rule::parse("end-of-data: 451 @0.05"), *Rule::parse("rcpt: 451 @0.05")};
    auto send = messages(200);
    send.recipients = 2;
    const auto outcome = run(send, sink);
    EXPECT_TRUE(outcome.sent.complete);
    EXPECT_EQ(outcome.got.unique, 400u);
    EXPECT_EQ(outcome.got.duplicated, 0u);
    EXPECT_GT(outcome.sent.retried, 0u);
    EXPECT_GT(outcome.sent.errors.refusals(451), 0u);
}

TEST(Loopback, WhatIsRejectedHasFailed) {
    SinkOptions sink;
    sink.script = {*Rule::parse("rcpt: 550 @0.1")};
    const auto outcome = run(messages(200), sink);
    EXPECT_FALSE(outcome.sent.complete);
    EXPECT_GT(outcome.sent.failed, 0u);
    EXPECT_EQ(outcome.sent.failed + outcome.sent.messages, 200u);
    EXPECT_EQ(outcome.sent.errors.refusals(550), outcome.sent.failed);
    EXPECT_EQ(outcome.got.unique, outcome.sent.messages);
}

TEST(Loopback, AfterALostConnectionTheOutcomeIsUnknown) {
    SinkOptions sink;
    sink.script = {*Rule::parse("end-of-data: disconnect @0.05")};
    const auto outcome = run(messages(300), sink);
    EXPECT_TRUE(outcome.sent.complete);
    EXPECT_EQ(outcome.sent.unknown, outcome.got.deeds(Stage::end_of_data, Deed::disconnected));
    ASSERT_EQ(outcome.sent.errors.all().size(), 1u);
    EXPECT_EQ(outcome.sent.errors.all()[0].phase, Phase::end_of_data);
    EXPECT_EQ(outcome.sent.errors.all()[0].count, outcome.sent.unknown);
    EXPECT_GT(outcome.sent.unknown, 0u);
    EXPECT_EQ(outcome.got.unique, 300u);
    EXPECT_EQ(outcome.got.duplicated, 0u);
}

TEST(Loopback, LargeMessagesGoThroughAnUnwillingServer) {
    auto send = messages(20);
    send.sizes = {SizeShare{3'000'000, 3'000'000, 1}};
    SinkOptions sink;
    sink.pipelining = sink.chunking = false;
    send.pipelining = send.chunking = true;  // not offered, so not used
    expect_exactly_once(run(send, sink), 20, 20);
}

TEST(Loopback, ReportsAreComplete) {
    SinkOptions sink;
    sink.expect = 50;
    const auto send = messages(50);
    const auto outcome = run(send, sink);
    EXPECT_NE(send_text(send, outcome.sent).find("50 messages"), std::string::npos);
    EXPECT_NE(send_json(send, outcome.sent).find("\"accepted\":50"), std::string::npos);
    EXPECT_NE(sink_text(outcome.got).find("50 unique"), std::string::npos);
    EXPECT_NE(sink_json(outcome.got).find("\"clean\":true"), std::string::npos);
}

TEST(Loopback, NobodyListens) {
    SendOptions send = messages(0);
    send.to = *Endpoint::parse("127.0.0.1:1");
    SendRun nothing(send);
    EXPECT_FALSE(nothing.run(false, nullptr).has_value());  // neither a number nor a duration
    send.duration = 2s;
    SendRun refused(send);
    const auto summary = refused.run(false, nullptr);
    ASSERT_TRUE(summary.has_value());
    EXPECT_FALSE(summary->complete);
    EXPECT_GT(summary->connect_errors, 0u);
    EXPECT_NE(summary->trouble.find("cannot connect"), std::string::npos);
    ASSERT_EQ(summary->errors.all().size(), 1u);
    EXPECT_EQ(summary->errors.all()[0].reason, IoError::refused);
    EXPECT_EQ(summary->errors.all()[0].count, summary->connect_errors);
    EXPECT_NE(send_json(send, *summary).find("\"at\":\"connect\",\"reason\":\"connection refused\""),
              std::string::npos);
    EXPECT_NE(send_text(send, *summary).find("connection refused, at connect"), std::string::npos);
}

TEST(Loopback, WhatCannotBeSentIsSaid) {
    auto small = messages(1);
    small.sizes = {SizeShare{4096, 4096, 1}, SizeShare{100, 100, 1}};
    auto no_file = messages(1);
    no_file.files = {"/nowhere/at/all.eml"};
    auto address = messages(1);
    address.addresses = {"a b@c"};
    for (const auto& [options, what] :
         {std::pair{small, "at least"}, {no_file, "/nowhere/at/all.eml"}, {address, "a b@c"}}) {
        SendRun send(options);
        const auto result = send.run(false, nullptr);
        ASSERT_FALSE(result.has_value());
        EXPECT_NE(result.error().text.find(what), std::string::npos) << result.error().text;
    }
}

TEST(Loopback, ByTls) {
    for (const auto mode : {TlsMode::starttls, TlsMode::implicit}) {
        for (const bool pipelining : {false, true}) {
            auto send = messages(400);
            send.tls = mode;
            send.tls_name = "mx0.example.test";
            send.pipelining = send.chunking = pipelining;
            send.messages_per_session = 8;
            send.shards = 2;
            send.sizes = {SizeShare{1000, 100'000, 1}};
            SinkOptions sink;
            sink.tls = mode;
            sink.shards = 2;
            sink.expect = 400;
            const auto outcome = run(send, sink);
            expect_exactly_once(outcome, 400, 400);
            const auto& tls = outcome.sent.handshakes;
            EXPECT_EQ(tls.failed, 0u);
            EXPECT_EQ(tls.all(), outcome.sent.connections);
            EXPECT_LE(tls.full.count(), 10u);  // the first of each session at most
            EXPECT_GE(tls.resumed.count(), 30u);
            EXPECT_EQ(tls.ciphers.size(), 1u);
            EXPECT_EQ(tls.verifications.begin()->first, "self-signed certificate");
            EXPECT_GE(outcome.got.handshakes.resumed.count(), 30u);
            EXPECT_NE(send_json(send, outcome.sent).find("\"TLSv1.3 TLS_AES_128_GCM_SHA256\":"),
                      std::string::npos);
            EXPECT_NE(sink_text(outcome.got).find("TLSv1.3"), std::string::npos);
        }
    }
}

TEST(Loopback, TlsWhereThereIsNone) {
    auto send = messages(10);
    send.tls = TlsMode::starttls;
    auto outcome = run(send, {});
    EXPECT_FALSE(outcome.sent.complete);
    EXPECT_EQ(outcome.got.messages, 0u);
    EXPECT_NE(outcome.sent.trouble.find("STARTTLS"), std::string::npos) << outcome.sent.trouble;
}

TEST(Loopback, ACertificateThatNobodyTrustsEndsTheRun) {
    auto send = messages(10);
    send.tls = TlsMode::implicit;
    send.tls_name = "mx0.example.test";
    const auto somebody = runtime::make_identity({"somebody.test"});
    const auto path = ::testing::TempDir() + "/angarium_ca_" + std::to_string(::getpid());
    std::ofstream(path) << somebody->chain;
    send.ca = path;
    SinkOptions sink;
    sink.tls = TlsMode::implicit;
    const auto outcome = run(send, sink);
    EXPECT_FALSE(outcome.sent.complete);
    EXPECT_EQ(outcome.got.messages, 0u);
    EXPECT_NE(outcome.sent.trouble.find("self-signed certificate"), std::string::npos)
        << outcome.sent.trouble;
    EXPECT_GE(outcome.sent.handshakes.failed, 1u);
    ::unlink(path.c_str());
}

}  // namespace
}  // namespace angarium::bench

// Records and values: what is encoded comes back whole, and no bytes whatever harm the decoder.
#include <gtest/gtest.h>

#include "queue/record.hpp"
#include "tests/unit/queue/samples.hpp"

namespace angarium::queue {
namespace {

using namespace samples;

AcceptRecord full_accept() {
    AcceptRecord record;
    record.id = id(7);
    record.stream = "newsletter";
    record.envelope.sender = smtp::ReversePath(mailbox("\"j k\"@town.com"));
    record.envelope.recipients = {
        recipient("jill@Hill.com"),
        {mailbox("bob@[IPv6:2001:db8::1]"), smtp::Notify::success | smtp::Notify::failure,
         smtp::OriginalRecipient::make("rfc822;Bob@Old.example")},
        {mailbox("jürgen@müller.example"), smtp::Notify::never, {}},
    };
    record.envelope.body = smtp::Body::eight_bit_mime;
    record.envelope.smtputf8 = true;
    record.envelope.ret = smtp::Ret::headers;
    record.envelope.envelope_id = smtp::Xtext::make("envelope=1");
    record.envelope.declared_size = 300'000;
    record.trace = {"192.0.2.1:4321", "client.example", "ESMTP"};
    record.parts = {{1ull << 40, 262'165}, {(1ull << 40) + 300'000, 262'165}};
    record.last_part = "the end\r\n";
    record.size = 524'297;
    record.bounce = true;
    record.about = id(6);
    return record;
}

OutcomeRecord full_outcome() {
    auto record = outcome(facts(id(9), {"a@x.example", "b@x.example", "c@x.example"}),
                          Place{at_ms(1'700'000'100'000)}, Verdict::delivered, at_ms(1'700'000'400'000));
    record.stream = "receipts";
    record.expired = true;
    record.size = 1'000'000;
    record.outcome.reasons.push_back({0, {4, 4, 1}, "connection refused"});
    record.outcome.reasons.push_back({550, {5, 1, 1}, "nobody here"});
    record.outcome.results = {{2, Verdict::failed, 2}, {1, Verdict::deferred, 1}, {0, Verdict::delivered, 0}};
    record.outcome.site = "mx.x.example";
    record.outcome.host = "mx1.x.example";
    record.outcome.peer = "192.0.2.25:25";
    record.outcome.connect_us = 41'000;
    record.outcome.attempt_us = 123'456;
    record.outcome.remote_accepted = true;
    record.outcome.tls = runtime::TlsSummary{0x0304, 0x1302, 62};
    return record;
}

void expect_same(const AcceptRecord& a, const AcceptRecord& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.stream, b.stream);
    EXPECT_EQ(a.envelope, b.envelope);
    EXPECT_EQ(a.trace.peer, b.trace.peer);
    EXPECT_EQ(a.trace.helo, b.trace.helo);
    EXPECT_EQ(a.trace.protocol, b.trace.protocol);
    EXPECT_EQ(a.trace.tls, b.trace.tls);
    EXPECT_EQ(a.trace.cipher, b.trace.cipher);
    EXPECT_EQ(a.trace.identity, b.trace.identity);
    EXPECT_EQ(a.parts, b.parts);
    EXPECT_EQ(a.last_part, b.last_part);
    EXPECT_EQ(a.size, b.size);
    EXPECT_EQ(a.bounce, b.bounce);
    EXPECT_EQ(a.about, b.about);
}

TEST(Record, AcceptWithEveryFieldComesBack) {
    const auto record = full_accept();
    const auto bytes = encode_accept(record);
    const auto back = decode_accept(bytes);
    ASSERT_TRUE(back);
    expect_same(record, *back);
    EXPECT_EQ(back->last_part.data() + back->last_part.size(), bytes.data() + bytes.size());
}

TEST(Record, AcceptOfASecureSessionComesBack) {
    auto record = full_accept();
    const auto plain = encode_accept(record);
    EXPECT_EQ(plain[0], 1);  // as it always was
    record.trace.protocol = "ESMTPSA";
    record.trace.tls = "TLSv1.3";
    record.trace.cipher = "TLS_AES_128_GCM_SHA256";
    auto back = decode_accept(encode_accept(record));
    ASSERT_TRUE(back);
    back->last_part = record.last_part;  // pointed into what is gone
    expect_same(record, *back);
    record.trace.tls = record.trace.cipher = "";
    record.trace.identity = "shop@example.net";
    const auto bytes = encode_accept(record);
    back = decode_accept(bytes);
    ASSERT_TRUE(back);
    expect_same(record, *back);
    for (std::size_t n = 0; n + record.last_part.size() < bytes.size(); ++n)
        EXPECT_FALSE(decode_accept(std::string_view(bytes).substr(0, n))) << n;
}

TEST(Record, AcceptWithNothingOptionalComesBack) {
    AcceptRecord record;
    record.id = id(1);
    record.envelope.recipients = {recipient("jill@hill.com")};
    const auto bytes = encode_accept(record);
    EXPECT_LT(bytes.size(), 50u);
    const auto back = decode_accept(bytes);
    ASSERT_TRUE(back);
    expect_same(record, *back);
}

TEST(Record, AcceptNeedsARecipient) {
    AcceptRecord record;
    record.id = id(1);
    EXPECT_FALSE(decode_accept(encode_accept(record)));
}

TEST(Record, PartComesBack) {
    const std::string body(1000, 'x');
    std::string bytes = "in front";
    encode_part_header(bytes, {id(2), 300, body});
    const auto payload = bytes.substr(8) + body;
    const auto back = decode_part(payload);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->id, id(2));
    EXPECT_EQ(back->part, 300u);
    EXPECT_EQ(back->bytes, body);
}

TEST(Record, OutcomeWithEveryFieldComesBack) {
    const auto record = full_outcome();
    const auto back = decode_outcome(encode(record));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->id, record.id);
    EXPECT_EQ(back->stream, record.stream);
    EXPECT_EQ(back->domain, record.domain);
    EXPECT_EQ(back->place, record.place);
    EXPECT_EQ(back->attempt, record.attempt);
    EXPECT_EQ(back->at, record.at);
    EXPECT_EQ(back->expired, record.expired);
    EXPECT_EQ(back->next_due, record.next_due);
    EXPECT_EQ(back->sender, record.sender);
    EXPECT_EQ(back->recipients, record.recipients);
    EXPECT_EQ(back->size, record.size);
    const auto &a = record.outcome, &b = back->outcome;
    ASSERT_EQ(b.reasons.size(), a.reasons.size());
    for (std::size_t i = 0; i < a.reasons.size(); ++i) {
        EXPECT_EQ(b.reasons[i].code, a.reasons[i].code);
        EXPECT_EQ(b.reasons[i].status, a.reasons[i].status);
        EXPECT_EQ(b.reasons[i].text, a.reasons[i].text);
    }
    ASSERT_EQ(b.results.size(), a.results.size());
    for (std::size_t i = 0; i < a.results.size(); ++i) {
        EXPECT_EQ(b.results[i].recipient, a.results[i].recipient);
        EXPECT_EQ(b.results[i].verdict, a.results[i].verdict);
        EXPECT_EQ(b.results[i].reason, a.results[i].reason);
    }
    EXPECT_EQ(b.site, a.site);
    EXPECT_EQ(b.host, a.host);
    EXPECT_EQ(b.peer, a.peer);
    EXPECT_EQ(b.connect_us, a.connect_us);
    EXPECT_EQ(b.attempt_us, a.attempt_us);
    EXPECT_EQ(b.remote_accepted, a.remote_accepted);
    EXPECT_EQ(b.tls, a.tls);
}

TEST(Record, PlainTextCostsAByteWhereTlsWasWanted) {
    auto record = full_outcome();
    record.outcome.tls.reset();
    const auto without = encode(record).size();
    EXPECT_EQ(decode_outcome(encode(record))->outcome.tls, std::nullopt);
    record.outcome.tls.emplace();
    EXPECT_EQ(encode(record).size(), without + 1);
    EXPECT_EQ(decode_outcome(encode(record))->outcome.tls, runtime::TlsSummary{});
    record.outcome.tls = runtime::TlsSummary{0x0303, 0xC02B, 0};
    EXPECT_LE(encode(record).size(), without + 6);
}

TEST(Record, DeliveryComesBack) {
    auto record = full_accept();
    for (auto& made : deliveries_of(record)) {
        made.attempts = 4;
        made.last_reason = "451 4.7.1 later";
        const auto back = decode_delivery(encode(made));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->id, made.id);
        EXPECT_EQ(back->stream, made.stream);
        EXPECT_EQ(back->domain, made.domain);
        EXPECT_EQ(back->sender, made.sender);
        EXPECT_EQ(back->recipients, made.recipients);
        EXPECT_EQ(back->options, made.options);
        EXPECT_EQ(back->size, made.size);
        EXPECT_EQ(back->parts, 3u);
        EXPECT_EQ(back->attempts, made.attempts);
        EXPECT_EQ(back->sole, false);
        EXPECT_EQ(back->last_reason, made.last_reason);
    }
}

TEST(Record, KindsAreNotTakenForOneAnother) {
    const auto accept = encode_accept(full_accept()), ended = encode(full_outcome());
    const auto delivery = encode(facts(id(1), {"a@b.example"}));
    std::string part;
    encode_part_header(part, {id(2), 0, ""});
    for (const auto& bytes : {ended, delivery, part}) EXPECT_FALSE(decode_accept(bytes));
    for (const auto& bytes : {accept, delivery, part}) EXPECT_FALSE(decode_outcome(bytes));
    for (const auto& bytes : {accept, delivery, ended}) EXPECT_FALSE(decode_part(bytes));
    for (const auto& bytes : {accept, part, ended}) EXPECT_FALSE(decode_delivery(bytes));
}

TEST(Record, EveryTruncationIsRefusedOrWhole) {
    const auto outcome_bytes = encode(full_outcome());
    for (std::size_t n = 0; n < outcome_bytes.size(); ++n)
        EXPECT_FALSE(decode_outcome(std::string_view(outcome_bytes).substr(0, n))) << n;
    const auto delivery = encode(facts(id(1), {"a@b.example", "c@b.example"}));
    for (std::size_t n = 0; n < delivery.size(); ++n)
        EXPECT_FALSE(decode_delivery(std::string_view(delivery).substr(0, n))) << n;
    const auto accept = full_accept();
    const auto accept_bytes = encode_accept(accept);
    for (std::size_t n = 0; n < accept_bytes.size() - accept.last_part.size(); ++n)
        EXPECT_FALSE(decode_accept(std::string_view(accept_bytes).substr(0, n))) << n;
    EXPECT_FALSE(decode_outcome(outcome_bytes + "x"));
    EXPECT_FALSE(decode_delivery(delivery + "x"));
}

// Flips bits and whole bytes everywhere; under the sanitizers this would find any read or allocation out of bounds.
TEST(Record, NoBytesHarmTheDecoder) {
    Random random(42);
    const std::string whole[] = {encode_accept(full_accept()), encode(full_outcome()),
                                 encode(facts(id(1), {"a@b.example", "c@b.example"}))};
    for (int round = 0; round < 60'000; ++round) {
        auto bytes = whole[random.below(3)];
        for (auto changes = 1 + random.below(4); changes > 0; --changes)
            bytes[random.below(bytes.size())] = static_cast<char>(random.next());
        bytes.resize(random.below(8) == 0 ? random.below(bytes.size()) : bytes.size());
        if (const auto record = decode_accept(bytes)) encode_accept(*record);
        if (const auto record = decode_outcome(bytes)) {
            encode(*record);
            auto of = facts(id(1), {"a@b.example", "c@b.example"});
            apply(of, *record);
        }
        if (const auto value = decode_delivery(bytes)) encode(*value);
        decode_part(bytes);
    }
}

TEST(Record, NamesWithAZeroByteAreRefused) {
    auto record = full_outcome();
    record.domain = std::string("a\0b", 3);
    EXPECT_FALSE(decode_outcome(encode(record)));
}

TEST(Deliveries, GroupRecipientsByDestinationInOrder) {
    AcceptRecord record;
    record.id = id(3);
    record.size = 42;
    record.envelope.recipients = {recipient("a@one.example"), recipient("b@two.example"),
                                  recipient("c@ONE.example"), recipient("d@[192.0.2.7]")};
    const auto made = deliveries_of(record);
    ASSERT_EQ(made.size(), 3u);
    EXPECT_EQ(made[0].domain, "one.example");
    ASSERT_EQ(made[0].recipients.size(), 2u);
    EXPECT_EQ(made[0].recipients[1].mailbox.text(), "c@one.example");
    EXPECT_EQ(made[1].domain, "two.example");
    EXPECT_EQ(made[2].domain, "[192.0.2.7]");
    for (const auto& one : made) {
        EXPECT_FALSE(one.sole);
        EXPECT_EQ(one.parts, 1u);
        EXPECT_EQ(one.size, 42u);
        EXPECT_EQ(one.attempts, 0u);
    }
    record.envelope.recipients.erase(record.envelope.recipients.begin() + 1,
                                     record.envelope.recipients.end());
    EXPECT_TRUE(deliveries_of(record).front().sole);
}

TEST(Apply, DropsTheEndedAndKeepsTheReason) {
    auto delivery = facts(id(9), {"a@x.example", "b@x.example", "c@x.example"});
    const auto record = full_outcome();  // c failed, b deferred, a delivered
    EXPECT_TRUE(apply(delivery, record));
    ASSERT_EQ(delivery.recipients.size(), 1u);
    EXPECT_EQ(delivery.recipients[0].mailbox.text(), "b@x.example");
    EXPECT_EQ(delivery.attempts, 1u);
    EXPECT_EQ(delivery.last_reason, "4.4.1 connection refused");
}

TEST(Apply, NothingLeft) {
    auto delivery = facts(id(9), {"a@x.example", "b@x.example"});
    EXPECT_FALSE(apply(delivery, outcome(delivery, {}, Verdict::delivered)));
    EXPECT_TRUE(delivery.recipients.empty());
}

}  // namespace
}  // namespace angarium::queue

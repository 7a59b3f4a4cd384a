// Handshakes: versions, certificates under each policy, resumption, and peers that do not play along.
#include "tests/unit/runtime/tls_fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;
using support::Authority;
using support::CertificateForm;

// --- that succeed ---

Task<void> agrees_on(RingShard& shard, TlsVersion newest, const char* version, const char* cipher) {
    Sides sides;
    sides.client = client_context(newest);
    auto pair = co_await tls_pair(shard, sides);
    for (const auto* stream : {pair.client.get(), pair.server.get()}) {
        EXPECT_EQ(stream->facts().version, version);
        EXPECT_EQ(stream->facts().cipher, cipher);
        EXPECT_FALSE(stream->facts().resumed);
    }
    EXPECT_TRUE(pair.client->facts().verified);
    EXPECT_EQ(pair.client->facts().verification, "ok");
    EXPECT_FALSE(pair.server->facts().verified);
    EXPECT_EQ(pair.server->facts().verification, "no certificate");
    EXPECT_EQ(pair.client->peer(), pair.server->local());
    const auto asked = co_await pair.client->write("question", after(1s));
    EXPECT_TRUE(asked.has_value());
    const auto question = co_await pair.server->read(after(1s));
    EXPECT_EQ(question.value_or(""), "question");
    const auto answered = co_await pair.server->write("answer", after(1s));
    EXPECT_TRUE(answered.has_value());
    const auto answer = co_await pair.client->read(after(1s));
    EXPECT_EQ(answer.value_or(""), "answer");
}
TEST(TlsHandshake, Version13) {
    on_shard(
        [](RingShard& s) { return agrees_on(s, TlsVersion::v1_3, "TLSv1.3", "TLS_AES_128_GCM_SHA256"); });
}
TEST(TlsHandshake, Version12) {
    on_shard([](RingShard& s) {
        return agrees_on(s, TlsVersion::v1_2, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384");
    });
}

Task<void> with_an_address(RingShard& shard) {
    Sides sides;
    const auto identity = make_identity({"127.0.0.1"});
    sides.server = server_context({*identity});
    TlsClientOptions options;
    const TemporaryFile trusted(identity->chain);
    options.authorities = trusted.path();
    sides.client = *TlsContext::client(options);
    sides.peer.name = "127.0.0.1";
    const auto pair = co_await tls_pair(shard, sides);
    EXPECT_TRUE(pair.client->facts().verified);
}
TEST(TlsHandshake, ACertificateForAnAddress) { on_shard(with_an_address); }

Task<void> with_both_kinds(RingShard& shard) {
    Sides sides;
    sides.server = server_context({authority().issue(), authority().issue(CertificateForm{.rsa = true})});
    const auto pair = co_await tls_pair(shard, sides);
    EXPECT_TRUE(pair.client->facts().verified);
}
TEST(TlsHandshake, ServerWithTwoKindsOfKey) { on_shard(with_both_kinds); }

Task<void> nothing_in_common(RingShard& shard) {
    // A client without TLS 1.3 needs a certificate that its suites can use; an RSA one does.
    Sides sides;
    sides.server = server_context({authority().issue(CertificateForm{.rsa = true})}, TlsVersion::v1_2);
    const auto pair = co_await tls_pair(shard, sides);
    EXPECT_EQ(pair.client->facts().cipher, "ECDHE-RSA-AES256-GCM-SHA384");
}
TEST(TlsHandshake, RsaUnderVersion12) { on_shard(nothing_in_common); }

// --- certificates ---

// What the client says of a certificate: with its policy, and with none.
Task<void> judged(RingShard& shard, TlsIdentity identity, std::string name, std::string verdict) {
    Sides sides;
    sides.server = server_context({identity});
    sides.peer.name = name;
    auto plain = co_await connected_pair(shard);
    const auto strict = co_await shake(std::move(plain), sides);
    const auto ours = trouble_of(strict.client_result), theirs = trouble_of(strict.server_result);
    EXPECT_EQ(ours.kind, TlsError::Kind::certificate);
    EXPECT_NE(ours.text.find(verdict), std::string::npos) << ours.text;
    EXPECT_EQ(theirs.kind, TlsError::Kind::protocol);  // the client's alert
    EXPECT_NE(theirs.text.find("alert"), std::string::npos) << theirs.text;

    sides.peer.verify = TlsVerify::none;
    const auto lax = co_await tls_pair(shard, sides);
    EXPECT_FALSE(lax.client->facts().verified);
    EXPECT_EQ(lax.client->facts().verification, verdict);
}
TEST(TlsHandshake, Expired) {
    on_shard([](RingShard& s) {
        return judged(s, authority().issue(CertificateForm{.expired = true}), "mx.example.test",
                      "certificate has expired");
    });
}
TEST(TlsHandshake, WrongName) {
    on_shard([](RingShard& s) {
        return judged(s, authority().issue(), "other.example.test", "hostname mismatch");
    });
}
TEST(TlsHandshake, WrongAddress) {
    on_shard([](RingShard& s) { return judged(s, authority().issue(), "127.0.0.1", "IP address mismatch"); });
}
TEST(TlsHandshake, SelfSigned) {
    on_shard([](RingShard& s) {
        return judged(s, *make_identity({"mx.example.test"}), "mx.example.test", "self-signed certificate");
    });
}
TEST(TlsHandshake, SignedBySomebodyElse) {
    on_shard([](RingShard& s) {
        return judged(s, Authority("Somebody Else").issue(), "mx.example.test",
                      "unable to get local issuer certificate");
    });
}

// --- resumption ---

// One connection with a word each way, so that the ticket has come.
Task<TlsFacts> visit(RingShard& shard, Sides& sides) {
    auto pair = co_await tls_pair(shard, sides);
    const auto said = co_await pair.server->write("220 ready\r\n", after(1s));
    EXPECT_TRUE(said.has_value());
    const auto heard = co_await pair.client->read(after(1s));
    EXPECT_EQ(heard.value_or(""), "220 ready\r\n");
    EXPECT_EQ(pair.client->facts().resumed, pair.server->facts().resumed);
    co_return pair.client->facts();
}

Task<void> resumption(RingShard& shard, TlsVersion newest) {
    Sides sides;
    sides.client = client_context(newest);
    const auto first = co_await visit(shard, sides);
    EXPECT_FALSE(first.resumed);
    for (int i = 0; i < 3; ++i) {
        const auto again = co_await visit(shard, sides);
        EXPECT_TRUE(again.resumed);
        EXPECT_TRUE(again.verified);  // the session carries the verdict
    }
    EXPECT_EQ(sides.client->sessions().size(), 1u);
    // Never under another policy, for another name, or with another place.
    auto other = sides;
    other.peer.verify = TlsVerify::none;
    const auto lax = co_await visit(shard, other);
    EXPECT_FALSE(lax.resumed);
    other = sides;
    other.peer.session_key = "127.0.0.1:465";
    const auto elsewhere = co_await visit(shard, other);
    EXPECT_FALSE(elsewhere.resumed);
    other = sides;
    other.peer.session_key.clear();
    const auto without = co_await visit(shard, other);
    EXPECT_FALSE(without.resumed);
    EXPECT_EQ(sides.client->sessions().size(), 3u);
}
TEST(TlsHandshake, ResumesVersion13) {
    on_shard([](RingShard& s) { return resumption(s, TlsVersion::v1_3); });
}
TEST(TlsHandshake, ResumesVersion12) {
    on_shard([](RingShard& s) { return resumption(s, TlsVersion::v1_2); });
}

Task<void> visit_into(RingShard& shard, Sides& sides, unsigned& resumed) {
    const auto facts = co_await visit(shard, sides);
    resumed += facts.resumed ? 1 : 0;
}
Task<void> at_the_same_time(RingShard& shard, TlsVersion newest) {
    Sides sides;
    sides.client = client_context(newest);
    unsigned resumed = 0;
    co_await visit_into(shard, sides, resumed);
    EXPECT_EQ(resumed, 0u);
    Gate gate;
    for (int i = 0; i < 20; ++i) gate.hold(visit_into(shard, sides, resumed));
    co_await gate.closed();
    EXPECT_EQ(resumed, 20u);
}
TEST(TlsHandshake, ManyResumeAtTheSameTimeVersion13) {
    on_shard([](RingShard& s) { return at_the_same_time(s, TlsVersion::v1_3); });
}
TEST(TlsHandshake, ManyResumeAtTheSameTimeVersion12) {
    on_shard([](RingShard& s) { return at_the_same_time(s, TlsVersion::v1_2); });
}

Task<void> across_shards(RingShard& shard) {
    TlsServerOptions options;
    options.identities = {authority().issue()};
    Sides sides;
    sides.server = *TlsContext::server(options);
    const auto first = co_await visit(shard, sides);
    EXPECT_FALSE(first.resumed);
    sides.server = *TlsContext::server(options);  // another shard's, with the same ticket keys
    const auto second = co_await visit(shard, sides);
    EXPECT_TRUE(second.resumed);
    options.ticket_keys = TlsTicketKeys::random();  // a server that knows nothing of it
    sides.server = *TlsContext::server(options);
    const auto third = co_await visit(shard, sides);
    EXPECT_FALSE(third.resumed);
    EXPECT_TRUE(third.verified);
}
TEST(TlsHandshake, TicketsServeEveryShardWithTheSameKeys) { on_shard(across_shards); }

Task<void> bounded_cache(RingShard& shard) {
    Sides sides;
    TlsClientOptions options;
    options.authorities.clear();
    options.sessions = 2;
    sides.client = *TlsContext::client(options);
    sides.peer.verify = TlsVerify::none;
    for (const char* place : {"a", "b", "a", "c"}) {  // "b" was used longest ago
        sides.peer.session_key = place;
        co_await visit(shard, sides);
    }
    EXPECT_EQ(sides.client->sessions().size(), 2u);
    sides.peer.session_key = "a";
    const auto kept = co_await visit(shard, sides);
    EXPECT_TRUE(kept.resumed);
    sides.peer.session_key = "b";
    const auto dropped = co_await visit(shard, sides);
    EXPECT_FALSE(dropped.resumed);
}
TEST(TlsHandshake, KeepsABoundedNumberOfSessions) { on_shard(bounded_cache); }

Task<void> say_word(Stream& to) {
    const auto said = co_await to.write("word", after(1s));
    EXPECT_TRUE(said.has_value());
}
Task<void> hear_word(Stream& from) {
    const auto heard = co_await from.read(after(1s));
    EXPECT_EQ(heard.value_or(""), "word");
}

// A visit in memory; and what the server knows of the client's certificate.
TlsFacts visit(support::ManualShard& shard, Sides& sides, std::optional<TlsCertificate>& shown) {
    MemoryPair pair(sides);
    TlsResult asked, served;
    const auto serving = shake_into(*pair.server, after(10s), served);
    const auto asking = shake_into(*pair.client, after(10s), asked);
    pair.carry(shard);
    const auto saying = say_word(*pair.client);
    pair.carry(shard);
    EXPECT_TRUE(serving.done() && served.has_value());
    const auto hearing = hear_word(*pair.server), answering = say_word(*pair.server);
    pair.carry(shard);
    const auto reading = hear_word(*pair.client);
    EXPECT_TRUE(asking.done() && saying.done() && hearing.done() && answering.done() && reading.done());
    shown = pair.server->verified_certificate();
    return pair.client->facts();
}

// Both sides show certificates that end in a few days. Each resumption brings a new ticket: it would never end.
TEST(TlsHandshake, ASessionEndsWithItsCertificates) {
    support::ManualShard shard;
    TlsServerOptions server;
    server.identities = {authority().issue()};
    server.client_certificate = TlsClientCertificate::required;
    server.client_authorities = authority().certificate();
    const TemporaryFile trusted(authority().certificate());
    TlsClientOptions client;
    client.authorities = trusted.path();
    client.identity = authority().issue({.name = "app.example.test"});
    Sides strict{*TlsContext::server(server), *TlsContext::client(client)};
    auto lax = strict;
    lax.peer.verify = TlsVerify::none;
    std::optional<TlsCertificate> shown;
    for (auto* const sides : {&strict, &lax}) {
        EXPECT_FALSE(visit(shard, *sides, shown).resumed);
        EXPECT_TRUE(visit(shard, *sides, shown).resumed);
        EXPECT_TRUE(shown.has_value());
    }
    shard.step_wall(50 * 365 * 24h);
    EXPECT_FALSE(visit(shard, strict, shown).resumed);
    EXPECT_TRUE(visit(shard, lax, shown).resumed);
    EXPECT_FALSE(shown.has_value());
}

// --- peers that do not play along ---

// `bytes` instead of a handshake; then the peer is silent.
Task<void> against_bytes(RingShard& shard, bool server, std::string bytes) {
    Sides sides;
    auto plain = co_await connected_pair(shard);
    auto& peer = server ? *plain.client : *plain.server;
    auto mine = std::move(server ? plain.server : plain.client);
    auto stream = server ? std::make_unique<TlsStream>(sides.server, std::move(mine))
                         : std::make_unique<TlsStream>(sides.client, std::move(mine), sides.peer);
    TlsResult result;
    auto shaking = shake_into(*stream, after(10s), result);
    const auto sent = co_await peer.write(bytes, after(1s));
    EXPECT_TRUE(sent.has_value());
    co_await shaking;
    const auto trouble = trouble_of(result);
    EXPECT_EQ(trouble.kind, TlsError::Kind::protocol);
    EXPECT_NE(trouble.text.find("what came is not TLS"), std::string::npos) << trouble.text;
    const auto read = co_await stream->read(after(1s));  // a stream that failed stays so
    EXPECT_EQ(error_of(read), IoError::failed);
    const auto written = co_await stream->write("x", after(1s));
    EXPECT_EQ(error_of(written), IoError::failed);
}
TEST(TlsHandshake, PlainTextToAServer) {
    on_shard([](RingShard& s) { return against_bytes(s, true, "EHLO client.example.test\r\n"); });
}
TEST(TlsHandshake, PlainTextToAClient) {
    on_shard([](RingShard& s) { return against_bytes(s, false, "220 mx.example.test ESMTP\r\n"); });
}
TEST(TlsHandshake, HttpToAServer) {
    on_shard([](RingShard& s) { return against_bytes(s, true, "GET / HTTP/1.1\r\n\r\n"); });
}

Task<void> silent_peer(RingShard& shard) {
    Sides sides;
    auto plain = co_await connected_pair(shard);
    TlsStream stream(sides.server, std::move(plain.server));
    const auto part = co_await plain.client->write("\x16\x03\x01", after(1s));  // a record's beginning
    EXPECT_TRUE(part.has_value());
    const auto result = co_await stream.handshake(after(30ms));
    const auto trouble = trouble_of(result);
    EXPECT_EQ(trouble.io, IoError::timed_out);
    EXPECT_EQ(trouble.kind, TlsError::Kind::connection);
}
TEST(TlsHandshake, ASilentPeerIsTimedOut) { on_shard(silent_peer); }

// A byte every few milliseconds does not move the deadline.
Task<void> drip(Stream& stream, RingShard& shard, const bool& stop) {
    while (!stop) {
        const auto sent = co_await stream.write("\x16\x03\x01\x3f\xff\x01", after(1s));
        if (!sent) co_return;
        co_await shard.sleep(2ms);
    }
}
Task<void> slow_peer(RingShard& shard) {
    Sides sides;
    auto plain = co_await connected_pair(shard);
    TlsStream stream(sides.server, std::move(plain.server));
    bool stop = false;
    const std::string start("\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb", 9);  // a hello of 16 KiB that never ends
    const auto begun = co_await plain.client->write(start, after(1s));
    EXPECT_TRUE(begun.has_value());
    auto dripping = drip(*plain.client, shard, stop);
    const auto result = co_await stream.handshake(after(50ms));
    const auto trouble = trouble_of(result);
    EXPECT_EQ(trouble.io, IoError::timed_out) << trouble.text;
    stop = true;
    co_await dripping;
}
TEST(TlsHandshake, ASlowPeerIsTimedOut) { on_shard(slow_peer); }

Task<void> closing_peer(RingShard& shard, IoError how) {
    Sides sides;
    auto plain = co_await connected_pair(shard);
    TlsStream stream(sides.client, std::move(plain.client), sides.peer);
    TlsResult result;
    auto shaking = shake_into(stream, after(10s), result);
    const auto hello = co_await plain.server->read(after(5s));
    EXPECT_TRUE(hello.has_value());
    if (how == IoError::reset) plain.server->abort(IoError::reset);
    plain.server.reset();
    co_await shaking;
    const auto trouble = trouble_of(result);
    EXPECT_EQ(trouble.kind, TlsError::Kind::connection);
    EXPECT_EQ(trouble.io, how);
}
TEST(TlsHandshake, APeerThatCloses) {
    on_shard([](RingShard& s) { return closing_peer(s, IoError::end_of_stream); });
}
TEST(TlsHandshake, APeerThatResets) {
    on_shard([](RingShard& s) { return closing_peer(s, IoError::reset); });
}

Task<void> aborted_handshake(RingShard& shard) {
    Sides sides;
    auto plain = co_await connected_pair(shard);
    TlsStream stream(sides.server, std::move(plain.server));
    TlsResult result;
    auto shaking = shake_into(stream, after(10s), result);
    stream.abort(IoError::canceled);
    co_await shaking;
    const auto trouble = trouble_of(result);
    EXPECT_EQ(trouble.io, IoError::canceled);
}
TEST(TlsHandshake, Aborted) { on_shard(aborted_handshake); }

TEST(TlsHandshake, AServerThatSpokeBeforeItIsNotTrusted) {
    support::ManualShard shard;
    Sides sides;
    MemoryPair pair(sides);
    pair.client_wire->send("250 injected\r\n");
    TlsResult result;
    auto shaking = shake_into(*pair.client, after(10s), result);
    shard.settle();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().kind, TlsError::Kind::injected);
    EXPECT_EQ(pair.client_wire->sent, "");
}

TEST(TlsHandshake, InPiecesOfOneByte) {
    support::ManualShard shard;
    Sides sides;
    MemoryPair pair(sides);
    TlsResult client, server;
    auto serving = shake_into(*pair.server, after(10s), server);
    auto asking = shake_into(*pair.client, after(10s), client);
    pair.carry(shard, 1);
    ASSERT_TRUE(client.has_value()) << client.error().text;
    // Its Finished waits for company.
    EXPECT_FALSE(serving.done());
    std::string_view heard;
    const auto hear = [](Stream& stream, std::string_view& out) -> Task<void> {
        const auto got = co_await stream.read(no_deadline);
        out = got.value_or("");
    };
    const auto say = [](Stream& stream) -> Task<void> {
        const auto sent = co_await stream.write("EHLO client.example.test\r\n", no_deadline);
        EXPECT_TRUE(sent.has_value());
    };
    auto saying = say(*pair.client);
    shard.settle();
    EXPECT_EQ(pair.client_wire->writes, 2u);  // hello; Finished with EHLO
    pair.carry(shard, 1);
    ASSERT_TRUE(serving.done());
    auto hearing = hear(*pair.server, heard);
    pair.carry(shard, 1);
    EXPECT_EQ(heard, "EHLO client.example.test\r\n");
}

}  // namespace
}  // namespace angarium::runtime

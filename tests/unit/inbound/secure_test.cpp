// TLS in a session: STARTTLS, implicit TLS, and what may not pass from before the handshake to behind it.
#include <optional>

#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

using metrics::Count;
using runtime::TlsStream;

// A client's TLS over the session's wire: bytes are carried in both directions until nobody has more to say.
class SecureClient {
  public:
    explicit SecureClient(Dialogue& dialogue, runtime::TlsVersion newest = runtime::TlsVersion::v1_3)
        : dialogue_(dialogue) {
        runtime::TlsClientOptions options;
        options.authorities.clear();
        options.newest = newest;
        const Endpoint there = *Endpoint::parse("192.0.2.1:25"), here = *Endpoint::parse("192.0.2.7:4711");
        stream_ = std::make_unique<TlsStream>(*runtime::TlsContext::client(options),
                                              std::make_unique<support::MemoryStream>(wire_, there, here));
        gate_.hold(run());
        carry();
    }
    ~SecureClient() {
        stream_->abort(IoError::canceled);
        dialogue_.shard.settle();
        stream_.reset();
        dialogue_.shard.settle();
    }
    bool secure() const { return result_ && result_->has_value(); }
    runtime::TlsFacts facts() const { return stream_->facts(); }
    std::string say(std::string_view text) {
        const auto writing = write(text);
        carry();
        EXPECT_TRUE(writing.done());
        return take();
    }
    std::string codes(std::string_view text) { return Dialogue::codes_of(say(text)); }
    std::string take() { return std::exchange(received_, {}); }
    bool ended() const { return ended_ == IoError::end_of_stream; }

  private:
    runtime::Task<void> run() {
        const auto shaken = co_await stream_->handshake(runtime::Shard::current().now() + 60s);
        result_ = shaken;
        if (!shaken) co_return;
        while (true) {
            const auto got = co_await stream_->read(no_deadline);
            if (!got) {
                ended_ = got.error();
                co_return;
            }
            received_ += *got;
        }
    }
    runtime::Task<void> write(std::string_view text) {
        const auto sent = co_await stream_->write(text, no_deadline);
        EXPECT_TRUE(sent.has_value());
    }
    void carry() {
        dialogue_.shard.settle();
        while (!wire_->sent.empty() || !dialogue_.wire->sent.empty()) {
            const auto up = std::exchange(wire_->sent, {}), down = std::exchange(dialogue_.wire->sent, {});
            if (!up.empty()) dialogue_.wire->send(up);
            if (!down.empty()) wire_->send(down);
            dialogue_.shard.settle();
        }
    }

    Dialogue& dialogue_;
    std::shared_ptr<support::Wire> wire_ = std::make_shared<support::Wire>();
    std::unique_ptr<TlsStream> stream_;
    std::optional<runtime::TlsResult> result_;
    std::optional<IoError> ended_;
    std::string received_;
    runtime::Gate gate_;
};

Dialogue::Setup with(TlsMode mode) {
    Dialogue::Setup setup;
    setup.tls = mode;
    return setup;
}

const std::string offer = "250-STARTTLS\r\n";

TEST(Secure, StartTlsBeginsTheDialogueAnew) {
    Dialogue d(with(TlsMode::starttls));
    EXPECT_NE(d.say("EHLO before.test\r\n").find(offer), std::string::npos);
    EXPECT_EQ(d.codes("MAIL FROM:<jack@town.com>\r\nRCPT TO:<jill@hill.com>\r\n"), "250 250");
    EXPECT_EQ(d.say("STARTTLS\r\n"), "220 2.0.0 Ready to start TLS\r\n");
    SecureClient client(d);
    ASSERT_TRUE(client.secure());
    EXPECT_EQ(client.codes("MAIL FROM:<jack@town.com>\r\n"), "503");  // EHLO is forgotten
    const auto hello = client.say("EHLO after.test\r\n");
    EXPECT_EQ(hello.find(offer), std::string::npos);
    EXPECT_EQ(client.codes("DATA\r\n"), "503");  // and the envelope
    EXPECT_EQ(client.say("STARTTLS\r\n"), "554 5.5.1 TLS is already active\r\n");
    EXPECT_EQ(client.codes("MAIL FROM:<jack@town.com>\r\nRCPT TO:<jill@hill.com>\r\nDATA\r\n"),
              "250 250 354");
    EXPECT_EQ(client.codes("Subject: x\r\n\r\ny\r\n.\r\n"), "250");
    ASSERT_EQ(d.intake.messages.size(), 1u);
    const auto& message = d.intake.messages[0];
    EXPECT_EQ(message.trace.protocol, "ESMTPS");
    EXPECT_EQ(message.trace.tls, "TLSv1.3");
    EXPECT_EQ(message.trace.cipher, client.facts().cipher);
    EXPECT_EQ(message.trace.helo, "after.test");
    EXPECT_NE(message.body.find("(using TLSv1.3 with cipher TLS_"), std::string::npos);
    EXPECT_EQ(client.codes("QUIT\r\n"), "221");
    EXPECT_TRUE(client.ended());  // with close_notify
    EXPECT_EQ(d.count(Count::tls_in_full), 1u);
    EXPECT_EQ(d.count(Count::tls_in_1_3), 1u);
}

TEST(Secure, OldClientsUseOneTwo) {
    Dialogue d(with(TlsMode::starttls));
    d.say("EHLO client.test\r\n");
    d.say("STARTTLS\r\n");
    SecureClient client(d, runtime::TlsVersion::v1_2);
    ASSERT_TRUE(client.secure());
    EXPECT_EQ(client.codes("EHLO client.test\r\n"), "250");
    EXPECT_EQ(d.count(Count::tls_in_1_2), 1u);
}

TEST(Secure, ImplicitTlsComesBeforeTheBanner) {
    Dialogue d(with(TlsMode::implicit));
    EXPECT_EQ(d.banner, "");
    SecureClient client(d);
    ASSERT_TRUE(client.secure());
    EXPECT_EQ(client.take(), "220 relay.test ESMTP angarium\r\n");
    EXPECT_EQ(client.say("EHLO client.test\r\n").find(offer), std::string::npos);
    EXPECT_EQ(client.codes("STARTTLS\r\n"), "554");
    EXPECT_EQ(client.codes("QUIT\r\n"), "221");
}

TEST(Secure, InputBehindStartTlsEndsTheSession) {
    Dialogue d(with(TlsMode::starttls));
    d.say("EHLO client.test\r\n");
    EXPECT_EQ(d.say("STARTTLS\r\nMAIL FROM:<evil@town.com>\r\n"),
              "554 5.5.0 Input before the reply to this command\r\n");
    EXPECT_TRUE(d.ended());
    EXPECT_EQ(d.say("MAIL FROM:<evil@town.com>\r\n"), "");
}

TEST(Secure, NeitherParametersNorWhatIsNotOffered) {
    {
        Dialogue d(with(TlsMode::starttls));
        EXPECT_EQ(d.say("STARTTLS now\r\n").substr(0, 9), "501 5.5.4");
        EXPECT_EQ(d.codes("NOOP\r\n"), "250");
    }
    Dialogue plain;
    EXPECT_EQ(plain.say("EHLO client.test\r\n").find(offer), std::string::npos);
    EXPECT_EQ(plain.say("STARTTLS\r\n").substr(0, 9), "502 5.5.1");
}

TEST(Secure, WhereTlsIsRequiredOnlyTheWayToItIsOpen) {
    auto setup = with(TlsMode::starttls);
    setup.require_tls = true;
    Dialogue d(setup);
    for (const auto* open : {"NOOP\r\n", "RSET\r\n", "HELO a.test\r\n", "EHLO a.test\r\n"})
        EXPECT_EQ(d.codes(open), "250");
    for (const auto* closed : {"MAIL FROM:<jack@town.com>\r\n", "RCPT TO:<jill@hill.com>\r\n", "DATA\r\n",
                               "VRFY jack\r\n", "EXPN all\r\n", "HELP\r\n", "AUTH PLAIN\r\n"})
        EXPECT_EQ(d.say(closed), "530 5.7.0 Must issue a STARTTLS command first\r\n");
    EXPECT_EQ(d.say("BDAT 6 LAST\r\nQUIT\r\n"), "530 5.7.0 Must issue a STARTTLS command first\r\n");
    ASSERT_EQ(d.rejections.size(), 2u);  // MAIL, and the content
    EXPECT_EQ(d.rejections[0].code, 530);
    EXPECT_EQ(d.count(Count::rejected_tls), 8u);
    d.say("STARTTLS\r\n");
    SecureClient client(d);
    ASSERT_TRUE(client.secure());
    EXPECT_EQ(client.codes("EHLO a.test\r\n"), "250");
    EXPECT_EQ(client.codes("MAIL FROM:<jack@town.com>\r\n"), "250");
}

TEST(Secure, WhatIsNoTlsEndsTheSession) {
    for (const auto mode : {TlsMode::starttls, TlsMode::implicit}) {
        Dialogue d(with(mode));
        if (mode == TlsMode::starttls) d.say("STARTTLS\r\n");
        const auto answer = d.say("EHLO client.test\r\nMAIL FROM:<a@b>\r\n");
        EXPECT_EQ(answer.find("250"), std::string::npos);
        EXPECT_TRUE(d.over());
        EXPECT_EQ(d.count(Count::tls_in_failed), 1u);
        ASSERT_EQ(d.rejections.size(), 1u);
        EXPECT_EQ(d.rejections[0].code, 0);
        EXPECT_EQ(d.rejections[0].reply, "TLS handshake: what came is not TLS");
    }
}

TEST(Secure, ASilentClientHasOneCommandsTime) {
    Dialogue d(with(TlsMode::implicit));
    d.shard.advance(299s);
    EXPECT_FALSE(d.over());
    d.shard.advance(2s);
    EXPECT_TRUE(d.over());
    EXPECT_EQ(d.count(Count::tls_in_failed), 1u);
}

TEST(Secure, AClientThatGoesAwayInTheHandshake) {
    Dialogue d(with(TlsMode::starttls));
    d.say("STARTTLS\r\n");
    d.wire->close();
    d.shard.settle();
    EXPECT_TRUE(d.over());
}

TEST(Secure, AnAbortEndsAHandshake) {
    Dialogue d(with(TlsMode::implicit));
    d.session().abort();
    d.shard.settle();
    EXPECT_TRUE(d.over());
}

// The 220 comes behind the reply to the message before it, and the handshake behind both.
TEST(Secure, StartTlsWaitsForTheMessageBeforeIt) {
    Dialogue d(with(TlsMode::starttls));
    d.ready_for_data();
    d.intake.hold = true;
    EXPECT_EQ(d.codes("BDAT 3 LAST\r\nabcSTARTTLS\r\n"), "");
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(d.codes_of(d.take()), "250 220");
    SecureClient client(d);
    ASSERT_TRUE(client.secure());
    EXPECT_EQ(d.intake.messages[0].trace.protocol, "ESMTP");
    EXPECT_EQ(client.codes("EHLO client.test\r\n"), "250");
}

// The first flight of a client's handshake.
std::string client_hello(Dialogue& dialogue) {
    runtime::TlsClientOptions options;
    options.authorities.clear();
    auto wire = std::make_shared<support::Wire>();
    const Endpoint there = *Endpoint::parse("192.0.2.1:25"), here = *Endpoint::parse("192.0.2.7:4711");
    TlsStream stream(*runtime::TlsContext::client(options),
                     std::make_unique<support::MemoryStream>(wire, there, here));
    runtime::Gate gate;
    const auto shake = [](TlsStream& client) -> runtime::Task<void> {
        (void)co_await client.handshake(runtime::Shard::current().now() + 60s);
    };
    gate.hold(shake(stream));
    dialogue.shard.settle();
    stream.abort(IoError::canceled);
    dialogue.shard.settle();
    return wire->sent;
}

// Whatever comes in place of a handshake, the session ends, and nothing of it is taken for a command.
TEST(Secure, DamagedHandshakesEndTheSession) {
    Random random(7);
    for (int round = 0; round < 200; ++round) {
        Dialogue d(with(TlsMode::implicit));
        auto bytes = client_hello(d);
        ASSERT_GT(bytes.size(), 100u);
        for (auto damage = random.below(4); damage > 0; --damage)
            bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
        if (random.below(3) == 0) bytes.resize(random.below(bytes.size()));
        if (random.below(3) == 0) bytes += "EHLO client.test\r\nMAIL FROM:<a@b>\r\n";
        for (std::string_view rest = bytes; !rest.empty();) {
            const auto piece = rest.substr(0, 1 + random.below(600));
            rest.remove_prefix(piece.size());
            d.say(piece);
        }
        d.shard.advance(301s);
        EXPECT_TRUE(d.over());
        EXPECT_EQ(d.count(Count::tls_in_failed), 1u);
        EXPECT_EQ(d.count(Count::commands), 0u);
    }
}

TEST(Secure, DrainingIsSaidBehindTheHandshake) {
    Dialogue d(with(TlsMode::starttls));
    d.say("STARTTLS\r\n");
    d.session().drain();
    SecureClient client(d);
    ASSERT_TRUE(client.secure());
    EXPECT_EQ(Dialogue::codes_of(client.take()), "421");
    EXPECT_TRUE(client.ended());
}

TEST(Secure, DrainingDoesNotWaitForASilentHandshake) {
    for (const auto mode : {TlsMode::starttls, TlsMode::implicit}) {
        Dialogue d(with(mode));
        if (mode == TlsMode::starttls) d.say("STARTTLS\r\n");
        d.session().drain();
        d.shard.advance(1s);
        EXPECT_FALSE(d.over());
        d.shard.advance(2s);
        EXPECT_TRUE(d.over());
    }
    Dialogue late(with(TlsMode::starttls));  // the drain comes before the handshake begins
    late.ready_for_data();
    late.intake.hold = true;
    EXPECT_EQ(late.codes("BDAT 3 LAST\r\nabcSTARTTLS\r\n"), "");
    late.session().drain();
    late.intake.release();
    late.shard.advance(3s);
    EXPECT_TRUE(late.over());
}

}  // namespace
}  // namespace angarium::inbound

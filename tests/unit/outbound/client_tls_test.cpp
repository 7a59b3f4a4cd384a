// STARTTLS and implicit TLS of a client session: what each policy makes of what a server offers, and of its tricks.
#include "tests/unit/outbound/session_fixture.hpp"
#include "tests/unit/outbound/tls_material.hpp"

namespace angarium::outbound::test {
namespace {

using metrics::Count;

const std::vector<std::string> with_starttls{"PIPELINING", "CHUNKING", "8BITMIME", "STARTTLS"};

class TlsSession : public Session {
  protected:
    TlsSession() {
        host.extensions = with_starttls;
        host.secure_extensions = {"8BITMIME"};
        host.tls = server_context();
        demand(TlsPolicy::opportunistic);
    }
    void demand(TlsPolicy policy, const std::string& name = "mx.example.test") {
        auto made = make_materials({protection(policy)});
        ASSERT_TRUE(made) << made.error().text;
        security.policy = policy;
        security.tls = made->front().tls;
        security.host = security.peer.name = name;
        security.peer.verify =
            policy == TlsPolicy::verified ? runtime::TlsVerify::name_and_chain : runtime::TlsVerify::none;
        security.peer.session_key = "127.0.0.2:25";
    }
    // Why the session could not be opened; it is closed.
    Judgement trouble() {
        EXPECT_FALSE(open());
        const Judgement why = session->loss().value_or(Judgement{});
        EXPECT_EQ(why.concern, Concern::exchanger);
        EXPECT_EQ(why.verdict, Verdict::deferred);
        EXPECT_TRUE(why.closes);
        close();
        EXPECT_TRUE(host.messages.empty());
        return why;
    }
};

TEST_F(TlsSession, EhloIsSaidAgainAndWhatWasLearntBeforeIsForgotten) {
    ASSERT_TRUE(open());
    EXPECT_EQ(host.commands, (std::vector<std::string>{"EHLO localhost", "STARTTLS", "EHLO localhost"}));
    EXPECT_FALSE(session->offered().pipelining || session->offered().chunking || session->offered().starttls);
    EXPECT_TRUE(session->offered().eight_bit_mime);
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    ASSERT_EQ(host.messages.size(), 1u);
    EXPECT_TRUE(host.messages[0].secure);
    ASSERT_TRUE(session->tls());
    EXPECT_EQ(runtime::tls_version_name(session->tls()->version), "TLSv1.3");
    EXPECT_EQ(runtime::tls_cipher_name(session->tls()->cipher), "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(runtime::tls_verification_name(session->tls()->verification), "ok");
    close();
    EXPECT_EQ(host.commands.back(), "QUIT");
    EXPECT_EQ(metrics.value(Count::tls_out_full), 1u);
    EXPECT_EQ(metrics.value(Count::tls_out_1_3), 1u);
    EXPECT_EQ(metrics.value(Count::tls_out_verified), 1u);
}

TEST_F(TlsSession, ASessionIsResumed) {
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(open());
        send({"jill@hill.com"});
        close();
    }
    EXPECT_EQ(host.full, 1u);
    EXPECT_EQ(host.resumed, 2u);
    EXPECT_EQ(metrics.value(Count::tls_out_resumed), 2u);
    security.peer.session_key += " another policy";
    ASSERT_TRUE(open());
    EXPECT_EQ(host.full, 2u);
}

TEST_F(TlsSession, WithoutStarttlsTheOpportunisticGoOnInPlainText) {
    host.extensions = pipelining;
    ASSERT_TRUE(open());
    ASSERT_TRUE(session->tls());
    EXPECT_EQ(session->tls()->version, 0);
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(metrics.value(Count::tls_out_none), 1u);
}

TEST_F(TlsSession, TheOthersDoNot) {
    host.extensions = pipelining;
    for (const auto policy : {TlsPolicy::required, TlsPolicy::verified}) {
        demand(policy);
        const auto why = trouble();
        EXPECT_EQ(text_of(why.reason), "4.7.4 TLS is required, but not offered by mx.example.test");
    }
    host.extensions = with_starttls;
    host.answer = always("ehlo", "502 5.5.1 what?");  // HELO knows no extensions
    EXPECT_EQ(trouble().reason.status, (smtp::EnhancedStatus{4, 7, 4}));
}

TEST_F(TlsSession, NobodyAsksForTlsThatIsNotWanted) {
    security = {};
    ASSERT_TRUE(open());
    EXPECT_FALSE(session->tls());
    EXPECT_EQ(host.commands, (std::vector<std::string>{"EHLO localhost"}));
}

TEST_F(TlsSession, RefusedStarttls) {
    for (const std::string word : {"454 4.7.0 not now", "502 5.5.1 no", "501 what", "554 5.7.0 no"}) {
        host.answer = always("starttls", word);
        const auto why = trouble();
        EXPECT_TRUE(why.tls) << word;
        EXPECT_EQ(why.reason.code, std::stoi(word));
    }
    host.answer = always("starttls", "CLOSE 421 4.3.2 going away");
    EXPECT_FALSE(trouble().tls) << "a host that goes away says nothing about TLS";
    for (const std::string word : {"CLOSE", "RESET", "SILENCE", "250 2.0.0 ok", "354 go", "&/()"}) {
        host.answer = always("starttls", word);
        EXPECT_TRUE(trouble().tls) << word;
    }
}

TEST_F(TlsSession, WhatFollowsThe220IsNobodysReply) {
    for (const std::string more : {"250 2.0.0 you may go on in plain text", "x", ""}) {
        host.answer = always("starttls", "220 2.0.0 go\r\n" + more);
        const auto why = trouble();
        EXPECT_FALSE(why.tls) << "plain text is what somebody may want from us";
        EXPECT_NE(why.reason.text.find("somebody may have put it there"), std::string::npos)
            << why.reason.text;
        EXPECT_EQ(host.full, 0u);
    }
}

TEST_F(TlsSession, BrokenHandshakes) {
    for (const std::string word :
         {"CLOSE", "RESET", "SILENCE", "220 let us go on in plain text", "\x15\x03\x03"}) {
        host.tls_trouble = word;
        const auto why = trouble();
        EXPECT_TRUE(why.tls) << word;
        EXPECT_EQ(why.reason.status, (smtp::EnhancedStatus{4, 7, 5})) << word << why.reason.text;
        EXPECT_EQ(why.silent, word == "SILENCE" || word.starts_with('\x15')) << word;
    }
    EXPECT_EQ(metrics.value(Count::tls_out_failed), 5u);
}

TEST_F(TlsSession, WhatACertificateIsWorth) {
    const struct {
        support::CertificateForm form;
        bool self_signed;
        std::string verification;
    } cases[] = {{{}, false, "ok"},
                 {{"mx.example.test", true, false}, false, "ok"},
                 {{"other.test", false, false}, false, "hostname mismatch"},
                 {{"mx.example.test", false, true}, false, "certificate has expired"},
                 {{}, true, "self-signed certificate"}};
    for (const auto& one : cases) {
        SCOPED_TRACE(one.verification);
        auto self_signed = runtime::make_identity({"mx.example.test"});
        host.tls = server_context(one.self_signed ? *self_signed : authority().issue(one.form));
        for (const auto policy : {TlsPolicy::opportunistic, TlsPolicy::required}) {
            demand(policy);
            ASSERT_TRUE(open());
            EXPECT_EQ(runtime::tls_verification_name(session->tls()->verification), one.verification);
            close();
        }
        demand(TlsPolicy::verified);
        if (one.verification == "ok") {
            ASSERT_TRUE(open());
            close();
        } else {
            EXPECT_EQ(text_of(trouble().reason), "4.7.5 certificate of mx.example.test: " + one.verification);
        }
    }
}

TEST_F(TlsSession, OtherNamesMayBeAccepted) {
    host.tls = server_context({"mx7.provider.test", false, false});
    demand(TlsPolicy::verified);
    trouble();
    for (const std::string name : {"mx7.provider.test", ".provider.test"}) {
        security.peer.acceptable = {"nobody.test", name};
        ASSERT_TRUE(open()) << name;
        close();
    }
    security.peer.acceptable = {"provider.test"};
    trouble();
    // They stand in the place of the host's own name, which DNS gave us.
    host.tls = server_context();
    trouble();
}

TEST_F(TlsSession, ImplicitTlsBeginsBeforeTheGreeting) {
    host.implicit = security.implicit = true;
    demand(TlsPolicy::verified);
    ASSERT_TRUE(open());
    EXPECT_EQ(host.commands, (std::vector<std::string>{"EHLO localhost"}));
    send({"jill@hill.com"});
    EXPECT_TRUE(host.messages.at(0).secure);
    close();
    host.messages.clear();
    host.implicit = false;  // speaks first, in plain text
    EXPECT_TRUE(trouble().tls);
}

TEST_F(TlsSession, ALostSessionIsNotClosedByAnybodyElse) {
    ASSERT_TRUE(open());
    host.answer = at("end", "RESET");
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::deferred);
    EXPECT_FALSE(loss->tls) << "the handshake was long over";
    EXPECT_FALSE(session->usable());
}

TEST_F(TlsSession, AGoodbyeThatComesBeforeOurQuitHasLeftIsOne) {
    ASSERT_TRUE(open());
    peer().wire().stalled = true;
    auto closing = session->close(true);
    network.settle();
    EXPECT_FALSE(closing.done());
    peer().blurt("221 2.0.0 bye");
    network.settle();
    ASSERT_TRUE(closing.done());
    session.reset();
}

TEST_F(TlsSession, MailRefusedForWantOfTlsWaits) {
    security = {};
    ASSERT_TRUE(open());
    host.answer = at("mail", "530 5.7.0 Must issue a STARTTLS command first");
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::deferred);
    EXPECT_EQ(text_of(reason()), "530 4.7.0 Must issue a STARTTLS command first");
    EXPECT_FALSE(session->usable());
}

TEST_F(TlsSession, BreakingItOffMidwayLeavesNothingBehind) {
    host.tls_trouble = "SILENCE";
    auto connecting = network.connect(endpoint("127.0.0.2:25"), std::nullopt, no_deadline);
    auto stream = finish(std::move(connecting), network);
    session = std::make_unique<ClientSession>(shard, *std::move(stream), options, metrics, security);
    auto opening = session->open();
    network.settle();
    ASSERT_FALSE(opening.done());
    session->abort(Fault::shutdown);
    network.settle();
    ASSERT_TRUE(opening.done());
    EXPECT_FALSE(session->loss()->tls);
}

}  // namespace
}  // namespace angarium::outbound::test

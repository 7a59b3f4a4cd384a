#include "bench/client_dialogue.hpp"

#include <gtest/gtest.h>

#include "engine/base/base64.hpp"
#include "engine/sasl/server.hpp"

namespace angarium::bench {
namespace {

using Target = ClientDialogue::Target;
using Fate = Target::Fate;

struct Client {
    explicit Client(bool pipelining = false, bool chunking = false, std::string_view auth = {})
        : domains(100, "example.test"),
          filler(MessageForm::filler_lines(1000)),
          form(RunFacts{1, 2, "a@sender.test", {}}, domains, 1000, filler) {
        options.pipelining = pipelining;
        options.chunking = chunking;
        if (!auth.empty()) options.auth = sasl::Credentials{std::string(auth), "secret"};
        dialogue.emplace(options, domains, errors);
        dialogue->connected();
    }
    // Greets, and offers everything that we know.
    void greet() {
        EXPECT_EQ(answer("220 hello\r\n"), "EHLO bench.angarium.test\r\n");
        EXPECT_EQ(answer("250-hello\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SIZE 100000\r\n"), "");
        EXPECT_TRUE(dialogue->idle());
    }
    std::string begin() {
        targets = {{0, 7, Fate::open}, {1, 8, Fate::open}};
        dialogue->begin(5, form, targets, 0);
        return next();
    }
    std::string next() {
        std::string all;
        for (const auto piece : dialogue->flight()) all += piece;
        return all;
    }
    std::string answer(std::string_view reply) {
        dialogue->feed(reply);
        return next();
    }
    SendOptions options;
    Domains domains;
    Filler filler;
    MessageForm form;
    SendErrors errors;
    std::optional<ClientDialogue> dialogue;
    std::vector<Target> targets;
};

const std::string mail = "MAIL FROM:<a@sender.test> SIZE=1000\r\n";
const std::string rcpt0 = "RCPT TO:<r0@d007.example.test>\r\n", rcpt1 = "RCPT TO:<r1@d008.example.test>\r\n";

TEST(ClientDialogue, SpeaksInLockstep) {
    Client client;
    client.greet();
    EXPECT_EQ(client.begin(), mail);
    EXPECT_EQ(client.answer("250 ok\r\n"), rcpt0);
    EXPECT_EQ(client.answer("250 ok\r\n"), rcpt1);
    EXPECT_EQ(client.answer("250 ok\r\n"), "DATA\r\n");
    const auto content = client.answer("354 go\r\n");
    EXPECT_TRUE(content.starts_with("X-Angarium-Bench: 0000000000000001-0000000005 "));
    EXPECT_TRUE(content.ends_with("\r\n.\r\n"));
    EXPECT_TRUE(client.dialogue->outcome_unknown());
    EXPECT_EQ(client.answer("250 ok\r\n"), "");
    EXPECT_FALSE(client.dialogue->outcome_unknown());
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_FALSE(client.dialogue->ended());
    EXPECT_EQ(client.targets[0].fate, Fate::accepted);
    EXPECT_EQ(client.targets[1].fate, Fate::accepted);
    EXPECT_TRUE(client.dialogue->idle());
    client.dialogue->quit();
    EXPECT_EQ(client.next(), "QUIT\r\n");
    client.answer("221 bye\r\n");
    EXPECT_TRUE(client.dialogue->over());
}

TEST(ClientDialogue, PipelinesTheEnvelope) {
    Client client(true);
    client.greet();
    EXPECT_EQ(client.begin(), mail + rcpt0 + rcpt1 + "DATA\r\n");
    EXPECT_EQ(client.answer("250 ok\r\n250 ok\r\n250"), "");
    EXPECT_TRUE(client.answer(" ok\r\n354 go\r\n").ends_with("\r\n.\r\n"));
    client.answer("250 ok\r\n");
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_EQ(client.targets[1].fate, Fate::accepted);
}

TEST(ClientDialogue, SendsAllInOneFlightWithChunks) {
    Client client(true, true);
    client.greet();
    const auto flight = client.begin();
    EXPECT_TRUE(flight.starts_with(mail + rcpt0 + rcpt1 + "BDAT 1000 LAST\r\nX-Angarium-Bench: "));
    EXPECT_EQ(flight.size(), (mail + rcpt0 + rcpt1 + "BDAT 1000 LAST\r\n").size() + 1000);
    EXPECT_TRUE(client.dialogue->outcome_unknown());
    client.answer("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n");
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_EQ(client.targets[0].fate, Fate::accepted);
    EXPECT_EQ(client.targets[1].fate, Fate::failed);
    ASSERT_EQ(client.errors.all().size(), 1u);
    EXPECT_EQ(client.errors.all()[0].phase, Phase::rcpt);
    EXPECT_EQ(client.errors.all()[0].code, 550u);
    EXPECT_EQ(client.errors.all()[0].example, "550 no");
}

// A refused MAIL decides for everybody; what its followers hear says nothing more.
TEST(ClientDialogue, TakesTheRefusalOfMailForAll) {
    Client client(true);
    client.greet();
    client.begin();
    EXPECT_EQ(client.answer("451 later\r\n503 no\r\n503 no\r\n503 no\r\n"), "");
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_EQ(client.targets[0].fate, Fate::deferred);
    EXPECT_EQ(client.targets[1].fate, Fate::deferred);
    EXPECT_TRUE(client.dialogue->idle());
    ASSERT_EQ(client.errors.all().size(), 1u);
    EXPECT_EQ(client.errors.all()[0].phase, Phase::mail);
    EXPECT_EQ(client.errors.all()[0].count, 1u);
}

TEST(ClientDialogue, ResetsWhenNoRecipientIsLeft) {
    Client client;
    client.greet();
    client.begin();
    client.answer("250 ok\r\n");
    client.answer("550 no\r\n");
    EXPECT_EQ(client.answer("451 later\r\n"), "RSET\r\n");
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_EQ(client.targets[0].fate, Fate::failed);
    EXPECT_EQ(client.targets[1].fate, Fate::deferred);
    EXPECT_FALSE(client.dialogue->idle());
    client.answer("250 ok\r\n");
    ASSERT_TRUE(client.dialogue->idle());
    // The second try is for the deferred one only.
    client.dialogue->begin(5, client.form, client.targets, 0);
    EXPECT_EQ(client.next(), mail);
    EXPECT_EQ(client.answer("250 ok\r\n"), rcpt1);
    EXPECT_EQ(client.targets.size(), 1u);
}

// Pipelined DATA may be taken although no recipient was: then nothing but the end may follow.
TEST(ClientDialogue, SendsNoContentToNobody) {
    Client client(true);
    client.greet();
    client.begin();
    EXPECT_EQ(client.answer("250 ok\r\n550 no\r\n550 no\r\n354 go\r\n"), ".\r\n");
    client.answer("554 nobody\r\n");
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_EQ(client.targets[0].fate, Fate::failed);
    EXPECT_TRUE(client.dialogue->idle());
    EXPECT_EQ(client.errors.refusals(550), 2u);
    EXPECT_EQ(client.errors.refusals(554), 0u);  // only follows from them
}

TEST(ClientDialogue, DefersWhatTheEndOfDataDefers) {
    for (const auto& [reply, fate] :
         {std::pair{"452 full\r\n", Fate::deferred}, {"554 no\r\n", Fate::failed}}) {
        Client client;
        client.greet();
        client.begin();
        for (const char* ok : {"250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}) client.answer(ok);
        EXPECT_EQ(client.answer(reply), "");
        EXPECT_TRUE(client.dialogue->ended());
        EXPECT_EQ(client.targets[0].fate, fate);
        EXPECT_TRUE(client.dialogue->idle());
    }
}

TEST(ClientDialogue, EndsTheConnectionAt421) {
    Client client;
    client.greet();
    client.begin();
    client.answer("250 ok\r\n");
    client.answer("421 closing\r\n");
    EXPECT_TRUE(client.dialogue->ended());
    EXPECT_EQ(client.targets[0].fate, Fate::deferred);
    EXPECT_TRUE(client.dialogue->over());
}

TEST(ClientDialogue, FallsBackToHelo) {
    Client client(true, true);
    client.answer("220 hello\r\n");
    EXPECT_EQ(client.answer("502 what\r\n"), "HELO bench.angarium.test\r\n");
    client.answer("250 ok\r\n");
    EXPECT_EQ(client.begin(), "MAIL FROM:<a@sender.test>\r\n");  // nothing was offered
}

TEST(ClientDialogue, LeavesWhoSpeaksNoSmtp) {
    Client client;
    client.answer("HTTP/1.1 400 Bad Request\r\n");
    EXPECT_TRUE(client.dialogue->over());
    Client refused;
    refused.answer("554 go away\r\n");
    EXPECT_TRUE(refused.dialogue->over());
}

TEST(ClientDialogue, AuthenticatesWithPlain) {
    Client client(false, false, "me");
    client.answer("220 hello\r\n");
    EXPECT_EQ(client.answer("250-hello\r\n250 AUTH CRAM-MD5 LOGIN PLAIN\r\n"),
              "AUTH PLAIN AG1lAHNlY3JldA==\r\n");
    EXPECT_FALSE(client.dialogue->idle());
    EXPECT_EQ(client.answer("235 2.7.0 welcome\r\n"), "");
    EXPECT_TRUE(client.dialogue->idle());
}

TEST(ClientDialogue, AuthenticatesWithLogin) {
    Client client(false, false, "me");
    client.answer("220 hello\r\n");
    EXPECT_EQ(client.answer("250-hello\r\n250 AUTH LOGIN\r\n"), "AUTH LOGIN\r\n");
    EXPECT_EQ(client.answer("334 VXNlcm5hbWU6\r\n"), "bWU=\r\n");
    EXPECT_EQ(client.answer("334 UGFzc3dvcmQ6\r\n"), "c2VjcmV0\r\n");
    EXPECT_EQ(client.answer("235 welcome\r\n"), "");
    EXPECT_TRUE(client.dialogue->idle());
    EXPECT_EQ(client.begin(), "MAIL FROM:<a@sender.test>\r\n");
}

// A server of ours at the other end; the second connection of the session need not hash again.
TEST(ClientDialogue, AuthenticatesWithScram) {
    Client client(false, false, "me");
    const auto verifier = sasl::make_scram_verifier("secret", "salt", sasl::least_iterations);
    for (int connection = 0; connection < 2; ++connection) {
        sasl::Server server(sasl::Mechanism::scram_sha_256);
        client.dialogue->connected();
        client.answer("220 hello\r\n");
        const std::string line = client.answer("250-hello\r\n250 AUTH PLAIN SCRAM-SHA-256\r\n");
        const std::string_view verb = "AUTH SCRAM-SHA-256 ";
        ASSERT_TRUE(line.starts_with(verb));
        auto said = line.substr(verb.size());
        ASSERT_EQ(server.begin(decode_base64(said.substr(0, said.size() - 2))), sasl::Server::Next::verifier);
        auto next = server.use(verifier);
        while (next == sasl::Server::Next::challenge) {
            said = client.answer("334 " + base64(server.challenge()) + "\r\n");
            next = server.take(*decode_base64(said.substr(0, said.size() - 2)));
        }
        EXPECT_EQ(next, sasl::Server::Next::proven);
        EXPECT_FALSE(client.dialogue->idle());
        EXPECT_EQ(client.answer("235 2.7.0 welcome\r\n"), "");
        EXPECT_TRUE(client.dialogue->idle());
    }
}

TEST(ClientDialogue, AuthenticatesWithWhatWasAskedFor) {
    Client client(false, false, "me");
    client.options.mechanism = sasl::Mechanism::login;
    client.answer("220 hello\r\n");
    EXPECT_EQ(client.answer("250-hello\r\n250 AUTH PLAIN LOGIN\r\n"), "AUTH LOGIN\r\n");
    Client other(false, false, "me");
    other.options.mechanism = sasl::Mechanism::scram_sha_256;
    other.answer("220 hello\r\n");
    EXPECT_EQ(other.answer("250-hello\r\n250 AUTH PLAIN LOGIN\r\n"), "");
    EXPECT_NE(other.dialogue->hopeless().find("does not offer AUTH SCRAM-SHA-256"), std::string::npos);
}

// With the credentials refused for good, or nobody asking for them, another connection would do no better.
TEST(ClientDialogue, IsHopelessWithoutAuth) {
    for (const auto& [hello, reply, why] :
         {std::tuple{"250 hello\r\n", "", "does not offer AUTH"},
          {"250-hello\r\n250 AUTH CRAM-MD5\r\n", "", "does not offer AUTH"},
          {"250-hello\r\n250 AUTH PLAIN\r\n", "535 5.7.8 wrong\r\n", "535 5.7.8 wrong"},
          {"250-hello\r\n250 AUTH PLAIN\r\n", "334 more?\r\n", "334 more?"},
          {"250-hello\r\n250 AUTH SCRAM-SHA-256\r\n", "334 more?\r\n", "no base64"},
          {"250-hello\r\n250 AUTH SCRAM-SHA-256\r\n", "235 2.7.0 welcome\r\n", "without proving"}}) {
        Client client(false, false, "me");
        client.answer("220 hello\r\n");
        client.answer(hello);
        client.answer(reply);
        EXPECT_TRUE(client.dialogue->over());
        EXPECT_NE(client.dialogue->hopeless().find(why), std::string::npos) << client.dialogue->hopeless();
    }
    Client later(false, false, "me");
    later.answer("220 hello\r\n");
    later.answer("250-hello\r\n250 AUTH PLAIN\r\n");
    later.answer("454 4.7.0 later\r\n");
    EXPECT_TRUE(later.dialogue->over());
    EXPECT_EQ(later.dialogue->hopeless(), "");
    EXPECT_EQ(later.errors.all().at(0).phase, Phase::auth);
}

TEST(ClientDialogue, DeclaresEightBitContentWhereOffered) {
    Client client;
    const auto file = MailFile::parse("Subject: gr\xc3\xbc\xc3\x9f\x65\n\nx\n", "f");
    const MessageForm form(RunFacts{1, 1, "a@sender.test", {}}, *file);
    client.answer("220 hello\r\n");
    client.answer("250-hello\r\n250 8BITMIME\r\n");
    client.targets = {{0, 7, Fate::open}};
    client.dialogue->begin(5, form, client.targets, 0);
    EXPECT_EQ(client.next(), "MAIL FROM:<a@sender.test> BODY=8BITMIME\r\n");
}

TEST(ClientDialogue, NamesGivenAddresses) {
    Client client;
    client.options.addresses = {"jack@hill.test", "jill@hill.test"};
    client.greet();
    client.begin();
    EXPECT_EQ(client.answer("250 ok\r\n"), "RCPT TO:<jack@hill.test>\r\n");
    EXPECT_EQ(client.answer("250 ok\r\n"), "RCPT TO:<jill@hill.test>\r\n");
}

TEST(ClientDialogue, CountsErrorsByStep) {
    Client client;
    client.greet();
    client.begin();
    client.answer("250 ok\r\n");
    client.answer("451 4.2.0 later\r\n");
    client.answer("250 ok\r\n");
    EXPECT_EQ(client.dialogue->phase(), Phase::data);
    client.answer("354 go\r\n");
    EXPECT_EQ(client.dialogue->phase(), Phase::end_of_data);
    client.answer("451 4.3.0 not now\r\n");
    SendErrors all;
    all.merge(client.errors);
    all.merge(client.errors);
    all.lost(Phase::connect, IoError::refused);
    EXPECT_EQ(all.refusals(451), 4u);
    ASSERT_EQ(all.all().size(), 3u);
    EXPECT_EQ(all.all()[0].phase, Phase::rcpt);
    EXPECT_EQ(all.all()[0].count, 2u);
    EXPECT_EQ(all.all()[1].phase, Phase::end_of_data);
    EXPECT_EQ(all.all()[1].example, "451 4.3.0 not now");
    EXPECT_EQ(all.all()[2].code, 0u);
    EXPECT_EQ(all.all()[2].reason, IoError::refused);
}

// --- STARTTLS ---

struct TlsClient : Client {
    TlsClient() : Client(true, true) { options.tls = TlsMode::starttls; }
};

TEST(ClientDialogue, BeginsAnewAfterStartTls) {
    TlsClient client;
    EXPECT_EQ(client.answer("220 hello\r\n"), "EHLO bench.angarium.test\r\n");
    EXPECT_EQ(client.answer("250-hello\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n"),
              "STARTTLS\r\n");
    EXPECT_FALSE(client.dialogue->wants_tls());
    EXPECT_EQ(client.answer("220 go\r\n"), "");
    EXPECT_TRUE(client.dialogue->wants_tls());
    EXPECT_FALSE(client.dialogue->idle());
    client.dialogue->secured();
    EXPECT_FALSE(client.dialogue->wants_tls());
    EXPECT_EQ(client.next(), "EHLO bench.angarium.test\r\n");
    EXPECT_EQ(client.answer("250-hello\r\n250 SIZE 100000\r\n"), "");
    EXPECT_TRUE(client.dialogue->idle());
    EXPECT_EQ(client.begin(), mail);  // what was offered before is forgotten: no pipelining
    EXPECT_EQ(client.answer("250 ok\r\n"), rcpt0);
    // The next connection begins without TLS.
    client.dialogue->connected();
    client.answer("220 hello\r\n");
    EXPECT_EQ(client.answer("250-hello\r\n250 STARTTLS\r\n"), "STARTTLS\r\n");
}

TEST(ClientDialogue, TakesNothingThatWasInjectedBehindStartTls) {
    for (const auto* injected : {"250 injected\r\n", "2", "\r\n"}) {
        TlsClient client;
        client.answer("220 hello\r\n");
        client.answer("250-hello\r\n250 STARTTLS\r\n");
        EXPECT_EQ(client.answer(std::string("220 go\r\n") + injected), "");
        EXPECT_FALSE(client.dialogue->wants_tls());
        EXPECT_TRUE(client.dialogue->over());
        EXPECT_NE(client.dialogue->hopeless(), "");
    }
}

TEST(ClientDialogue, GoesNowhereWithoutStartTls) {
    for (const auto* reply : {"250 hello\r\n", "250-hello\r\n250 PIPELINING\r\n"}) {
        TlsClient client;
        client.answer("220 hello\r\n");
        client.answer(reply);
        EXPECT_TRUE(client.dialogue->over());
        EXPECT_NE(client.dialogue->hopeless().find("STARTTLS"), std::string::npos);
    }
    TlsClient old;
    old.answer("220 hello\r\n");
    old.answer("502 what\r\n");
    old.answer("250 hello\r\n");
    EXPECT_NE(old.dialogue->hopeless(), "");
    TlsClient refused;
    refused.answer("220 hello\r\n");
    refused.answer("250-hello\r\n250 STARTTLS\r\n");
    refused.answer("554 no\r\n");
    EXPECT_NE(refused.dialogue->hopeless(), "");
    TlsClient later;
    later.answer("220 hello\r\n");
    later.answer("250-hello\r\n250 STARTTLS\r\n");
    later.answer("454 4.7.0 not now\r\n");
    EXPECT_TRUE(later.dialogue->over());
    EXPECT_EQ(later.dialogue->hopeless(), "");
    ASSERT_EQ(later.errors.all().size(), 1u);
    EXPECT_EQ(later.errors.all()[0].phase, Phase::tls);
}

}  // namespace
}  // namespace angarium::bench

#include "bench/server_dialogue.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

using Step = ServerDialogue::Step;

struct Server {
    explicit Server(SinkOptions options_ = {})
        : options(std::move(options_)),
          ledger(1, Domains(options.domains, options.domain_suffix)),
          script(options.script, ledger.domains()),
          random(options.seed),
          context{options, script, ledger, ledger.tally(0), random},
          dialogue(context, *IpAddress::parse("127.0.1.2")) {}
    std::string say(std::string_view input) {
        std::string out;
        step = dialogue.feed(input, out);
        return out;
    }
    Tally& tally() { return ledger.tally(0); }
    SinkOptions options;
    Ledger ledger;
    Script script;
    Random random;
    SinkContext context;
    ServerDialogue dialogue;
    Step step = Step::more;
};

std::string message(std::uint64_t number, unsigned recipients = 1) {
    static const Domains domains(100, "example.test");
    static const Filler filler(MessageForm::filler_lines(1000));
    const MessageForm form(RunFacts{99, recipients, "a@sender.test", {}}, domains, 1000, filler);
    Composer composer(domains);
    composer.compose(form, number, 1, 0);
    return std::string(composer.head()).append(form.plain()).append(composer.tail());
}

TEST(ServerDialogue, SpeaksTheClassicDialogue) {
    Server server;
    std::string greeting;
    server.dialogue.greet(greeting);
    EXPECT_TRUE(greeting.starts_with("220 "));
    EXPECT_TRUE(server.say("HELO town.com\r\n").starts_with("250 "));
    EXPECT_TRUE(server.say("MAIL FROM:<jack@town.com>\r\n").starts_with("250 "));
    EXPECT_TRUE(server.say("RCPT TO:<jill@hill.com>\r\n").starts_with("250 "));
    EXPECT_TRUE(server.say("DATA\r\n").starts_with("354 "));
    EXPECT_EQ(server.say("Subject: x\r\n\r\nhello\r\n"), "");
    EXPECT_TRUE(server.say(".\r\n").starts_with("250 "));
    EXPECT_TRUE(server.say("QUIT\r\n").starts_with("221 "));
    EXPECT_EQ(server.step, Step::close);
    EXPECT_EQ(server.tally().messages.value(), 1u);
    EXPECT_EQ(server.tally().foreign.value(), 1u);
}

TEST(ServerDialogue, CountsCopiesOnce) {
    Server server;
    server.say("EHLO x\r\n");
    const auto send = [&](std::uint64_t number, std::string_view recipients) {
        const auto text = message(number, 2);
        server.say("MAIL FROM:<a@b>\r\n" + std::string(recipients) + "BDAT " + std::to_string(text.size()) +
                   " LAST\r\n" + text);
    };
    send(0, "RCPT TO:<r0@d001.example.test>\r\nRCPT TO:<r1@d002.example.test>\r\n");
    EXPECT_EQ(server.tally().unique.value(), 2u);
    send(1, "RCPT TO:<r0@d001.example.test>\r\n");
    send(1, "RCPT TO:<r1@d001.example.test>\r\n");  // the other recipient: no double
    EXPECT_EQ(server.tally().unique.value(), 4u);
    EXPECT_EQ(server.tally().duplicated.value(), 0u);
    send(1, "RCPT TO:<r1@d001.example.test>\r\n");
    EXPECT_EQ(server.tally().duplicated.value(), 1u);
    EXPECT_EQ(server.tally().damaged.value(), 0u);
    EXPECT_EQ(server.tally().per_domain[1], 4u);
    EXPECT_EQ(server.tally().per_domain[2], 1u);
}

TEST(ServerDialogue, TakesChunksInPieces) {
    Server server;
    const auto text = message(3);
    const std::string wire = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<r0@d001.example.test>\r\nBDAT 100\r\n" +
                             text.substr(0, 100) + "BDAT 0\r\nBDAT " + std::to_string(text.size() - 100) +
                             " LAST\r\n" + text.substr(100) + "NOOP\r\n";
    std::string all;
    for (const char c : wire) all += server.say(std::string_view(&c, 1));
    EXPECT_EQ(server.tally().unique.value(), 1u);
    EXPECT_EQ(server.tally().damaged.value(), 0u);
    EXPECT_TRUE(all.ends_with("250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"));
}

TEST(ServerDialogue, SeesDamage) {
    Server server;
    auto text = message(3);
    text[text.size() - 10] ^= 1;
    server.say("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<r0@d001.example.test>\r\nBDAT " +
               std::to_string(text.size()) + " LAST\r\n" + text);
    EXPECT_EQ(server.tally().damaged.value(), 1u);
}

TEST(ServerDialogue, KeepsOrder) {
    Server server;
    EXPECT_TRUE(server.say("MAIL FROM:<a@b>\r\n").starts_with("503 "));
    server.say("EHLO x\r\n");
    EXPECT_TRUE(server.say("RCPT TO:<a@b>\r\n").starts_with("503 "));
    EXPECT_TRUE(server.say("DATA\r\n").starts_with("503 "));
    server.say("MAIL FROM:<a@b>\r\n");
    EXPECT_TRUE(server.say("MAIL FROM:<a@b>\r\n").starts_with("503 "));
    EXPECT_TRUE(server.say("DATA\r\n").starts_with("554 "));
    EXPECT_TRUE(server.say("BDAT 5 LAST\r\nhello").starts_with("554 "));
    EXPECT_TRUE(server.say("RCPT TO:nonsense\r\n").starts_with("501 "));
    EXPECT_TRUE(server.say("FROB\r\n").starts_with("500 "));
    EXPECT_EQ(server.tally().messages.value(), 0u);
}

// A server with one rule.
SinkOptions scripted(std::string_view rule) {
    SinkOptions options;
    options.script.push_back(Rule::parse(rule).value());
    return options;
}

const std::string greeted = "EHLO x\r\nMAIL FROM:<a@b>\r\n";
const std::string addressed = greeted + "RCPT TO:<r0@d001.example.test>\r\n";

std::string last_reply(const std::string& replies) {
    const auto end = replies.rfind("\r\n", replies.size() - 3);
    return replies.substr(end == std::string::npos ? 0 : end + 2);
}

TEST(ServerDialogue, RefusesAtTheStageOfTheScript) {
    const auto content = message(1) + "\r\n.\r\n";
    Server at_mail(scripted("mail: 450 4.7.1 greylisted"));
    EXPECT_EQ(last_reply(at_mail.say(greeted)), "450 4.7.1 greylisted\r\n");
    EXPECT_TRUE(at_mail.say("RCPT TO:<a@b>\r\n").starts_with("503 "));

    Server at_rcpt(scripted("rcpt d000-d005: 550 5.1.1 nobody"));
    EXPECT_EQ(last_reply(at_rcpt.say(addressed)), "550 5.1.1 nobody\r\n");
    EXPECT_TRUE(at_rcpt.say("RCPT TO:<r0@d006.example.test>\r\n").starts_with("250 "));

    Server at_data(scripted("data d001.example.test: 451"));
    EXPECT_TRUE(last_reply(at_data.say(addressed + "DATA\r\n")).starts_with("451 4.0.0 "));
    EXPECT_TRUE(at_data.say("NOOP\r\n").starts_with("250 "));

    Server at_end(scripted("end-of-data: 552 5.2.2 full"));
    at_end.say(addressed + "DATA\r\n");
    EXPECT_EQ(at_end.say(content), "552 5.2.2 full\r\n");
    EXPECT_EQ(at_end.tally().messages.value(), 0u);
    EXPECT_EQ(at_end.ledger.total(Stage::end_of_data, Deed::rejected), 1u);
    EXPECT_TRUE(at_end.say("MAIL FROM:<a@b>\r\n").starts_with("250 "));

    Server at_hello(scripted("ehlo: 504"));
    EXPECT_TRUE(at_hello.say("EHLO x\r\n").starts_with("504 "));
    EXPECT_TRUE(at_hello.say("MAIL FROM:<a@b>\r\n").starts_with("503 "));
}

TEST(ServerDialogue, RefusedChunksAreReadAndForgotten) {
    Server server(scripted("data: 451 4.3.0 later"));
    EXPECT_EQ(last_reply(server.say(addressed + "BDAT 5\r\nhello")), "451 4.3.0 later\r\n");
    EXPECT_TRUE(server.say("BDAT 5 LAST\r\nhello").starts_with("503 "));
    EXPECT_EQ(server.tally().messages.value(), 0u);
}

TEST(ServerDialogue, TurnsAwayAtTheDoor) {
    std::string out;
    Server closed(scripted("connect 127.0.1.2: 554 5.3.2 closed"));
    EXPECT_EQ(closed.dialogue.greet(out), Step::more);
    EXPECT_EQ(out, "554 5.3.2 closed\r\n");
    EXPECT_TRUE(closed.say("EHLO x\r\n").starts_with("503 "));
    EXPECT_TRUE(closed.say("QUIT\r\n").starts_with("221 "));

    out.clear();
    Server busy(scripted("connect: 421 4.3.2 busy"));
    EXPECT_EQ(busy.dialogue.greet(out), Step::close);
    EXPECT_EQ(out, "421 4.3.2 busy\r\n");

    out.clear();
    Server other(scripted("connect 127.0.1.3: 554"));
    EXPECT_EQ(other.dialogue.greet(out), Step::more);
    EXPECT_TRUE(out.starts_with("220 "));

    out.clear();
    Server mute(scripted("connect: stall"));
    EXPECT_EQ(mute.dialogue.greet(out), Step::stall);
    EXPECT_EQ(out, "");
}

TEST(ServerDialogue, LeavesOrStallsWithoutAWord) {
    for (const auto& [outcome, step] :
         {std::pair{"disconnect", Step::drop}, std::pair{"stall", Step::stall}}) {
        Server at_end(scripted(std::string("end-of-data: ") + outcome));
        at_end.say(addressed + "DATA\r\n");
        EXPECT_EQ(at_end.say(message(1) + "\r\n.\r\n"), "");
        EXPECT_EQ(at_end.step, step);
        EXPECT_EQ(at_end.tally().messages.value(), 0u);
        Server at_chunk(scripted(std::string("data: ") + outcome));
        at_chunk.say(addressed);
        EXPECT_EQ(at_chunk.say("BDAT 5 LAST\r\nhel"), "");
        EXPECT_EQ(at_chunk.step, step);
    }
}

TEST(ServerDialogue, HoldsRepliesBack) {
    Server slow(scripted("end-of-data: delay 5ms tarpit 1ms"));
    slow.say(addressed + "DATA\r\n");
    EXPECT_EQ(slow.say(message(1) + "\r\n.\r\n"), "");
    EXPECT_EQ(slow.step, Step::pause);
    EXPECT_EQ(slow.dialogue.pause().delay, 5ms);
    EXPECT_EQ(slow.dialogue.pause().tarpit, 1ms);
    EXPECT_EQ(slow.tally().messages.value(), 0u);  // counts with its reply
    std::string out;
    EXPECT_EQ(slow.dialogue.resume(out), Step::more);
    EXPECT_TRUE(out.starts_with("250 "));
    EXPECT_EQ(slow.tally().messages.value(), 1u);

    // What is in the same flight waits behind it.
    Server early(scripted("rcpt: delay 1ms 451"));
    early.options.pipelining = true;
    std::string_view input = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nRSET\r\n";
    out.clear();
    EXPECT_EQ(early.dialogue.feed(input, out), Step::pause);
    EXPECT_EQ(last_reply(out), "250 2.1.0 Ok\r\n");
    out.clear();
    EXPECT_EQ(early.dialogue.resume(out), Step::more);
    EXPECT_EQ(early.dialogue.feed(input, out), Step::more);
    EXPECT_TRUE(out.starts_with("451 "));
    EXPECT_TRUE(out.ends_with("\r\n250 2.0.0 Ok\r\n"));
}

TEST(ServerDialogue, DrawsByProbability) {
    Server server(scripted("rcpt: 451 @0.25"));
    server.say(greeted);
    for (int i = 0; i < 4000; ++i) server.say("RCPT TO:<a@b>\r\n");
    EXPECT_NEAR(static_cast<double>(server.ledger.total(Stage::rcpt, Deed::deferred)), 1000, 150);
}

// --- STARTTLS ---

struct TlsServer : Server {
    TlsServer() : Server(with_tls()) { say("EHLO x\r\n"); }
    static SinkOptions with_tls() {
        SinkOptions options;
        options.tls = TlsMode::starttls;
        return options;
    }
};

TEST(ServerDialogue, BeginsAnewAfterStartTls) {
    TlsServer server;
    EXPECT_NE(server.say("EHLO x\r\n").find("STARTTLS"), std::string::npos);
    server.say("MAIL FROM:<a@b>\r\n");
    EXPECT_EQ(server.say("STARTTLS\r\n"), "");
    ASSERT_EQ(server.step, Step::secure);
    std::string out;
    EXPECT_EQ(server.dialogue.begin_tls(true, out), Step::secure);
    EXPECT_TRUE(out.starts_with("220 "));
    server.dialogue.secured();
    EXPECT_TRUE(server.say("MAIL FROM:<a@b>\r\n").starts_with("503 "));  // EHLO is forgotten
    EXPECT_EQ(server.say("EHLO x\r\n").find("STARTTLS"), std::string::npos);
    EXPECT_TRUE(server.say("STARTTLS\r\n").starts_with("554 5.5.1"));
    EXPECT_TRUE(server.say("MAIL FROM:<a@b>\r\n").starts_with("250 "));  // the old one is forgotten, too
}

TEST(ServerDialogue, RefusesWhatWasInjectedBehindStartTls) {
    TlsServer server;
    std::string out;
    std::string_view input = "STARTTLS\r\nMAIL FROM:<injected@b>\r\n";
    EXPECT_EQ(server.dialogue.feed(input, out), Step::secure);
    EXPECT_EQ(input, "MAIL FROM:<injected@b>\r\n");
    EXPECT_EQ(server.dialogue.begin_tls(false, out), Step::close);
    EXPECT_TRUE(out.starts_with("554 5.5.0"));
}

TEST(ServerDialogue, OffersNoTlsUnlessAsked) {
    Server server;
    EXPECT_EQ(server.say("EHLO x\r\n").find("STARTTLS"), std::string::npos);
    EXPECT_TRUE(server.say("STARTTLS\r\n").starts_with("50"));
    TlsServer with_argument;
    EXPECT_TRUE(with_argument.say("STARTTLS now\r\n").starts_with("501 "));
    EXPECT_EQ(with_argument.step, Step::more);
}

}  // namespace
}  // namespace angarium::bench

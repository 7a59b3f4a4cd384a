#include "bench/server_dialogue.hpp"

#include <gtest/gtest.h>

namespace angarium::bench {
namespace {

using Step = ServerDialogue::Step;

struct Server {
    explicit Server(SinkOptions options_ = {})
        : options(std::move(options_)),
          ledger(1, Domains(options.domains, options.domain_suffix)),
          random(options.misbehaviour.seed),
          dialogue(options, ledger, ledger.tally(0), random) {}
    std::string say(std::string_view input) {
        std::string out;
        step = dialogue.feed(input, out);
        return out;
    }
    Tally& tally() { return ledger.tally(0); }
    SinkOptions options;
    Ledger ledger;
    Random random;
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

TEST(ServerDialogue, FollowsTheScript) {
    SinkOptions options;
    options.misbehaviour.defer_data = 1;
    Server deferring(options);
    const std::string mail = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<r0@d001.example.test>\r\n";
    deferring.say(mail + "DATA\r\n");
    EXPECT_TRUE(deferring.say(message(1) + "\r\n.\r\n").starts_with("451 "));
    EXPECT_EQ(deferring.tally().unique.value(), 0u);

    options.misbehaviour = {};
    options.misbehaviour.disconnect = 1;
    Server leaving(options);
    leaving.say(mail + "DATA\r\n");
    EXPECT_EQ(leaving.say(message(1) + "\r\n.\r\n"), "");
    EXPECT_EQ(leaving.step, Step::drop);

    options.misbehaviour = {};
    options.misbehaviour.reject_rcpt = 1;
    Server rejecting(options);
    EXPECT_NE(rejecting.say(mail).find("550 "), std::string::npos);

    options.misbehaviour = {};
    options.misbehaviour.delay = 5ms;
    Server slow(options);
    slow.say(mail + "DATA\r\n");
    EXPECT_EQ(slow.say(message(1) + "\r\n.\r\n"), "");
    EXPECT_EQ(slow.step, Step::pause);
    std::string out;
    EXPECT_TRUE(slow.dialogue.answer(out));
    EXPECT_TRUE(out.starts_with("250 "));
}

}  // namespace
}  // namespace angarium::bench

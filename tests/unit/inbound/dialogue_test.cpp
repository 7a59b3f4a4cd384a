// What each command is answered, and what a hostile peer gets.
#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

using namespace std::string_literals;

// The first nine characters: code and enhanced status.
std::string status(const std::string& reply) { return reply.substr(0, 9); }

TEST(Commands, KeepToTheSequence) {
    Dialogue d;
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b>\r\n")), "503 5.5.1");
    EXPECT_EQ(status(d.say("RCPT TO:<a@b>\r\n")), "503 5.5.1");
    EXPECT_EQ(status(d.say("DATA\r\n")), "503 5.5.1");
    d.codes("EHLO c\r\n");
    EXPECT_EQ(status(d.say("RCPT TO:<a@b>\r\n")), "503 5.5.1");
    EXPECT_EQ(status(d.say("DATA\r\n")), "503 5.5.1");
    d.codes("MAIL FROM:<a@b>\r\n");
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b>\r\n")), "503 5.5.1");
    EXPECT_EQ(status(d.say("DATA\r\n")), "503 5.5.1");
    EXPECT_EQ(d.codes("RSET\r\n"), "250");
    EXPECT_EQ(status(d.say("RCPT TO:<a@b>\r\n")), "503 5.5.1");
    d.codes("MAIL FROM:<a@b>\r\n");
    EXPECT_EQ(d.codes("EHLO c\r\n"), "250");  // as RSET
    EXPECT_EQ(status(d.say("RCPT TO:<a@b>\r\n")), "503 5.5.1");
    EXPECT_EQ(d.codes("HELO c\r\n"), "250");
}

TEST(Commands, AreAnswered) {
    Dialogue d;
    EXPECT_EQ(status(d.say("NOOP\r\n")), "250 2.0.0");
    EXPECT_EQ(status(d.say("HELP\r\n")), "214 2.0.0");
    EXPECT_EQ(d.codes("VRFY jill\r\n"), "252");
    EXPECT_EQ(d.codes("EXPN list\r\n"), "252");
    EXPECT_EQ(status(d.say("STARTTLS\r\n")), "502 5.5.1");
    EXPECT_EQ(status(d.say("AUTH PLAIN AAAA\r\n")), "502 5.5.1");
    EXPECT_EQ(status(d.say("FOO\r\n")), "500 5.5.2");
    EXPECT_EQ(status(d.say("\r\n")), "500 5.5.2");
    EXPECT_EQ(status(d.say("HELO\r\n")), "501 5.5.4");
    EXPECT_EQ(status(d.say("HELO a(b)\r\n")), "501 5.5.4");
    EXPECT_EQ(status(d.say("NOOP\0\r\n"s)), "500 5.5.2");
    EXPECT_EQ(status(d.say("NOOP \xff\r\n")), "500 5.5.2");
    EXPECT_EQ(status(d.say("NOOP " + std::string(5000, 'x') + "\r\n")), "500 5.5.2");
    EXPECT_EQ(d.codes("NOOP\r\n"), "250");
}

TEST(Commands, LinesEndInCrlfOnly) {
    Dialogue d;
    EXPECT_EQ(status(d.say("NOOP\n")), "500 5.5.2");
    EXPECT_EQ(d.codes("\r\n"), "500");  // the rest of that line
    EXPECT_EQ(d.codes("EHLO c\r\n"), "250");
    EXPECT_EQ(d.codes("MAIL FROM:<a@b>\nRCPT TO:<c@d>\r\n"), "500 500");
    EXPECT_EQ(d.codes("RCPT TO:<c@d>\r\n"), "503");  // nothing of it was obeyed
    EXPECT_EQ(d.codes("MAIL FROM:<a@b>\rRCPT TO:<c@d>\r\n"), "500");
    EXPECT_EQ(d.codes("RCPT TO:<c@d>\r\n"), "503");
}

TEST(Commands, InputBehindTheLastOfAGroupClosesTheSession) {
    for (const auto* command : {"EHLO c", "HELO c", "VRFY a", "EXPN a", "NOOP", "DATA", "STARTTLS"}) {
        Dialogue d;
        if (command == "DATA"s) d.ready_for_data();
        EXPECT_EQ(status(d.say(command + "\r\nMAIL FROM:<a@b>\r\n"s)), "554 5.5.0") << command;
        EXPECT_TRUE(d.wire->half_closed);
        EXPECT_EQ(d.say("RSET\r\n"), "");
        EXPECT_EQ(d.intake.declared.size(), 0u);  // checked before the 354
        d.shard.advance(3s);
        EXPECT_TRUE(d.over());
    }
}

TEST(Mail, IsCheckedAgainstTheLimits) {
    Dialogue d(Dialogue::Setup{.limits = {.message_size = 1000}});
    d.codes("EHLO c\r\n");
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b> SIZE=1001\r\n")), "552 5.3.4");
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b> SIZE=99999999999999999999\r\n")), "501 5.5.4");
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b> X=1\r\n")), "555 5.5.4");
    EXPECT_EQ(status(d.say("MAIL FROM:<j\xc3\xbc@b>\r\n")), "553 5.6.7");
    EXPECT_EQ(status(d.say("MAIL FROM:a@b\r\n")), "501 5.1.7");
    EXPECT_EQ(d.codes("MAIL FROM:<a@b> SIZE=1000\r\n"), "250");
    d.codes("RCPT TO:<c@d>\r\n");
    d.codes("DATA\r\n");
    EXPECT_EQ(d.intake.declared, std::vector<std::uint64_t>{1000});
    EXPECT_EQ(d.count(metrics::Count::rejected_size), 1u);
    EXPECT_EQ(d.count(metrics::Count::rejected_syntax), 4u);
    ASSERT_EQ(d.rejections.size(), 5u);
    EXPECT_EQ(d.rejections[0].sender, "a@b");
    EXPECT_EQ(d.rejections[0].code, 552);
    EXPECT_EQ(d.rejections[0].reply, "5.3.4 Message is larger than the limit");
    EXPECT_EQ(d.rejections[0].peer, "192.0.2.7:4711");
    EXPECT_EQ(d.rejections[0].helo, "c");
}

TEST(Mail, TellsWhenTheQueueHasNoRoom) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    d.intake.refuse_mail = queue::Refusal::storage;
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b>\r\n")), "452 4.3.1");
    d.intake.refuse_mail = queue::Refusal::memory;
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b>\r\n")), "452 4.3.1");
    d.intake.refuse_mail.reset();
    EXPECT_EQ(d.codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"), "250 250");
    d.intake.refuse_open = queue::Refusal::memory;
    EXPECT_EQ(status(d.say("DATA\r\n")), "452 4.3.1");
    EXPECT_EQ(d.codes("DATA\r\n"), "503");
    d.intake.refuse_mail = queue::Refusal::journal_failed;
    EXPECT_EQ(status(d.say("MAIL FROM:<a@b>\r\n")), "421 4.3.0");
    EXPECT_TRUE(d.ended());
}

TEST(Mail, KeepsWhatTheExtensionsSay) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    EXPECT_EQ(d.codes("MAIL FROM:<j\xc3\xbc@b> SMTPUTF8 BODY=8BITMIME RET=FULL ENVID=x+2By\r\n"
                      "RCPT TO:<i\xc3\xb1@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@d\r\n"),
              "250 250");
    d.codes("DATA\r\n");
    EXPECT_EQ(d.codes("\xc3\xbc\r\n.\r\n"), "250");
    ASSERT_EQ(d.intake.messages.size(), 1u);
    const auto& message = d.intake.messages[0];
    EXPECT_TRUE(message.envelope.smtputf8);
    EXPECT_EQ(message.envelope.body, smtp::Body::eight_bit_mime);
    EXPECT_EQ(message.envelope.ret, smtp::Ret::full);
    EXPECT_EQ(message.envelope.envelope_id->text(), "x+y");
    EXPECT_EQ(message.envelope.recipients[0].notify, smtp::Notify::success | smtp::Notify::failure);
    EXPECT_EQ(message.envelope.recipients[0].original->text(), "rfc822;o@d");
    EXPECT_EQ(message.trace.protocol, "UTF8SMTP");
    EXPECT_NE(message.body.find("with UTF8SMTP id"), std::string::npos);
}

TEST(Recipient, StrangersMayNotRelay) {
    Dialogue d(Dialogue::Setup{.relay = false});
    d.codes("EHLO c\r\n");
    d.codes("MAIL FROM:<a@b>\r\n");
    for (const auto* address : {"b@destination.test", "b%destination.test@relay.test",
                                "destination.test!b@relay.test", "@relay.test:b@destination.test",
                                "\"b@destination.test\"@relay.test", "b@[127.0.0.1]", "postmaster"})
        EXPECT_EQ(status(d.say("RCPT TO:<"s + address + ">\r\n")), "550 5.7.1") << address;
    EXPECT_EQ(d.codes("DATA\r\n"), "503");
    EXPECT_EQ(d.count(metrics::Count::rejected_relay), 7u);
    ASSERT_EQ(d.rejections.size(), 7u);
    EXPECT_EQ(d.rejections[3].recipient, "b@destination.test");
    EXPECT_EQ(d.rejections[3].sender, "a@b");
}

TEST(Recipient, RelayRulesKnowSenderAndRecipient) {
    RelayRule own;
    own.sender = *smtp::AddressPatterns::make({"town.com"});
    own.recipient = *smtp::AddressPatterns::make({"hill.com", "relay.test"});
    own.action = RelayAction::allow;
    Dialogue d(Dialogue::Setup{
        .relay = false,
        .rules = std::make_shared<const std::vector<RelayRule>>(std::vector<RelayRule>{std::move(own)})});
    d.codes("EHLO c\r\n");
    EXPECT_EQ(d.codes("MAIL FROM:<jack@town.com>\r\nRCPT TO:<jill@hill.com>\r\nRCPT TO:<postmaster>\r\n"
                      "RCPT TO:<jill@pail.com>\r\nRSET\r\n"),
              "250 250 250 550 250");
    EXPECT_EQ(d.codes("MAIL FROM:<jack@crown.com>\r\nRCPT TO:<jill@hill.com>\r\nRSET\r\n"), "250 550 250");
    EXPECT_EQ(d.codes("MAIL FROM:<>\r\nRCPT TO:<jill@hill.com>\r\n"), "250 550");
}

TEST(Recipient, IsTakenAsItIs) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    d.codes("MAIL FROM:<>\r\n");
    EXPECT_EQ(d.codes("RCPT TO:<@a,@b:user%x@D.test>\r\nRCPT TO:<Postmaster>\r\nRCPT TO:<>\r\nRCPT "
                      "TO:<x>\r\nRCPT TO:<j\xc3\xbc@d>\r\n"),
              "250 250 501 501 553");
    d.codes("DATA\r\n");
    EXPECT_EQ(d.codes(".\r\n"), "250");
    const auto& envelope = d.intake.messages.at(0).envelope;
    EXPECT_TRUE(envelope.sender.is_null());
    ASSERT_EQ(envelope.recipients.size(), 2u);
    EXPECT_EQ(envelope.recipients[0].mailbox.text(), "user%x@d.test");
    EXPECT_EQ(envelope.recipients[1].mailbox.text(), "postmaster@relay.test");
    EXPECT_EQ(d.intake.messages[0].body.find("for <"), std::string::npos);  // several recipients stay private
}

TEST(Recipient, AreLimited) {
    Dialogue d(Dialogue::Setup{.limits = {.recipients = 3, .errors = 5}});
    d.codes("EHLO c\r\n");
    d.codes("MAIL FROM:<a@b>\r\n");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(d.codes("RCPT TO:<c@d>\r\n"), "250");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(status(d.say("RCPT TO:<c@d>\r\n")), "452 4.5.3");
    EXPECT_EQ(d.rejections.size(), 1u);  // once a transaction
    d.codes("DATA\r\n");
    EXPECT_EQ(d.codes(".\r\n"), "250");
    EXPECT_EQ(d.intake.messages.at(0).envelope.recipients.size(), 3u);
}

}  // namespace
}  // namespace angarium::inbound

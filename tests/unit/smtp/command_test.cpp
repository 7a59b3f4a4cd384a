// Commands: verbs, arguments, parameters, and the exact reply to everything bad.
#include "engine/smtp/command.hpp"

#include <gtest/gtest.h>

namespace angarium::smtp {
namespace {

using namespace std::string_literals;

// "501 5.5.4", or "ok".
std::string code_of(const CommandError& error) {
    return std::to_string(error.code) + " " + error.enhanced.text();
}
std::string command_code(std::string_view line) {
    const auto command = parse_command(line);
    return command ? "ok" : code_of(command.error());
}
std::string mail_code(std::string_view argument) {
    const auto mail = parse_mail(argument);
    return mail ? "ok" : code_of(mail.error());
}
std::string rcpt_code(std::string_view argument, Utf8 utf8 = Utf8::refused) {
    const auto rcpt = parse_rcpt(argument, utf8);
    return rcpt ? "ok" : code_of(rcpt.error());
}
std::string bdat_code(std::string_view argument) {
    const auto bdat = parse_bdat(argument);
    return bdat ? "ok" : code_of(bdat.error());
}

TEST(Command, KnowsItsVerbs) {
    const std::pair<const char*, Verb> lines[] = {{"HELO town.com", Verb::helo},
                                                  {"ehlo town.com", Verb::ehlo},
                                                  {"Mail From:<a@b>", Verb::mail},
                                                  {"RCPT TO:<a@b>", Verb::rcpt},
                                                  {"DATA", Verb::data},
                                                  {"bdat 5 last", Verb::bdat},
                                                  {"RSET", Verb::rset},
                                                  {"NOOP", Verb::noop},
                                                  {"NOOP anything at all", Verb::noop},
                                                  {"VRFY jill", Verb::vrfy},
                                                  {"EXPN list", Verb::expn},
                                                  {"HELP", Verb::help},
                                                  {"HELP MAIL", Verb::help},
                                                  {"QUIT", Verb::quit},
                                                  {"StartTLS", Verb::starttls},
                                                  {"AUTH PLAIN x", Verb::auth},
                                                  {"QUIT  ", Verb::quit},
                                                  {"", Verb::unknown},
                                                  {" QUIT", Verb::unknown},
                                                  {"QUITX", Verb::unknown},
                                                  {"GET / HTTP/1.1", Verb::unknown},
                                                  {"MAILFROM:<a@b>", Verb::unknown}};
    for (const auto& [line, verb] : lines) {
        const auto command = parse_command(line);
        ASSERT_TRUE(command) << line;
        EXPECT_EQ(command->verb, verb) << line;
    }
}

TEST(Command, HandsOutTheArgument) {
    EXPECT_EQ(parse_command("HELO  town.com ")->argument, "town.com");
    EXPECT_EQ(parse_command("MAIL FROM:<a@b> SIZE=1")->argument, "<a@b> SIZE=1");
    EXPECT_EQ(parse_command("MAIL FROM: <a@b>")->argument, "<a@b>");
    EXPECT_EQ(parse_command("rcpt to:  <a@b>  ")->argument, "<a@b>");
    EXPECT_EQ(parse_command("BDAT 100 LAST")->argument, "100 LAST");
}

TEST(Command, AnswersBadLines) {
    for (const auto* line :
         {"HELO", "EHLO ", "VRFY", "EXPN", "AUTH", "DATA x", "RSET x", "QUIT x", "STARTTLS x", "MAIL",
          "MAIL <a@b>", "MAIL TO:<a@b>", "RCPT", "RCPT FROM:<a@b>", "MAIL FROM"})
        EXPECT_EQ(command_code(line), "501 5.5.4") << line;
    EXPECT_EQ(command_code("NOOP\0"s), "500 5.5.2");
    EXPECT_EQ(command_code("MAIL FROM:<a\0@b>"s), "500 5.5.2");
    EXPECT_EQ(command_code("MAIL FROM:<a@b>\rRCPT TO:<c@d>"), "500 5.5.2");
    EXPECT_EQ(command_code("MAIL FROM:<a@b>\nRCPT TO:<c@d>"), "500 5.5.2");
    EXPECT_EQ(command_code("NOOP\tx"), "500 5.5.2");
    EXPECT_EQ(command_code("HELO m\xc3\xbcnchen.de"), "500 5.5.2");
    EXPECT_EQ(command_code("\xff\xfd"), "500 5.5.2");
    EXPECT_EQ(command_code("MAIL FROM:<m\xc3\xbc@b>"), "ok");
}

TEST(Mail, ReadsAllParameters) {
    const auto mail = parse_mail("<jack@town.com> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1 smtputf8");
    ASSERT_TRUE(mail);
    EXPECT_EQ(mail->sender.text(), "jack@town.com");
    EXPECT_EQ(mail->size, 1000u);
    EXPECT_EQ(mail->body, Body::eight_bit_mime);
    EXPECT_EQ(mail->ret, Ret::headers);
    EXPECT_EQ(mail->envelope_id->text(), "QQ+1");
    EXPECT_TRUE(mail->smtputf8);
    const auto plain = parse_mail("<>  body=7bit   ret=full");
    ASSERT_TRUE(plain);
    EXPECT_TRUE(plain->sender.is_null());
    EXPECT_EQ(plain->body, Body::seven_bit);
    EXPECT_EQ(plain->ret, Ret::full);
    EXPECT_FALSE(plain->size);
    EXPECT_EQ(parse_mail("<@relay:jack@town.com>")->sender.text(), "jack@town.com");
    EXPECT_EQ(parse_mail("<jack@town.com> SIZE=18446744073709551615")->size, ~0ull);
}

// RFC 4954 section 5: whoever says it, we believe nobody.
TEST(Mail, TakesWhoWasAuthenticatedElsewhere) {
    for (const auto* parameters : {"AUTH=<>", "auth=jack+3Dx@town.com", "SIZE=10 AUTH=e+3Dmc2@example.com"})
        EXPECT_EQ(mail_code("<a@b> "s + parameters), "ok") << parameters;
}

TEST(Mail, AnswersBadAddresses) {
    for (const auto* argument :
         {"", "a@b", "<a>", "<a@b", "<a b@c>", "<a@b>SIZE=1", "<a@b>x", "<\"a@b>", "<m\xff@b>"})
        EXPECT_EQ(mail_code(argument), "501 5.1.7") << argument;
    EXPECT_EQ(mail_code("<j\xc3\xbc@b>"), "553 5.6.7");
    EXPECT_EQ(mail_code("<j\xc3\xbc@b> SMTPUTF8"), "ok");
    EXPECT_EQ(mail_code("<postmaster>"), "501 5.1.7");
}

TEST(Mail, AnswersBadParameters) {
    for (const auto* parameters : {"SIZE=",
                                   "SIZE",
                                   "SIZE=-1",
                                   "SIZE=1x",
                                   "SIZE=18446744073709551616",
                                   "SIZE=99999999999999999999999999",
                                   "SIZE=1 SIZE=1",
                                   "BODY=9BIT",
                                   "BODY",
                                   "RET=ALL",
                                   "RET",
                                   "AUTH",
                                   "AUTH=",
                                   "AUTH=a=b",
                                   "AUTH=a+0Db",
                                   "AUTH=<> AUTH=<>",
                                   "ENVID=a=b",
                                   "ENVID=a+0Ab",
                                   "ENVID",
                                   "SMTPUTF8=1",
                                   "SMTPUTF8 SMTPUTF8",
                                   "=1",
                                   "-X=1",
                                   "S,IZE=1"})
        EXPECT_EQ(mail_code("<a@b> "s + parameters), "501 5.5.4") << parameters;
    EXPECT_EQ(mail_code("<a@b> ENVID=" + std::string(100, 'x')), "ok");
    EXPECT_EQ(mail_code("<a@b> ENVID=" + std::string(101, 'x')), "501 5.5.4");
    for (const auto* parameters : {"X", "X=1", "BODY=BINARYMIME", "NOTIFY=NEVER", "BY=120;R"})
        EXPECT_EQ(mail_code("<a@b> "s + parameters), "555 5.5.4") << parameters;
}

TEST(Rcpt, ReadsAllParameters) {
    const auto rcpt =
        parse_rcpt("<jill@HILL.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;j+2B@hill.com", Utf8::refused);
    ASSERT_TRUE(rcpt);
    EXPECT_EQ(rcpt->mailbox->text(), "jill@hill.com");
    EXPECT_EQ(rcpt->notify, Notify::success | Notify::delay);
    EXPECT_EQ(rcpt->original->address(), "j+@hill.com");
    EXPECT_EQ(parse_rcpt("<@a,@b:jill@hill.com>", Utf8::refused)->mailbox->text(), "jill@hill.com");
    EXPECT_EQ(parse_rcpt("<a%b@hill.com>", Utf8::refused)->mailbox->domain(), "hill.com");
    EXPECT_EQ(parse_rcpt("<b!a@hill.com>", Utf8::refused)->mailbox->domain(), "hill.com");
    EXPECT_FALSE(parse_rcpt("<Postmaster>", Utf8::refused)->mailbox);
}

TEST(Rcpt, AnswersWhatIsBad) {
    for (const auto* argument : {"", "<>", "a@b", "<a>", "<a@b>x", "<@a:>", "<j\xff@b>"})
        EXPECT_EQ(rcpt_code(argument), "501 5.1.3") << argument;
    EXPECT_EQ(rcpt_code("<j\xc3\xbc@b>"), "553 5.6.7");
    EXPECT_EQ(rcpt_code("<@\xc3\xbc.de:a@b>"), "553 5.6.7");
    EXPECT_EQ(rcpt_code("<j\xc3\xbc@b>", Utf8::allowed), "ok");
    for (const auto* parameters :
         {"NOTIFY=", "NOTIFY", "NOTIFY=NEVER,DELAY", "ORCPT=a@b", "ORCPT=rfc822;a+0Db",
          "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=rfc822;a ORCPT=rfc822;a"})
        EXPECT_EQ(rcpt_code("<a@b> "s + parameters), "501 5.5.4") << parameters;
    EXPECT_EQ(rcpt_code("<a@b> ORCPT=rfc822;" + std::string(493, 'x')), "ok");
    EXPECT_EQ(rcpt_code("<a@b> ORCPT=rfc822;" + std::string(494, 'x')), "501 5.5.4");
    EXPECT_EQ(rcpt_code("<a@b> SIZE=1"), "555 5.5.4");
}

TEST(Bdat, ReadsTheSize) {
    EXPECT_EQ(parse_bdat("86")->size, 86u);
    EXPECT_FALSE(parse_bdat("86")->last);
    EXPECT_TRUE(parse_bdat("0 last")->last);
    for (const auto* argument :
         {"", "x", "-1", "1 FIRST", "1 LAST LAST", "1,2", "18446744073709551616", "LAST"})
        EXPECT_EQ(bdat_code(argument), "521 5.5.4") << argument;
}

TEST(Helo, AllowsWhatCanStandInReceived) {
    for (const auto* name : {"town.com", "my_host", "[192.0.2.1]", "[IPv6:::1]", "x"})
        EXPECT_TRUE(parse_helo(name)) << name;
    for (const auto* name : {"", "a b", "a(b)", "a;b", "a\r", "<a>"}) EXPECT_FALSE(parse_helo(name)) << name;
    EXPECT_FALSE(parse_helo(std::string(256, 'a')));
    EXPECT_EQ(code_of(parse_helo("a b").error()), "501 5.5.4");
}

TEST(Decimal, FitsSixtyFourBits) {
    EXPECT_EQ(parse_decimal("0"), 0u);
    EXPECT_EQ(parse_decimal("007"), 7u);
    EXPECT_EQ(parse_decimal("18446744073709551615"), ~0ull);
    for (const auto* text : {"", "+1", " 1", "1 ", "18446744073709551616", "99999999999999999999"})
        EXPECT_FALSE(parse_decimal(text)) << text;
}

}  // namespace
}  // namespace angarium::smtp

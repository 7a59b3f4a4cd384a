// AUTH: what is offered when, every answer of the exchange, and what comes of a login.
#include "engine/base/base64.hpp"
#include "engine/sasl/client.hpp"
#include "tests/unit/accounts/samples.hpp"
#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

using namespace std::string_view_literals;

const std::string plain_jack = base64("\0jack\0water"sv), plain_wrong = base64("\0jack\0wine"sv);

std::shared_ptr<const accounts::Accounts> jack_and_jill() {
    auto jill = accounts::new_account("jill", "well");
    jill.from = {"hill.com"};
    static const auto all = accounts::parsed(account_line(accounts::new_account("jack", "water")) + "\n" +
                                             account_line(jill) + "\n");
    return all;
}

Dialogue::Setup with_accounts() {
    Dialogue::Setup setup;
    setup.relay = false;
    setup.accounts = jack_and_jill();
    setup.auth_without_tls = true;
    return setup;
}

// Says a line and lets the password be judged.
std::string log_in(Dialogue& d, std::string_view line) {
    auto answer = d.say(line);
    d.workers.run();
    d.shard.settle();
    return answer + d.take();
}

// One session at a time: they bring their shard.
class Authentication : public ::testing::Test {
  protected:
    Dialogue& begin(const Dialogue::Setup& setup) {
        dialogue_.reset();
        dialogue_ = std::make_unique<Dialogue>(setup);
        return *dialogue_;
    }
    Dialogue& hello(const Dialogue::Setup& setup = with_accounts()) {
        begin(setup).codes("EHLO client.test\r\n");
        return *dialogue_;
    }

  private:
    std::unique_ptr<Dialogue> dialogue_;
};

TEST_F(Authentication, PlainWithAndWithoutInitialResponse) {
    auto& d = hello();
    EXPECT_EQ(log_in(d, "AUTH PLAIN " + plain_jack + "\r\n"), "235 2.7.0 Authentication successful\r\n");
    auto& other = hello();
    EXPECT_EQ(other.say("auth plain\r\n"), "334 \r\n");
    EXPECT_EQ(log_in(other, plain_jack + "\r\n"), "235 2.7.0 Authentication successful\r\n");
    EXPECT_EQ(other.count(metrics::Count::auth_accepted), 1u);
    EXPECT_EQ(other.count(metrics::Count::replies_3xx), 1u);
}

TEST_F(Authentication, Login) {
    auto& d = hello();
    EXPECT_EQ(d.say("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\r\n");
    EXPECT_EQ(d.say(base64("jack") + "\r\n"), "334 UGFzc3dvcmQ6\r\n");
    EXPECT_EQ(log_in(d, base64("water") + "\r\n"), "235 2.7.0 Authentication successful\r\n");
    auto& named = hello();
    EXPECT_EQ(named.say("AUTH LOGIN " + base64("jack") + "\r\n"), "334 UGFzc3dvcmQ6\r\n");
    EXPECT_EQ(log_in(named, base64("wine") + "\r\n"), "535 5.7.8 Authentication credentials invalid\r\n");
}

std::string scram(Dialogue& d, const std::string& name, const std::string& password) {
    sasl::Client client(sasl::Mechanism::scram_sha_256, {name, password});
    auto answer = d.say(client.command());
    while (answer.starts_with("334 ")) {
        const auto response = client.answer(answer.substr(4, answer.size() - 6));
        if (!response) return response.error().text;
        answer = d.say(*response);
    }
    return client.complete() ? answer : "incomplete: " + answer;
}

TEST_F(Authentication, Scram) {
    auto& d = hello();
    EXPECT_EQ(scram(d, "jack", "water"), "235 2.7.0 Authentication successful\r\n");
    EXPECT_TRUE(d.workers.jobs.empty());
    auto& other = hello();
    EXPECT_EQ(scram(other, "jack", "wine"), "incomplete: 535 5.7.8 Authentication credentials invalid\r\n");
    EXPECT_EQ(scram(other, "ghost", "water"), "incomplete: 535 5.7.8 Authentication credentials invalid\r\n");
}

TEST_F(Authentication, IsOfferedWhereItIsOfUse) {
    auto& d = hello();
    EXPECT_NE(d.say("EHLO c\r\n").find("250 AUTH PLAIN LOGIN SCRAM-SHA-256\r\n"), std::string::npos);
    log_in(d, "AUTH PLAIN " + plain_jack + "\r\n");
    EXPECT_EQ(d.say("EHLO c\r\n").find("AUTH"), std::string::npos);
    auto bare = with_accounts();
    bare.auth_without_tls = false;
    auto& insecure = begin(bare);
    EXPECT_EQ(insecure.say("EHLO c\r\n").find("AUTH"), std::string::npos);
    EXPECT_EQ(insecure.say("AUTH PLAIN " + plain_jack + "\r\n"),
              "538 5.7.11 Encryption required, send STARTTLS first\r\n");
    EXPECT_TRUE(insecure.workers.jobs.empty());
    auto& none = begin({});
    EXPECT_EQ(none.say("EHLO c\r\n").find("AUTH"), std::string::npos);
    EXPECT_EQ(none.say("AUTH PLAIN " + plain_jack + "\r\n"), "502 5.5.1 Command not implemented\r\n");
    auto without_scram = accounts::new_account("joe", "x");
    without_scram.scram = false;
    auto setup = with_accounts();
    setup.accounts = accounts::parsed(account_line(without_scram));
    auto& plain = begin(setup);
    const auto offer = plain.say("EHLO c\r\n");
    EXPECT_NE(offer.find("AUTH PLAIN LOGIN\r\n"), std::string::npos);
    EXPECT_EQ(plain.say("AUTH SCRAM-SHA-256\r\n"), "504 5.5.4 Authentication mechanism not offered\r\n");
}

TEST_F(Authentication, HasItsPlaceInTheDialogue) {
    auto& fresh = begin(with_accounts());
    EXPECT_EQ(fresh.say("AUTH PLAIN " + plain_jack + "\r\n"), "503 5.5.1 Send EHLO first\r\n");
    fresh.codes("HELO client.test\r\n");
    EXPECT_EQ(fresh.say("AUTH PLAIN " + plain_jack + "\r\n"), "503 5.5.1 Send EHLO first\r\n");
    auto& d = hello();
    EXPECT_EQ(d.codes("MAIL FROM:<a@b.c>\r\n"), "250");
    EXPECT_EQ(d.say("AUTH PLAIN " + plain_jack + "\r\n"),
              "503 5.5.1 AUTH is not allowed within a transaction\r\n");
    EXPECT_EQ(d.codes("RSET\r\n"), "250");
    EXPECT_EQ(d.say("AUTH\r\n"), "501 5.5.4 This command needs an argument\r\n");
    EXPECT_EQ(d.say("AUTH CRAM-MD5\r\n"), "504 5.5.4 Authentication mechanism not offered\r\n");
    EXPECT_EQ(d.say("AUTH SCRAM-SHA-256-PLUS\r\n"), "504 5.5.4 Authentication mechanism not offered\r\n");
    EXPECT_EQ(log_in(d, "AUTH PLAIN " + plain_jack + "\r\n"), "235 2.7.0 Authentication successful\r\n");
    EXPECT_EQ(d.say("AUTH PLAIN " + plain_jack + "\r\n"), "503 5.5.1 Already authenticated\r\n");
    EXPECT_EQ(d.codes("RSET\r\n"), "250");
    EXPECT_EQ(d.codes("EHLO again.test\r\n"), "250");
    EXPECT_EQ(d.say("AUTH PLAIN " + plain_jack + "\r\n"), "503 5.5.1 Already authenticated\r\n");
}

TEST_F(Authentication, ExchangesThatComeToNothing) {
    auto& d = hello();
    const auto after = [&](std::string_view command, std::string_view response) {
        EXPECT_EQ(d.codes(std::string(command) + "\r\n"), "334");
        const auto answer = d.say(std::string(response) + "\r\n");
        EXPECT_EQ(d.codes("NOOP\r\n"), "250");  // the session goes on
        return answer;
    };
    EXPECT_EQ(after("AUTH PLAIN", "*"), "501 5.7.0 Authentication aborted\r\n");
    EXPECT_EQ(after("AUTH LOGIN", "*"), "501 5.7.0 Authentication aborted\r\n");
    EXPECT_EQ(after("AUTH SCRAM-SHA-256", "*"), "501 5.7.0 Authentication aborted\r\n");
    for (const auto bad : {"=", "!", "A", "AA=", "AAAA AAAA", "**", " *", "\x01", "\xff\xff\xff\xff"})
        EXPECT_EQ(after("AUTH PLAIN", bad), "501 5.5.2 Cannot decode base64\r\n") << bad;
    for (const auto message : {""sv, "jack"sv, "\0jack"sv, "\0ja\rck\0water"sv, "\0jack\0wa\nter"sv,
                               "\0jack\0wa\0ter"sv, "\0j\xff\0w"sv, "jill\0jack\0water"sv})
        EXPECT_EQ(after("AUTH PLAIN", base64(message)), "501 5.5.2 Malformed authentication message\r\n")
            << message;
    EXPECT_EQ(after("AUTH LOGIN", base64("ja\0ck"sv)), "501 5.5.2 Malformed authentication message\r\n");
    EXPECT_EQ(after("AUTH SCRAM-SHA-256", base64("p=tls-unique,,n=jack,r=abc")),
              "501 5.5.2 Malformed authentication message\r\n");
    EXPECT_EQ(after("AUTH LOGIN", std::string(3000, 'A')), "500 5.5.6 Authentication line too long\r\n");
    EXPECT_EQ(d.say("AUTH PLAIN " + std::string(3000, 'A') + "\r\n"), "500 5.5.2 Line too long\r\n");
    EXPECT_EQ(d.say("AUTH PLAIN =\r\n"),
              "501 5.5.2 Malformed authentication message\r\n");  // empty, not absent
    EXPECT_EQ(d.say("AUTH PLAIN x\r\n"), "501 5.5.2 Cannot decode base64\r\n");
    EXPECT_EQ(d.say("AUTH PLAIN \x01\r\n"), "500 5.5.2 Control characters are not allowed in commands\r\n");
    EXPECT_TRUE(d.workers.jobs.empty());
    EXPECT_EQ(d.count(metrics::Count::auth_broken_off), 25u);
    EXPECT_EQ(d.count(metrics::Count::auth_wrong), 0u);
}

TEST_F(Authentication, ABareLineFeedIsNoLineEnd) {
    auto& d = hello();
    EXPECT_EQ(d.codes("AUTH PLAIN\r\n"), "334");
    EXPECT_EQ(d.say(plain_jack + "\n"), "500 5.5.2 Lines must end in CRLF\r\n");
    EXPECT_TRUE(d.workers.jobs.empty());
}

TEST_F(Authentication, TheLongestNameAndPasswordFit) {
    const auto long_one = accounts::new_account(std::string(255, 'n'), std::string(1000, 'p'));
    auto setup = with_accounts();
    setup.accounts = accounts::parsed(account_line(long_one));
    auto& longest = hello(setup);
    const auto message = base64(long_one.name + '\0' + long_one.name + '\0' + long_one.password);
    EXPECT_EQ(log_in(longest, "AUTH PLAIN " + message + "\r\n"), "235 2.7.0 Authentication successful\r\n");
}

TEST_F(Authentication, NothingMayFollowUnasked) {
    auto& d = hello();
    EXPECT_EQ(d.codes("AUTH PLAIN " + plain_jack + "\r\nMAIL FROM:<a@b.c>\r\n"), "554");
    EXPECT_TRUE(d.ended());
    for (const auto& rest : {std::string("\r\n"), plain_jack + "\r\n"}) {
        auto& second = hello();
        EXPECT_EQ(second.codes("AUTH LOGIN\r\n"), "334");
        EXPECT_EQ(second.say(base64("jack") + "\r\n" + rest),
                  "554 5.5.0 Input before the reply to this command\r\n");
        EXPECT_TRUE(second.ended());
        EXPECT_TRUE(second.workers.jobs.empty());
    }
    auto& whole = hello();
    EXPECT_EQ(whole.codes("AUTH LOGIN\r\n" + base64("jack") + "\r\n" + base64("water") + "\r\n"), "554");
}

// However the client's bytes are cut into segments.
TEST_F(Authentication, TheExchangeComesInAnyPieces) {
    for (const auto step : {1u, 2u, 3u, 7u}) {
        auto& d = hello();
        std::string answer;
        for (const auto& line :
             {std::string("AUTH LOGIN\r\n"), base64("jack") + "\r\n", base64("water") + "\r\n"})
            for (std::string_view rest = line; !rest.empty();
                 rest.remove_prefix(std::min<std::size_t>(step, rest.size())))
                answer += log_in(d, rest.substr(0, step));
        EXPECT_EQ(Dialogue::codes_of(answer), "334 334 235") << step;
    }
}

// What comes while the password is being hashed is input before the reply too, but it can only be seen afterwards.
TEST_F(Authentication, TheSessionWaitsForTheJudgement) {
    auto& d = hello();
    EXPECT_EQ(d.say("AUTH PLAIN " + plain_jack + "\r\n"), "");
    EXPECT_EQ(d.workers.jobs.size(), 1u);
    EXPECT_EQ(d.say("NOOP\r\n"), "");
    d.workers.run();
    d.shard.settle();
    EXPECT_EQ(Dialogue::codes_of(d.take()), "235 250");
}

TEST_F(Authentication, AClientThatLeavesMeanwhileIsNoTrouble) {
    auto& d = hello();
    EXPECT_EQ(d.say("AUTH PLAIN " + plain_jack + "\r\n"), "");
    d.wire->close();
    d.shard.settle();
    d.workers.run();
    d.shard.settle();
    auto& torn = hello();
    torn.say("AUTH PLAIN " + plain_wrong + "\r\n");
    torn.session().abort();
    torn.shard.settle();
    EXPECT_FALSE(torn.over());
    torn.workers.run();
    torn.shard.settle();
    EXPECT_TRUE(torn.over());
}

TEST_F(Authentication, DrainingWaitsForNoResponse) {
    auto& d = hello();
    EXPECT_EQ(d.codes("AUTH LOGIN\r\n"), "334");
    d.session().drain();
    d.shard.settle();
    EXPECT_EQ(d.codes(base64("jack") + "\r\n"), "421");
    EXPECT_TRUE(d.ended());
}

TEST_F(Authentication, AResponseHasItsTime) {
    auto& d = hello();
    EXPECT_EQ(d.codes("AUTH LOGIN\r\n"), "334");
    d.shard.advance(301s);
    EXPECT_EQ(d.take(), "421 4.4.2 Timeout\r\n");
    EXPECT_TRUE(d.ended());
}

TEST_F(Authentication, ThreeFailuresEndTheConnection) {
    auto& d = hello();
    const std::string wrong = "535 5.7.8 Authentication credentials invalid\r\n";
    EXPECT_EQ(log_in(d, "AUTH PLAIN " + plain_wrong + "\r\n"), wrong);
    EXPECT_EQ(log_in(d, "AUTH PLAIN " + base64("\0ghost\0water"sv) + "\r\n"), wrong);
    EXPECT_EQ(log_in(d, "AUTH PLAIN " + plain_wrong + "\r\n"),
              wrong + "421 4.7.0 Too many failed logins\r\n");
    EXPECT_TRUE(d.ended());
    EXPECT_EQ(d.count(metrics::Count::auth_wrong), 3u);
    ASSERT_EQ(d.rejections.size(), 3u);
    EXPECT_EQ(d.rejections[0].code, 535);
    EXPECT_EQ(d.rejections[0].identity, "jack");
    EXPECT_EQ(d.rejections[1].identity, "ghost");
    EXPECT_EQ(d.rejections[0].reply, "5.7.8 Authentication credentials invalid");
}

TEST_F(Authentication, AnAddressThatGuessesIsNotHeard) {
    auto setup = with_accounts();
    setup.logins.attempts = {2, 30s};
    auto& guessing = hello(setup);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(Dialogue::codes_of(log_in(guessing, "AUTH PLAIN " + plain_wrong + "\r\n")), "535");
    EXPECT_EQ(log_in(guessing, "AUTH PLAIN " + plain_jack + "\r\n"),
              "454 4.7.0 Too many failed logins, try again later\r\n421 4.7.0 Too many failed logins\r\n");
    EXPECT_EQ(guessing.count(metrics::Count::auth_blocked), 1u);
    auto& by_scram = hello(setup);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(Dialogue::codes_of(log_in(by_scram, "AUTH PLAIN " + plain_wrong + "\r\n")), "535");
    // Incomplete: no signature of ours has told that the proof is right.
    EXPECT_EQ(scram(by_scram, "jack", "water"),
              "incomplete: 454 4.7.0 Too many failed logins, try again later\r\n"
              "421 4.7.0 Too many failed logins\r\n");
}

// Many exchanges may be open when the first of them fails: the others learn nothing about their proofs.
TEST_F(Authentication, AProofIsNotReadOnceTheLimitIsUsedUp) {
    auto setup = with_accounts();
    setup.logins.attempts = {1, 30s};
    auto& d = hello(setup);
    sasl::Client client(sasl::Mechanism::scram_sha_256, {"jack", "water"});
    const auto challenge = d.say(client.command());
    ASSERT_TRUE(challenge.starts_with("334 "));
    const accounts::LoginOrigin here{*IpAddress::parse("192.0.2.7"), false};
    EXPECT_EQ(d.logins().proven(*setup.accounts, "jack", false, here), accounts::LoginResult::wrong);
    EXPECT_EQ(d.say(client.answer(challenge.substr(4, challenge.size() - 6)).value()),
              "454 4.7.0 Too many failed logins, try again later\r\n");
    EXPECT_EQ(d.count(metrics::Count::auth_blocked), 1u);
    EXPECT_EQ(d.codes("NOOP\r\n"), "250");
}

TEST_F(Authentication, TooManyAtOnceAreAskedToComeLater) {
    auto setup = with_accounts();
    setup.logins.under_way = 0;
    auto& crowded = hello(setup);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(log_in(crowded, "AUTH PLAIN " + plain_jack + "\r\n"),
                  "454 4.7.0 Too many logins at once, try again later\r\n");
    EXPECT_EQ(crowded.count(metrics::Count::auth_busy), 5u);
    EXPECT_EQ(scram(crowded, "jack", "water"), "235 2.7.0 Authentication successful\r\n");
}

TEST_F(Authentication, OpensTheRelayAndIsInTheTrace) {
    auto& d = hello();
    EXPECT_EQ(d.codes("MAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nRSET\r\n"), "250 550 250");
    log_in(d, "AUTH PLAIN " + plain_jack + "\r\n");
    EXPECT_EQ(d.codes("MAIL FROM:<a@b.c> AUTH=a+3Db@c.d\r\nRCPT TO:<x@y.z>\r\nDATA\r\n"), "250 250 354");
    EXPECT_EQ(d.codes("text\r\n.\r\n"), "250");
    ASSERT_EQ(d.intake.messages.size(), 1u);
    EXPECT_EQ(d.intake.messages[0].trace.identity, "jack");
    EXPECT_EQ(d.intake.messages[0].trace.protocol, "ESMTPA");
    EXPECT_NE(d.intake.messages[0].body.find(" with ESMTPA id "), std::string::npos);
    EXPECT_EQ(d.intake.messages[0].body.find("jack"), std::string::npos);  // half of a secret
}

TEST_F(Authentication, AnAccountKeepsToItsSenders) {
    auto& d = hello();
    log_in(d, "AUTH PLAIN " + base64("\0jill\0well"sv) + "\r\n");
    EXPECT_EQ(d.codes("MAIL FROM:<jack@town.com>\r\n"), "553");
    EXPECT_EQ(d.rejections.at(0).identity, "jill");
    EXPECT_EQ(d.codes("MAIL FROM:<jill@hill.com>\r\nRCPT TO:<x@y.z>\r\n"), "250 250");
}

TEST_F(Authentication, MayBeRequired) {
    auto setup = with_accounts();
    setup.relay = true;
    setup.require_auth = true;
    auto& strict = hello(setup);
    EXPECT_EQ(strict.say("MAIL FROM:<a@b.c>\r\n"), "530 5.7.0 Authentication required\r\n");
    log_in(strict, "AUTH PLAIN " + plain_jack + "\r\n");
    EXPECT_EQ(strict.codes("MAIL FROM:<a@b.c>\r\n"), "250");
}

}  // namespace
}  // namespace angarium::inbound

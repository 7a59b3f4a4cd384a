// The verdict table, cell by cell.
#include "engine/outbound/verdict.hpp"

#include <gtest/gtest.h>

namespace angarium::outbound {
namespace {

using queue::Verdict;
using smtp::Reply;

Reply reply(std::uint16_t code, std::string text = "text", smtp::EnhancedStatus enhanced = {}) {
    return Reply(code, enhanced, std::move(text));
}

struct Cell {
    Stage stage;
    std::uint16_t code;
    Concern concern;
    Verdict verdict;
    bool closes, elsewhere;
};

class Table : public testing::TestWithParam<Cell> {};

TEST_P(Table, SaysWhatAReplyMeans) {
    const Cell cell = GetParam();
    const Judgement judgement = judge(cell.stage, reply(cell.code));
    EXPECT_EQ(judgement.concern, cell.concern);
    EXPECT_EQ(judgement.verdict, cell.verdict);
    EXPECT_EQ(judgement.closes, cell.closes);
    EXPECT_EQ(judgement.elsewhere, cell.elsewhere);
    EXPECT_EQ(judgement.reason.code, cell.code);
    EXPECT_EQ(judgement.reason.status.status_class, cell.verdict == Verdict::failed ? 5 : 4);
}

INSTANTIATE_TEST_SUITE_P(
    Replies, Table,
    testing::Values(Cell{Stage::banner, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::banner, 450, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::banner, 554, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::hello, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::hello, 450, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::hello, 550, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::rset, 450, Concern::delivery, Verdict::deferred, true, false},
                    Cell{Stage::starttls, 454, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::starttls, 521, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::mail, 530, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::rcpt, 530, Concern::recipient, Verdict::failed, false, false},
                    Cell{Stage::mail, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::mail, 451, Concern::delivery, Verdict::deferred, false, true},
                    Cell{Stage::mail, 550, Concern::delivery, Verdict::failed, false, false},
                    Cell{Stage::rcpt, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::rcpt, 450, Concern::recipient, Verdict::deferred, false, true},
                    Cell{Stage::rcpt, 550, Concern::recipient, Verdict::failed, false, false},
                    Cell{Stage::data, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::data, 451, Concern::delivery, Verdict::deferred, false, true},
                    Cell{Stage::data, 554, Concern::delivery, Verdict::failed, false, false},
                    Cell{Stage::body, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::body, 452, Concern::delivery, Verdict::deferred, false, true},
                    Cell{Stage::body, 552, Concern::delivery, Verdict::failed, false, false},
                    Cell{Stage::end_of_data, 421, Concern::exchanger, Verdict::deferred, true, true},
                    Cell{Stage::end_of_data, 451, Concern::delivery, Verdict::deferred, false, true},
                    Cell{Stage::end_of_data, 554, Concern::delivery, Verdict::failed, false, false}));

TEST(Verdict, SilenceBeforeTheEndOfDataConcernsTheExchanger) {
    for (const Stage stage : {Stage::connect, Stage::banner, Stage::hello, Stage::rset, Stage::mail,
                              Stage::rcpt, Stage::data, Stage::body}) {
        for (const Fault fault : {Fault::timed_out, Fault::disconnected, Fault::garbage, Fault::failed}) {
            const Judgement judgement = judge(stage, fault);
            EXPECT_EQ(judgement.concern, Concern::exchanger) << to_string(stage);
            EXPECT_EQ(judgement.verdict, Verdict::deferred);
            EXPECT_TRUE(judgement.closes);
            EXPECT_TRUE(judgement.elsewhere);
            EXPECT_EQ(judgement.reason.code, 0);
            EXPECT_EQ(judgement.reason.status.status_class, 4);
            EXPECT_FALSE(judgement.reason.text.empty());
        }
    }
}

TEST(Verdict, SilenceAfterTheEndOfDataIsUnknown) {
    for (const Fault fault : {Fault::timed_out, Fault::disconnected, Fault::garbage, Fault::shutdown}) {
        const Judgement judgement = judge(Stage::end_of_data, fault);
        EXPECT_EQ(judgement.concern, Concern::delivery);
        EXPECT_EQ(judgement.verdict, Verdict::deferred);
        EXPECT_FALSE(judgement.elsewhere) << "the first exchanger may have it";
    }
    EXPECT_NE(judge(Stage::end_of_data, Fault::timed_out).reason.text.find("twice"), std::string::npos);
}

TEST(Verdict, OurOwnTroubleIsNotThePeersFault) {
    EXPECT_TRUE(judge(Stage::connect, Fault::no_descriptors).ours);
    EXPECT_TRUE(judge(Stage::mail, Fault::shutdown).ours);
    EXPECT_FALSE(judge(Stage::mail, Fault::timed_out).ours);
    EXPECT_TRUE(judge(Stage::mail, Fault::timed_out).silent);
}

TEST(Verdict, WhatIsOfTls) {
    for (const Fault fault : {Fault::timed_out, Fault::disconnected, Fault::garbage, Fault::failed}) {
        EXPECT_TRUE(judge(Stage::starttls, fault).tls);
        EXPECT_TRUE(judge(Stage::handshake, fault).tls);
        EXPECT_FALSE(judge(Stage::connect, fault).tls);
        EXPECT_FALSE(judge(Stage::banner, fault).tls);
        EXPECT_FALSE(judge(Stage::mail, fault).tls);
    }
    EXPECT_TRUE(judge(Stage::starttls, reply(454)).tls);
    EXPECT_TRUE(judge(Stage::starttls, reply(556)).tls);
    EXPECT_FALSE(judge(Stage::starttls, reply(556)).never);
    EXPECT_FALSE(judge(Stage::starttls, reply(421)).tls);
    EXPECT_FALSE(judge(Stage::handshake, Fault::shutdown).tls);
    EXPECT_FALSE(judge(Stage::handshake, Fault::no_descriptors).tls);
    for (const auto trouble : {TlsTrouble::not_offered, TlsTrouble::handshake, TlsTrouble::certificate})
        EXPECT_TRUE(judge(trouble, "mx.test", "why").tls);
    EXPECT_FALSE(judge(TlsTrouble::injected, "mx.test").tls);
    EXPECT_TRUE(is_good(Stage::starttls, reply(220)));
    EXPECT_TRUE(is_misplaced(Stage::starttls, reply(250)));
}

TEST(Verdict, AHostThatNeverTakesMail) {
    EXPECT_TRUE(judge(Stage::banner, reply(521)).never);
    EXPECT_TRUE(judge(Stage::hello, reply(556)).never);
    EXPECT_FALSE(judge(Stage::banner, reply(554)).never);
    EXPECT_FALSE(judge(Stage::mail, reply(521)).never);
    const Judgement all = as_permanent(judge(Stage::banner, reply(521)));
    EXPECT_EQ(all.verdict, Verdict::failed);
    EXPECT_EQ(all.reason.status.status_class, 5);
    EXPECT_EQ(all.concern, Concern::destination);
}

TEST(Verdict, TooManyRecipientsIsTemporary) {
    const Reply old = reply(552, "too many", {5, 5, 3});
    EXPECT_TRUE(is_too_many_recipients(old));
    EXPECT_EQ(judge(Stage::rcpt, old).verdict, Verdict::deferred);
    EXPECT_EQ(judge(Stage::rcpt, old).reason.status.text(), "4.5.3");
    EXPECT_TRUE(is_too_many_recipients(reply(452, "too many", {4, 5, 3})));
    EXPECT_FALSE(is_too_many_recipients(reply(552, "mailbox full", {5, 2, 2})));
    EXPECT_EQ(judge(Stage::rcpt, reply(552, "mailbox full", {5, 2, 2})).verdict, Verdict::failed);
}

TEST(Verdict, GoodAndMisplacedReplies) {
    EXPECT_TRUE(is_good(Stage::mail, reply(250)));
    EXPECT_TRUE(is_good(Stage::rcpt, reply(251)));
    EXPECT_TRUE(is_good(Stage::data, reply(354)));
    EXPECT_FALSE(is_good(Stage::data, reply(250)));
    EXPECT_TRUE(is_misplaced(Stage::data, reply(250)));
    EXPECT_TRUE(is_misplaced(Stage::mail, reply(354)));
    EXPECT_TRUE(is_misplaced(Stage::mail, reply(150)));
    EXPECT_TRUE(is_misplaced(Stage::mail, reply(650)));
    EXPECT_FALSE(is_misplaced(Stage::mail, reply(450)));
    EXPECT_FALSE(is_misplaced(Stage::mail, reply(599)));
}

TEST(Verdict, ReasonsKeepStatusAndTextOnOneLine) {
    const auto reason = reason_of(reply(550, "no such user\nreally", {5, 1, 1}));
    EXPECT_EQ(reason.status.text(), "5.1.1");
    EXPECT_EQ(reason.text, "no such user / really");
    EXPECT_EQ(reason_of(reply(550)).status.text(), "5.0.0");
    EXPECT_EQ(reason_of(reply(450, "x", {5, 1, 1})).status.text(), "4.1.1") << "the code counts";
    std::string long_text;
    for (int i = 0; i < 400; ++i) long_text += "\xC3\xA9";
    const auto cut = reason_of(reply(550, long_text));
    EXPECT_EQ(cut.text.size(), 512u);
    EXPECT_EQ(reason_of(reply(550, "a" + long_text)).text.size(), 511u) << "never half a character";
}

TEST(Verdict, Obstacles) {
    EXPECT_EQ(judge(Obstacle::too_big, 1000).reason.status.text(), "5.3.4");
    EXPECT_EQ(judge(Obstacle::needs_smtputf8).reason.status.text(), "5.6.7");
    EXPECT_EQ(judge(Obstacle::needs_8bitmime).reason.status.text(), "5.6.3");
    EXPECT_EQ(judge(Obstacle::too_big, 1000).verdict, Verdict::failed);
    EXPECT_EQ(judge(Obstacle::body_unreadable).verdict, Verdict::deferred);
    EXPECT_TRUE(judge(Obstacle::body_unreadable).ours);
}

TEST(Verdict, Names) {
    const dns::Trouble null_mx{5, 1, 10, "null MX"}, servfail{4, 4, 3, "no answer"};
    EXPECT_EQ(judge(null_mx).verdict, Verdict::failed);
    EXPECT_EQ(judge(null_mx).reason.status.text(), "5.1.10");
    EXPECT_EQ(judge(servfail).verdict, Verdict::deferred);
    EXPECT_EQ(judge(servfail).concern, Concern::destination);
    EXPECT_EQ(judge_route(null_mx).verdict, Verdict::deferred) << "a route's names never bounce mail";
}

}  // namespace
}  // namespace angarium::outbound

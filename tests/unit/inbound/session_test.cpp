// The life of a session: banner, flights, timeouts, slow clients, shutting down, the end.
#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

TEST(Session, ClassicDialogue) {
    Dialogue d;
    EXPECT_EQ(d.banner, "220 relay.test ESMTP angarium\r\n");
    EXPECT_EQ(d.say("HELO town.com\r\n"), "250 relay.test\r\n");
    EXPECT_EQ(d.say("MAIL FROM:<jack@town.com>\r\n"), "250 2.1.0 OK\r\n");
    EXPECT_EQ(d.say("RCPT TO:<jill@hill.com>\r\n"), "250 2.1.5 OK\r\n");
    EXPECT_EQ(d.say("DATA\r\n"), "354 End data with <CR><LF>.<CR><LF>\r\n");
    EXPECT_EQ(d.say("Subject: hill\r\n\r\n..water\r\n"), "");
    const auto queued = d.say(".\r\n");
    ASSERT_EQ(d.intake.messages.size(), 1u);
    const auto& message = d.intake.messages[0];
    EXPECT_EQ(queued, "250 2.0.0 queued as " + message.id.text() + "\r\n");
    EXPECT_EQ(message.envelope.sender.text(), "jack@town.com");
    ASSERT_EQ(message.envelope.recipients.size(), 1u);
    EXPECT_EQ(message.envelope.recipients[0].mailbox.text(), "jill@hill.com");
    EXPECT_EQ(message.body, "Received: from town.com ([192.0.2.7])\r\n\tby relay.test with SMTP id " +
                                message.id.text() +
                                "\r\n\tfor <jill@hill.com>;\r\n\tTue, 24 Nov 2026 00:00:00 +0000\r\nSubject: "
                                "hill\r\n\r\n.water\r\n");
    EXPECT_EQ(message.trace.peer, "192.0.2.7:4711");
    EXPECT_EQ(message.trace.helo, "town.com");
    EXPECT_EQ(message.trace.protocol, "SMTP");
    EXPECT_EQ(d.say("QUIT\r\n"), "221 2.0.0 Bye\r\n");
    EXPECT_TRUE(d.wire->half_closed);
    EXPECT_FALSE(d.over());  // the client may still be reading
    d.wire->close();
    d.shard.settle();
    EXPECT_TRUE(d.over());
    EXPECT_TRUE(d.wire->aborted == std::nullopt);
    EXPECT_EQ(d.count(metrics::Count::messages_received), 1u);
    EXPECT_EQ(d.count(metrics::Count::recipients_received), 1u);
    EXPECT_EQ(d.count(metrics::Count::sessions_lost), 0u);
    EXPECT_EQ(d.count(metrics::Count::replies_2xx), 6u);
    EXPECT_EQ(d.count(metrics::Count::replies_3xx), 1u);
}

TEST(Session, OffersItsExtensions) {
    Dialogue d;
    EXPECT_EQ(
        d.say("EHLO client.test\r\n"),
        "250-relay.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n"
        "250-ENHANCEDSTATUSCODES\r\n250-HELP\r\n250 SIZE 52428800\r\n");
}

TEST(Session, AnswersAFlightWithOneSend) {
    Dialogue d;
    d.codes("EHLO client.test\r\n");
    auto writes = d.wire->writes;
    EXPECT_EQ(d.codes("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n"), "250 250 250 354");
    EXPECT_EQ(d.wire->writes, ++writes);
    d.intake.hold = true;
    EXPECT_EQ(d.say("text\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"), "");
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(Dialogue::codes_of(d.take()), "250 250 250 354");
    EXPECT_EQ(d.wire->writes, ++writes);
    EXPECT_EQ(d.codes(".\r\nQUIT\r\n"), "250 221");
    EXPECT_EQ(d.intake.messages.size(), 2u);
}

// However the client's bytes are cut into segments, the dialogue is the same.
TEST(Session, TakesTheDialogueInAnyPieces) {
    const std::string_view flight1 = "EHLO c\r\n", flight2 = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
                           flight3 =
                               "a\r\n..b\r\n.\r\nMAIL FROM:<e@f>\r\nRCPT TO:<g@h>\r\n"
                               "BDAT 6\r\n1\r\n.\r\nBDAT 3 LAST\r\n4\r\nQUIT\r\n";
    for (const auto step : {1u, 2u, 3u, 5u, 7u, 11u}) {
        Dialogue d;
        std::string answer;
        for (auto flight : {flight1, flight2, flight3}) {
            while (!flight.empty()) {
                const auto piece = flight.substr(0, step);
                flight.remove_prefix(piece.size());
                answer += d.say(piece);
            }
        }
        EXPECT_EQ(Dialogue::codes_of(answer), "250 250 250 354 250 250 250 250 250 221") << answer;
        ASSERT_EQ(d.intake.messages.size(), 2u) << step;
        EXPECT_TRUE(d.intake.messages[0].body.ends_with("a\r\n.b\r\n"));
        EXPECT_TRUE(d.intake.messages[1].body.ends_with("\r\n1\r\n.\r\n4\r\n"));
    }
}

TEST(Session, CommandTimeoutEndsTheSession) {
    Dialogue d;
    d.codes("EHLO client.test\r\n");
    d.shard.advance(200s);
    EXPECT_EQ(d.codes("NOOP\r\n"), "250");
    d.shard.advance(299s);
    EXPECT_EQ(d.take(), "");
    d.shard.advance(2s);
    EXPECT_EQ(d.take(), "421 4.4.2 Timeout\r\n");
    EXPECT_TRUE(d.ended());
    EXPECT_EQ(d.count(metrics::Count::sessions_timed_out), 1u);
    d.shard.advance(3s);  // the client does not close
    EXPECT_TRUE(d.over());
}

TEST(Session, ACommandThatTricklesInDoesNotGetMoreTime) {
    Dialogue d;
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(d.say("N"), "");
        d.shard.advance(70s);
    }
    EXPECT_EQ(d.take(), "421 4.4.2 Timeout\r\n");
}

TEST(Session, ContentThatStopsEndsTheSession) {
    Dialogue d;
    d.ready_for_data();
    EXPECT_EQ(d.codes("DATA\r\n"), "354");
    d.say("text");
    d.shard.advance(301s);
    EXPECT_EQ(d.take(), "421 4.4.2 Timeout\r\n");
    EXPECT_TRUE(d.ended());
    EXPECT_TRUE(d.intake.messages.empty());
}

TEST(Session, ContentMustKeepToAMinimumRate) {
    Dialogue d;
    d.ready_for_data();
    EXPECT_EQ(d.codes("DATA\r\n"), "354");
    for (int i = 0; i < 400 && !d.ended(); ++i) {
        d.say("x\r\n");
        d.shard.advance(1s);
    }
    EXPECT_EQ(d.take(), "421 4.4.2 Timeout\r\n");
}

TEST(Session, PatienceIsForTheClientNotForOurselves) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    EXPECT_EQ(d.say("x\r\n.\r\n"), "");
    d.shard.advance(1000s);  // the disk is slow; the client waits for its 250
    EXPECT_EQ(d.take(), "");
    EXPECT_FALSE(d.ended());
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(Dialogue::codes_of(d.take()), "250");
}

TEST(Session, TheClientsTimeBeginsWithOurReply) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    d.say("x\r\n.\r\n");
    d.shard.advance(290s);
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(Dialogue::codes_of(d.take()), "250");
    d.shard.advance(295s);
    EXPECT_EQ(d.codes("RSET\r\n"), "250");
    d.shard.advance(301s);
    EXPECT_EQ(Dialogue::codes_of(d.take()), "421");
}

TEST(Session, ReadsTheNextTransactionWhileOneIsSynced) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    EXPECT_EQ(d.say("one\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 5 LAST\r\ntwo\r\nMAIL "
                    "FROM:<e@f>\r\nRCPT TO:<bad>\r\n"),
              "");
    EXPECT_EQ(d.intake.open_messages, 2u);  // one uncommitted, one read
    EXPECT_EQ(d.intake.committing, 1u);
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(Dialogue::codes_of(d.take()), "250 250 250 250 250 501");
    ASSERT_EQ(d.intake.messages.size(), 2u);
    EXPECT_EQ(d.intake.most_committing, 1u);
    EXPECT_TRUE(d.intake.messages[1].body.ends_with("two\r\n"));
}

TEST(Session, AFailedCommitIsAnsweredInItsPlace) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    EXPECT_EQ(d.say("one\r\n.\r\nMAIL FROM:<a@b>\r\n"), "");
    d.intake.refuse_commit = queue::Refusal::storage;
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(d.take(), "452 4.3.1 No room for the message, try again later\r\n250 2.1.0 OK\r\n");
    EXPECT_EQ(d.count(metrics::Count::rejected_storage), 1u);
}

TEST(Session, AnUnknownOutcomeIsNotAnswered) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    d.say("one\r\n.\r\nMAIL FROM:<a@b>\r\n");
    d.intake.refuse_commit = queue::Refusal::journal_failed;
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(d.take(), "");
    EXPECT_TRUE(d.wire->aborted);
    EXPECT_TRUE(d.over());
}

TEST(Session, ALostConnectionDoesNotLoseWhatIsBeingCommitted) {
    for (const bool reset : {false, true}) {
        Dialogue d;
        d.intake.hold = true;
        d.ready_for_data();
        d.say("DATA\r\n");
        d.say("one\r\n.\r\n");
        reset ? d.wire->reset() : d.wire->close();
        d.shard.settle();
        EXPECT_FALSE(d.over());
        d.intake.release();
        d.shard.settle();
        EXPECT_TRUE(d.over());
        EXPECT_EQ(d.intake.messages.size(), 1u);
        EXPECT_EQ(Dialogue::codes_of(d.take()), reset ? "" : "250");  // it may have closed only its half
        EXPECT_EQ(d.count(metrics::Count::sessions_lost), 1u);
    }
}

TEST(Session, AnUnfinishedMessageIsDroppedWithTheConnection) {
    Dialogue d;
    d.ready_for_data();
    d.say("DATA\r\n");
    d.say("one\r\n.\r");
    d.wire->close();
    d.shard.settle();
    EXPECT_TRUE(d.over());
    EXPECT_TRUE(d.intake.messages.empty());
    EXPECT_EQ(d.intake.open_messages, 0u);
}

TEST(Session, AClientThatDoesNotReadIsNotReadFrom) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    d.wire->stalled = true;
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += "RSET\r\n";
    for (int i = 0; i < 100; ++i) d.say(flood);
    EXPECT_LT(d.count(metrics::Count::commands), 10'000u);
    d.shard.advance(301s);  // and not waited for
    EXPECT_TRUE(d.wire->aborted);
    EXPECT_TRUE(d.over());
}

TEST(Session, AStalledClientGetsEverythingOnceItReads) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    d.wire->stalled = true;
    std::string flood;
    for (int i = 0; i < 5000; ++i) flood += "RSET\r\n";
    d.say(flood);
    d.wire->unstall();
    d.shard.settle();
    EXPECT_EQ(d.count(metrics::Count::commands), 5001u);
    EXPECT_EQ(d.take().size(), 5000 * std::string_view("250 2.0.0 OK\r\n").size());
}

TEST(Session, ShuttingDownTellsAnIdleClientAtOnce) {
    for (const auto* before : {"", "MAIL FROM:<a@b>\r\n", "MAI"}) {
        Dialogue d;
        d.say("EHLO c\r\n");
        d.say(before);
        d.session().drain();
        d.shard.settle();
        EXPECT_EQ(d.take(), "421 4.3.2 Service is shutting down\r\n");
        EXPECT_TRUE(d.wire->half_closed);
        EXPECT_EQ(d.say("NOOP\r\n"), "");
        d.shard.advance(3s);
        EXPECT_TRUE(d.over());
    }
}

TEST(Session, ShuttingDownAnswersWhatIsUnderWay) {
    Dialogue d;
    d.ready_for_data();
    d.say("DATA\r\n");
    d.say("one\r\n");
    d.session().drain();
    d.shard.settle();
    EXPECT_EQ(d.take(), "");
    EXPECT_EQ(d.codes(".\r\nNOOP\r\n"), "250 421");
    EXPECT_TRUE(d.ended());
    EXPECT_EQ(d.intake.messages.size(), 1u);
}

TEST(Session, ShuttingDownNeverOvertakesA250) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    d.say("one\r\n.\r\n");
    d.session().drain();
    d.shard.settle();
    EXPECT_EQ(d.take(), "");
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(Dialogue::codes_of(d.take()), "250 421");
    EXPECT_TRUE(d.wire->half_closed);
}

TEST(Session, AQueueThatShutsDownEndsTheSession) {
    Dialogue d;
    d.intake.hold = true;
    d.ready_for_data();
    d.say("DATA\r\n");
    d.say("one\r\n.\r\nMAIL FROM:<a@b>\r\n");
    d.intake.refuse_commit = queue::Refusal::shutting_down;
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(d.take(), "421 4.3.2 Service is shutting down\r\n");
    EXPECT_TRUE(d.wire->half_closed);
    d.shard.advance(3s);
    EXPECT_TRUE(d.over());
}

TEST(Session, AbortEndsItAtOnce) {
    Dialogue d;
    d.ready_for_data();
    d.session().abort();
    d.shard.settle();
    EXPECT_TRUE(d.over());
}

TEST(Session, GivesUpAfterTooManyErrors) {
    Dialogue d;
    std::string all;
    for (int i = 0; i < 100 && !d.ended(); ++i) all += d.say("FOO\r\n");
    EXPECT_TRUE(all.ends_with("500 5.5.2 Command not recognized\r\n421 4.7.0 Too many errors\r\n"));
    EXPECT_EQ(d.count(metrics::Count::replies_5xx), 51u);
}

TEST(Session, AnAcceptedMessageForgivesErrors) {
    Dialogue d;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 30; ++i) EXPECT_EQ(d.codes("FOO\r\n"), "500");
        d.ready_for_data();
        d.say("DATA\r\n");
        EXPECT_EQ(d.codes("one\r\n.\r\n"), "250");
    }
}

// A client that is slow to take its replies: what is being written stays where it is while the session reads on.
TEST(Session, RepliesUnderWayAreLeftAlone) {
    Dialogue d;
    EXPECT_EQ(d.codes("EHLO client.test\r\n"), "250");
    d.intake.hold = true;
    d.wire->stalled = true;
    std::string flight, expected;
    for (int i = 0; i < 60; ++i) {
        flight += "RSET\r\n";
        expected += "250 2.0.0 OK\r\n";
    }
    flight += "MAIL FROM:<jack@town.com>\r\nRCPT TO:<jill@hill.com>\r\nBDAT 7 LAST\r\nhello\r\n";
    expected += "250 2.1.0 OK\r\n250 2.1.5 OK\r\n";
    EXPECT_EQ(d.say(flight), "");
    EXPECT_EQ(d.say("NOOP\r\n"), "");  // its reply waits behind the message's
    d.wire->unstall();
    d.shard.settle();
    EXPECT_EQ(d.take(), expected);
    d.intake.release();
    d.shard.settle();
    EXPECT_EQ(d.codes(""), "250 250");
}

TEST(Session, AFloodBehindTheLastReplyIsDropped) {
    Dialogue d;
    EXPECT_EQ(d.codes("QUIT\r\nNOOP\r\n"), "221");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(d.say("MAIL FROM:<a@b>\r\n"), "");
    EXPECT_FALSE(d.over());
    d.shard.advance(3s);
    EXPECT_TRUE(d.over());
}

}  // namespace
}  // namespace angarium::inbound

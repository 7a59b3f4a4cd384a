// The dialogue when all goes well, greetings, idleness, deadlines and parameters.
#include "tests/unit/outbound/session_fixture.hpp"

namespace angarium::outbound::test {
namespace {

// --- flights ---

TEST_F(Session, PipeliningTakesTwoRoundTripsAndTwoWrites) {
    host.extensions = pipelining;
    ASSERT_TRUE(open());
    send({"jill@hill.com"});
    const auto writes = peer().wire().writes;
    const auto trips = peer().round_trips;
    for (int i = 0; i < 10; ++i) {
        send({"jill@hill.com", "joe@hill.com"});
        EXPECT_EQ(verdict(0), Verdict::delivered);
        EXPECT_EQ(verdict(1), Verdict::delivered);
    }
    EXPECT_EQ(peer().round_trips - trips, 20u);
    EXPECT_EQ(peer().wire().writes - writes, 20u);
    EXPECT_EQ(host.messages.size(), 11u);
    EXPECT_EQ(commands("RSET"), 0u);
    EXPECT_EQ(reason().code, 250);
    EXPECT_EQ(reason().text, "queued");
}

TEST_F(Session, ChunkingTakesOneRoundTripAndOneWrite) {
    host.extensions = chunking;
    ASSERT_TRUE(open());
    const auto writes = peer().wire().writes;
    const auto trips = peer().round_trips;
    for (int i = 0; i < 10; ++i) {
        send({"jill@hill.com"}, "a\r\n.b\r\n..\r\n.\r\nno end");
        EXPECT_EQ(verdict(), Verdict::delivered);
    }
    EXPECT_EQ(peer().round_trips - trips, 10u);
    EXPECT_EQ(peer().wire().writes - writes, 10u);
    EXPECT_EQ(host.messages.back().body, "a\r\n.b\r\n..\r\n.\r\nno end");
    EXPECT_EQ(commands("DATA"), 0u);
}

TEST_F(Session, WithoutPipeliningOneCommandAtATime) {
    host.extensions = plain;
    ASSERT_TRUE(open());
    const auto trips = peer().round_trips;
    send({"jill@hill.com", "joe@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(peer().round_trips - trips, 5u);  // MAIL, RCPT, RCPT, DATA, content
}

TEST_F(Session, ChunkingWithoutPipelining) {
    host.extensions = chunking_only;
    ASSERT_TRUE(open());
    const auto trips = peer().round_trips;
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(peer().round_trips - trips, 3u);
}

TEST_F(Session, OptionsSwitchExtensionsOff) {
    options.chunking = options.pipelining = false;
    host.extensions = chunking;
    ASSERT_TRUE(open());
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(commands("BDAT"), 0u);
    EXPECT_EQ(commands("DATA"), 1u);
}

TEST_F(Session, LargeBodiesStreamInParts) {
    const std::vector<std::string> parts{std::string(1000, 'a') + "\r\n.", ".x\r\n", ".\r\ny", "z\r\n"};
    std::string whole;
    for (const auto& part : parts) whole += part;
    for (const auto& extensions : {plain, pipelining, chunking, chunking_only}) {
        host.extensions = extensions;
        ASSERT_TRUE(open());
        send(stored(delivery({"jill@hill.com"}, "", shard.random()), outlet, parts));
        EXPECT_EQ(verdict(), Verdict::delivered);
        EXPECT_EQ(host.messages.back().body, whole);
        close();
    }
    EXPECT_EQ(outlet.fetches, 16u);
}

TEST_F(Session, ALargeSinglePartGoesInASecondFlight) {
    host.extensions = chunking;
    options.inline_chunk = 100;
    ASSERT_TRUE(open());
    const auto trips = peer().round_trips;
    send({"jill@hill.com"}, std::string(200, 'x') + "\r\n");
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(peer().round_trips - trips, 2u);
}

TEST_F(Session, DotsAreStuffedAndNothingElseChanges) {
    host.extensions = pipelining;
    ASSERT_TRUE(open());
    const std::string body = ".start\r\n..two\r\n.\r\nmid.dle\r\n.";
    send({"jill@hill.com"}, body);
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(peer().raw_content, "..start\r\n...two\r\n..\r\nmid.dle\r\n..\r\n");
    EXPECT_EQ(host.messages.back().body, body + "\r\n") << "DATA must end a last line";
}

// --- greeting ---

TEST_F(Session, HeloWhenEhloIsRefused) {
    host.answer = at("ehlo", "502 5.5.1 no");
    ASSERT_TRUE(open());
    EXPECT_FALSE(session->offered().pipelining);
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(commands("HELO"), 1u);
}

TEST_F(Session, GreetingsThatFail) {
    const std::vector<std::pair<std::string, std::string>> bad{
        {"banner", "554 5.7.1 go away"},
        {"banner", "421 4.3.2 busy"},
        {"banner", "CLOSE"},
        {"banner", "RESET"},
        {"banner", "hello there"},
        {"banner", "SILENCE"},
        {"banner", "354 what"},
        {"ehlo", "421 4.3.2 busy"},
        {"ehlo", "450 4.7.1 later"},
        {"ehlo", "CLOSE"},
        {"ehlo", "garbage"},
        {"ehlo", "SILENCE"},
        {"ehlo", "521 5.3.2 never"},
        {"ehlo", "CLOSE 421 4.3.2 busy"},
        {"banner", "CLOSE 554 5.7.1 no"},
    };
    for (const auto& [what, word] : bad) {
        host.answer = always(what, word);
        EXPECT_FALSE(open()) << what << ' ' << word;
        ASSERT_TRUE(session->loss());
        EXPECT_EQ(session->loss()->concern, Concern::exchanger) << what << ' ' << word;
        EXPECT_EQ(session->loss()->verdict, Verdict::deferred);
        EXPECT_EQ(session->loss()->silent, word == "SILENCE");
        close();
        EXPECT_TRUE(peer().wire().gone);
    }
}

TEST_F(Session, BothHellosRefused) {
    host.answer = [](std::string_view what, std::string_view) {
        return what == "ehlo" || what == "helo" ? std::string("550 5.7.1 no") : std::string();
    };
    EXPECT_FALSE(open());
    EXPECT_EQ(session->loss()->reason.code, 550);
    EXPECT_EQ(commands("HELO"), 1u);
}

TEST_F(Session, EndlessReplies) {
    host.answer = [](std::string_view what, std::string_view) {
        if (what != "ehlo") return std::string();
        std::string lines;
        for (int i = 0; i < 5000; ++i) lines += "250-EXTENSION" + std::to_string(i) + "\r\n";
        return lines + "250 done";
    };
    EXPECT_FALSE(open());
    EXPECT_EQ(session->loss()->reason.status.text(), "4.5.0");
}

// --- idle ---

TEST_F(Session, HearsThePeerGoWhileIdle) {
    for (const std::string last : {"", "421 4.4.2 idle too long\r\n", "250 surprise\r\n"}) {
        ASSERT_TRUE(open());
        send({"jill@hill.com"});
        EXPECT_TRUE(session->usable());
        if (last.empty())
            peer().wire().close();
        else
            peer().wire().send(last);
        network.settle();
        EXPECT_FALSE(session->usable()) << last;
        close();
    }
}

TEST_F(Session, QuitDoesNotWaitLong) {
    host.answer = always("quit", "SILENCE");
    ASSERT_TRUE(open());
    auto closing = session->close(true);
    network.settle();
    EXPECT_FALSE(closing.done());
    network.pass(3s);
    EXPECT_TRUE(closing.done());
    session.reset();
}

TEST_F(Session, TimeoutsAreThoseOfTheStage) {
    host.extensions = pipelining;
    const std::vector<std::tuple<std::string, Duration>> stages{
        {"mail", 300s}, {"rcpt", 300s}, {"data", 120s}, {"end", 600s}};
    for (const auto& [what, limit] : stages) {
        host.answer = nullptr;
        ASSERT_TRUE(open());
        host.answer = always(what, "SILENCE");
        attempt.begin(delivery({"jill@hill.com"}, "x\r\n", shard.random()), shard.now());
        ASSERT_TRUE(attempt.next_batch(100));
        Content content{outlet, attempt.delivery(), attempt.delivery().body};
        auto transacting = session->transact(attempt, content);
        network.settle();
        network.pass(limit - 2s, 1s);
        const bool early = transacting.done();
        network.pass(4s, 1s);
        EXPECT_TRUE(transacting.done()) << what;
        EXPECT_FALSE(early) << what;
        ASSERT_TRUE(session->loss());
        EXPECT_TRUE(session->loss()->silent) << what;
        attempt.end_rest(*session->loss());
        (void)attempt.finish(shard.now());
        close();
    }
}

// --- parameters ---

TEST_F(Session, ParametersFollowWhatIsOffered) {
    host.extensions = {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN"};
    ASSERT_TRUE(open());
    auto one = delivery({"jill@hill.com"}, "x\r\n", shard.random());
    one->facts.options.body = smtp::Body::eight_bit_mime;
    one->facts.options.smtputf8 = true;
    one->facts.options.ret = smtp::Ret::headers;
    one->facts.options.envelope_id = smtp::Xtext::make("id=1");
    one->facts.recipients[0].notify = smtp::Notify::success | smtp::Notify::failure;
    one->facts.recipients[0].original = smtp::OriginalRecipient::make("rfc822;jill+x@hill.com");
    send(std::move(one));
    EXPECT_EQ(host.messages.back().mail,
              "MAIL FROM:<jack@town.com> SIZE=3 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+3D1");
    EXPECT_EQ(host.messages.back().recipients[0],
              "RCPT TO:<jill@hill.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;jill+2Bx@hill.com");
}

TEST_F(Session, NothingIsSaidThatIsNotOffered) {
    host.extensions = {"PIPELINING"};
    ASSERT_TRUE(open());
    auto one = delivery({"jill@hill.com"}, "x\r\n", shard.random());
    one->facts.sender = smtp::ReversePath();
    one->facts.options.body = smtp::Body::eight_bit_mime;
    one->facts.options.ret = smtp::Ret::full;
    one->facts.recipients[0].notify = smtp::Notify::never;
    send(std::move(one));
    EXPECT_EQ(host.messages.back().mail, "MAIL FROM:<>");
    EXPECT_EQ(host.messages.back().recipients[0], "RCPT TO:<jill@hill.com>");
}

TEST_F(Session, Obstacles) {
    host.extensions = {"PIPELINING", "SIZE 100"};
    ASSERT_TRUE(open());
    auto big = delivery({"jill@hill.com"}, std::string(101, 'x'), shard.random());
    EXPECT_EQ(session->obstacle(big->facts)->reason.status.text(), "5.3.4");
    auto fits = delivery({"jill@hill.com"}, std::string(100, 'x'), shard.random());
    EXPECT_FALSE(session->obstacle(fits->facts));
    fits->facts.options.smtputf8 = true;
    EXPECT_EQ(session->obstacle(fits->facts)->reason.status.text(), "5.6.7");
    fits->facts.options.smtputf8 = false;
    fits->facts.options.body = smtp::Body::eight_bit_mime;
    EXPECT_FALSE(session->obstacle(fits->facts)) << "sent as it is";
    options.strict_8bitmime = true;
    EXPECT_EQ(session->obstacle(fits->facts)->reason.status.text(), "5.6.3");
}

}  // namespace
}  // namespace angarium::outbound::test

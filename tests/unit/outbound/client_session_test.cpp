// The dialogue, every stage against every kind of trouble, in every mode.
#include "engine/outbound/client_session.hpp"

#include <gtest/gtest.h>

#include "tests/unit/outbound/fakes.hpp"

namespace angarium::outbound::test {
namespace {

using queue::Verdict;

const std::vector<std::string> plain{"8BITMIME", "SIZE 1000000"};
const std::vector<std::string> pipelining{"PIPELINING", "8BITMIME", "SIZE 1000000"};
const std::vector<std::string> chunking{"PIPELINING", "CHUNKING", "8BITMIME", "SIZE 1000000"};
const std::vector<std::string> chunking_only{"CHUNKING", "8BITMIME"};

class Session : public testing::Test {
  protected:
    ~Session() override {
        if (session) close();
    }
    bool open() {
        auto connecting = network.connect(endpoint("127.0.0.2:25"), std::nullopt, no_deadline);
        auto stream = finish(std::move(connecting), network);
        session = std::make_unique<ClientSession>(shard, *std::move(stream), options, metrics);
        return finish(session->open(), network, 700s);
    }
    void close() {
        finish_void(session->close(true));
        session.reset();
    }
    void finish_void(runtime::Task<void> task, Duration patience = 700s) {
        network.settle();
        for (Duration waited{}; !task.done() && waited < patience; waited += 1s) network.pass(1s, 1s);
        ASSERT_TRUE(task.done()) << "still waiting";
    }
    // One attempt; the outcome is in `outcome`.
    void send(std::unique_ptr<queue::Delivery> one) {
        attempt.begin(std::move(one), shard.now());
        queue::BlockRef first = attempt.delivery().body;
        if (!first) first = *finish(outlet.fetch(attempt.delivery(), 0), network);
        Content content{outlet, attempt.delivery(), std::move(first)};
        while (session->usable() && attempt.next_batch(options.recipients_per_transaction))
            finish_void(session->transact(attempt, content));
        loss = session->loss();
        mail_answered = session->mail_answered();
        if (loss) attempt.end_rest(*loss);
        finished = attempt.finish(shard.now());
    }
    void send(const std::vector<std::string>& recipients, std::string body = "Subject: hi\r\n\r\nhello\r\n") {
        send(delivery(recipients, std::move(body), shard.random()));
    }
    queue::Verdict verdict(std::size_t i = 0) const { return finished->outcome.results.at(i).verdict; }
    const queue::Reason& reason(std::size_t i = 0) const {
        return finished->outcome.reasons.at(finished->outcome.results.at(i).reason);
    }
    Peer& peer() { return *network.peers.back(); }
    unsigned commands(std::string_view verb) const {
        return static_cast<unsigned>(std::count_if(host.commands.begin(), host.commands.end(),
                                                   [&](const auto& line) { return line.starts_with(verb); }));
    }

    support::ManualShard shard;
    FakeNetwork network{shard};
    Behaviour& host = network.host("127.0.0.2:25");
    FakeOutlet outlet;
    metrics::Sheet metrics;
    Options options;
    std::unique_ptr<ClientSession> session;
    Attempt attempt;
    std::unique_ptr<queue::Delivery> finished;
    std::optional<Judgement> loss;
    bool mail_answered = false;
};

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

// --- stages and troubles ---

struct Trouble {
    std::string what, word;
    Verdict verdict;
    bool usable;  // the session goes on
};

void PrintTo(const Trouble& trouble, std::ostream* out) { *out << trouble.what << ' ' << trouble.word; }

class Stages : public Session, public testing::WithParamInterface<Trouble> {};

TEST_P(Stages, InEveryMode) {
    const Trouble trouble = GetParam();
    for (const auto& extensions : {plain, pipelining, chunking, chunking_only}) {
        const bool chunks = std::find(extensions.begin(), extensions.end(), "CHUNKING") != extensions.end();
        if (trouble.what == "data" && chunks) continue;
        SCOPED_TRACE(extensions.front() + (chunks ? "+CHUNKING" : ""));
        host.extensions = extensions;
        host.answer = nullptr;
        ASSERT_TRUE(open());
        host.answer = at(trouble.what, trouble.word);
        host.messages.clear();
        send({"jill@hill.com"});
        EXPECT_EQ(verdict(), trouble.verdict);
        EXPECT_EQ(session->usable(), trouble.usable);
        EXPECT_TRUE(host.messages.empty());
        EXPECT_EQ(finished->outcome.remote_accepted, false);
        if (trouble.word == "CLOSE" && trouble.what == "mail") {
            EXPECT_FALSE(mail_answered);
        }
        if (session->usable()) {  // and goes on well
            send({"jill@hill.com"});
            EXPECT_EQ(verdict(), Verdict::delivered);
            EXPECT_EQ(host.messages.size(), 1u);
        } else {
            network.settle();
            EXPECT_TRUE(peer().wire().aborted);
        }
        close();
    }
}

std::vector<Trouble> all_troubles() {
    std::vector<Trouble> all;
    for (const std::string what : {"mail", "rcpt", "data", "end"}) {
        all.push_back({what, "451 4.3.0 later", Verdict::deferred, true});
        all.push_back({what, "450 later", Verdict::deferred, true});
        all.push_back({what, "550 5.1.1 no", Verdict::failed, true});
        all.push_back({what, "554 no", Verdict::failed, true});
        all.push_back({what, "421 4.3.2 bye", Verdict::deferred, false});
        all.push_back({what, "CLOSE 421 4.3.2 bye", Verdict::deferred, false});
        all.push_back({what, "CLOSE", Verdict::deferred, false});
        all.push_back({what, "RESET", Verdict::deferred, false});
        all.push_back({what, "SILENCE", Verdict::deferred, false});
        all.push_back({what, "%&/()=garbage", Verdict::deferred, false});
        all.push_back({what, "199 odd", Verdict::deferred, false});
        all.push_back({what, what == "data" ? "250 2.0.0 early" : "354 go", Verdict::deferred, false});
    }
    return all;
}
INSTANTIATE_TEST_SUITE_P(All, Stages, testing::ValuesIn(all_troubles()));

TEST_F(Session, ResetTravelsWithTheNextFlight) {
    host.extensions = pipelining;
    ASSERT_TRUE(open());
    host.answer = at("rcpt", "550 5.1.1 no such user");
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::failed);
    const auto trips = peer().round_trips;
    send({"joe@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(commands("RSET"), 1u);
    EXPECT_EQ(peer().round_trips - trips, 2u);
}

TEST_F(Session, NoResetAfterMailWasRefusedOrTheContentWas) {
    host.extensions = pipelining;
    ASSERT_TRUE(open());
    host.answer = at("mail", "550 5.7.1 no");
    send({"jill@hill.com"});
    host.answer = at("end", "554 5.7.1 spam");
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::failed);
    host.answer = nullptr;
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(commands("RSET"), 0u);
}

TEST_F(Session, ARefusedResetEndsTheSessionWithMailUnanswered) {
    for (const auto& extensions : {plain, pipelining, chunking}) {
        host.extensions = extensions;
        host.answer = nullptr;
        ASSERT_TRUE(open());
        host.answer = [](std::string_view what, std::string_view line) {
            if (what == "rcpt" && line.find("joe") != std::string_view::npos)
                return std::string("550 5.1.1 no");
            return what == "rset" ? std::string("500 5.5.2 what?") : std::string();
        };
        send({"joe@hill.com"});
        send({"jill@hill.com"});
        EXPECT_FALSE(session->usable());
        EXPECT_FALSE(mail_answered);
        close();
    }
}

// --- several recipients ---

std::string by_recipient(std::string_view what, std::string_view line) {
    if (what != "rcpt") return {};
    if (line.find("<bad") != std::string_view::npos) return "550 5.1.1 no such user";
    if (line.find("<slow") != std::string_view::npos) return "450 4.2.0 greylisted";
    return {};
}

TEST_F(Session, RecipientsAreSettledOneByOne) {
    for (const auto& extensions : {plain, pipelining, chunking, chunking_only}) {
        host.extensions = extensions;
        host.answer = by_recipient;
        host.messages.clear();
        ASSERT_TRUE(open());
        send({"bad@hill.com", "jill@hill.com", "slow@hill.com", "joe@hill.com", "bad2@hill.com"});
        EXPECT_EQ(verdict(0), Verdict::failed);
        EXPECT_EQ(verdict(1), Verdict::delivered);
        EXPECT_EQ(verdict(2), Verdict::deferred);
        EXPECT_EQ(verdict(3), Verdict::delivered);
        EXPECT_EQ(verdict(4), Verdict::failed);
        EXPECT_EQ(reason(0).status.text(), "5.1.1");
        EXPECT_EQ(reason(2).status.text(), "4.2.0");
        EXPECT_TRUE(finished->outcome.remote_accepted);
        EXPECT_EQ(finished->outcome.reasons.size(), 3u) << "equal reasons are kept once";
        ASSERT_EQ(host.messages.size(), 1u);
        EXPECT_EQ(host.messages[0].recipients.size(), 2u);
        close();
    }
}

TEST_F(Session, RefusedRecipientsStayRefusedWhenTheConnectionBreaks) {
    host.extensions = pipelining;
    host.answer = [](std::string_view what, std::string_view line) {
        return what == "end" ? std::string("CLOSE") : by_recipient(what, line);
    };
    ASSERT_TRUE(open());
    send({"bad@hill.com", "jill@hill.com"});
    EXPECT_EQ(verdict(0), Verdict::failed);
    EXPECT_EQ(verdict(1), Verdict::deferred);
    EXPECT_NE(reason(1).text.find("twice"), std::string::npos);
}

TEST_F(Session, ALoneDotWhenNobodyIsLeft) {
    host.extensions = pipelining;
    host.answer = by_recipient;
    ASSERT_TRUE(open());
    peer().data_without_recipients = true;
    send({"bad@hill.com", "bad2@hill.com"});
    EXPECT_EQ(verdict(0), Verdict::failed);
    EXPECT_EQ(verdict(1), Verdict::failed);
    EXPECT_TRUE(peer().wire().sent.ends_with("DATA\r\n.\r\n"));
    EXPECT_TRUE(session->usable());
    send({"jill@hill.com"});
    EXPECT_EQ(verdict(), Verdict::delivered);
    EXPECT_EQ(commands("RSET"), 0u);
}

TEST_F(Session, ManyRecipientsTakeSeveralTransactions) {
    for (const auto& extensions : {plain, pipelining, chunking}) {
        host.extensions = extensions;
        host.messages.clear();
        ASSERT_TRUE(open());
        std::vector<std::string> many;
        for (int i = 0; i < 250; ++i) many.push_back("user" + std::to_string(i) + "@hill.com");
        send(many);
        ASSERT_EQ(host.messages.size(), 3u);
        EXPECT_EQ(host.messages[0].recipients.size(), 100u);
        EXPECT_EQ(host.messages[2].recipients.size(), 50u);
        for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ(verdict(i), Verdict::delivered);
        close();
    }
}

TEST_F(Session, WhatIsTooManyForOneTransactionGoesIntoTheNext) {
    for (const auto& extensions : {plain, pipelining, chunking}) {
        host.extensions = extensions;
        host.messages.clear();
        auto in_this = std::make_shared<int>(0);
        host.answer = [in_this](std::string_view what, std::string_view) {
            if (what == "mail") *in_this = 0;
            return what == "rcpt" && ++*in_this > 3 ? std::string("452 4.5.3 too many recipients")
                                                    : std::string();
        };
        ASSERT_TRUE(open());
        std::vector<std::string> ten;
        for (int i = 0; i < 10; ++i) ten.push_back("user" + std::to_string(i) + "@hill.com");
        send(ten);
        EXPECT_EQ(host.messages.size(), 4u);
        for (std::size_t i = 0; i < ten.size(); ++i) EXPECT_EQ(verdict(i), Verdict::delivered);
        close();
    }
}

TEST_F(Session, NoRecipientFitsAtAll) {
    host.answer = always("rcpt", "452 4.5.3 too many recipients");
    ASSERT_TRUE(open());
    send({"jill@hill.com", "joe@hill.com"});
    EXPECT_EQ(verdict(0), Verdict::deferred);
    EXPECT_EQ(verdict(1), Verdict::deferred);
}

// --- while the body is on its way ---

TEST_F(Session, AnEarlyRefusalStopsTheBody) {
    outlet.disk_takes = 10ms;  // so that the peer's words come in between
    for (const std::string word :
         {"421 4.3.2 shutting down", "552 5.3.4 too big", "452 4.3.1 full", "250 2.0.0 ok"}) {
        host.extensions = pipelining;
        host.early_after = 1000;
        host.answer = always("early", word);
        host.messages.clear();
        ASSERT_TRUE(open());
        const std::vector<std::string> parts(20, std::string(998, 'x') + "\r\n");
        send(stored(delivery({"jill@hill.com"}, "", shard.random()), outlet, parts));
        EXPECT_EQ(verdict(), word.starts_with("552") ? Verdict::failed : Verdict::deferred) << word;
        EXPECT_FALSE(session->usable());
        EXPECT_TRUE(host.messages.empty());
        EXPECT_LT(peer().wire().sent.size(), 19000u) << "the rest was not sent";
        close();
    }
}

TEST_F(Session, AnEarlyRefusalIsHeardWhileAWriteIsStuck) {
    host.extensions = pipelining;
    host.answer = at("data", "SILENCE 354 go");
    ASSERT_TRUE(open());
    attempt.begin(delivery({"jill@hill.com"}, std::string(998, 'x') + "\r\n", shard.random()), shard.now());
    ASSERT_TRUE(attempt.next_batch(100));
    Content content{outlet, attempt.delivery(), attempt.delivery().body};
    auto transacting = session->transact(attempt, content);
    peer().wire().stalled = true;
    network.settle();
    ASSERT_FALSE(transacting.done());
    peer().wire().send("421 4.3.2 shutting down\r\n");
    network.settle();
    EXPECT_TRUE(transacting.done());
    ASSERT_TRUE(session->loss());
    EXPECT_EQ(session->loss()->reason.code, 421);
    attempt.end_rest(*session->loss());
    (void)attempt.finish(shard.now());
}

TEST_F(Session, ARefusedChunkStopsAtTheBorderAndTheSessionGoesOn) {
    for (const auto& extensions : {chunking, chunking_only}) {
        host.extensions = extensions;
        host.answer = at("chunk", "452 4.3.1 full");
        ASSERT_TRUE(open());
        send(stored(delivery({"jill@hill.com"}, "", shard.random()), outlet,
                    {"aaa\r\n", "bbb\r\n", "ccc\r\n", "d\r\n"}));
        EXPECT_EQ(verdict(), Verdict::deferred);
        EXPECT_EQ(reason().status.text(), "4.3.1");
        ASSERT_TRUE(session->usable());
        send({"jill@hill.com"});
        EXPECT_EQ(verdict(), Verdict::delivered);
        close();
    }
}

TEST_F(Session, ABodyThatCannotBeReadIsOurTrouble) {
    for (const auto& extensions : {pipelining, chunking, plain}) {
        host.extensions = extensions;
        host.messages.clear();
        ASSERT_TRUE(open());
        auto one = stored(delivery({"jill@hill.com"}, "", shard.random()), outlet, {"aaa\r\n", "bbb\r\n"});
        attempt.begin(std::move(one), shard.now());
        const auto first = *finish(outlet.fetch(attempt.delivery(), 0), network);
        Content content{outlet, attempt.delivery(), first};
        outlet.disk_fails = true;
        ASSERT_TRUE(attempt.next_batch(100));
        finish_void(session->transact(attempt, content));
        outlet.disk_fails = false;
        EXPECT_FALSE(session->usable()) << "the content is incomplete: a dot would deliver half a message";
        EXPECT_FALSE(session->loss());
        finished = attempt.finish(shard.now());
        EXPECT_EQ(verdict(), Verdict::deferred);
        EXPECT_EQ(reason().status.text(), "4.3.0");
        close();
        EXPECT_TRUE(host.messages.empty());
    }
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

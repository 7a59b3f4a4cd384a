// Every stage of a transaction against every kind of trouble, in every mode; several recipients; refusals while the body
// is on its way.
#include "tests/unit/outbound/session_fixture.hpp"

namespace angarium::outbound::test {
namespace {

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

TEST_F(Session, A250CountsOnlyWhenAllHasLeft) {
    for (const bool leaves : {true, false}) {
        host.extensions = chunking;
        host.answer = always("mail", "SILENCE");
        ASSERT_TRUE(open());
        attempt.begin(delivery({"jill@hill.com"}, "hello\r\n", shard.random()), shard.now());
        ASSERT_TRUE(attempt.next_batch(100));
        Content content{outlet, attempt.delivery(), attempt.delivery().body};
        peer().wire().stalled = true;
        auto transacting = session->transact(attempt, content);
        peer().blurt("250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 queued");
        network.settle();
        EXPECT_FALSE(transacting.done());
        EXPECT_FALSE(attempt.outcome().remote_accepted);
        leaves ? peer().wire().unstall() : peer().wire().reset();
        network.settle();
        EXPECT_TRUE(transacting.done());
        EXPECT_EQ(attempt.outcome().remote_accepted, leaves);
        EXPECT_EQ(session->loss().has_value(), !leaves);
        if (session->loss()) attempt.end_rest(*session->loss());
        (void)attempt.finish(shard.now());
        close();
    }
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

}  // namespace
}  // namespace angarium::outbound::test

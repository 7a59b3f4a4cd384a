// Sites over a network of peers: which of them can be reached, whose fault it is when one cannot, and room beside black holes.
#include "tests/unit/outbound/dispatch.hpp"

namespace angarium::outbound::test {
namespace {

using queue::Verdict;

TEST_F(Dispatch, AnUnreachableSiteFailsAllItsDestinationsAtOnce) {
    names.set_mx("small.com", {{10, "mx1.hill.com"}, {20, "mx2.hill.com"}});
    start();
    submit("jill@hill.com", 100);
    submit("joe@small.com", 5);
    network.settle();
    ASSERT_EQ(outlet.failed.size(), 2u);
    for (const auto& failed : outlet.failed) {
        EXPECT_EQ(failed.verdict, Verdict::deferred);
        EXPECT_EQ(failed.reason.status.text(), "4.4.1");
    }
    EXPECT_EQ(attempts("192.0.2.1:25"), 1u);
    EXPECT_EQ(attempts("192.0.2.2:25"), 1u);
    submit("jill@hill.com");  // within the rest: told at once
    network.settle();
    EXPECT_EQ(outlet.failed.size(), 3u);
    EXPECT_EQ(attempts("192.0.2.1:25"), 1u);
    network.pass(6s);
    mx1();
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u) << "and comes back";
}

TEST_F(Dispatch, SessionsThatKeepBreakingMakeASiteUnreachable) {
    names.set_mx("one.com", {{10, "mx1.hill.com"}});
    mx1().answer = always("mail", "CLOSE");
    start();
    submit("joe@one.com", 50);
    network.pass(1s);
    EXPECT_EQ(outlet.failed.size(), 1u);
    EXPECT_GE(outlet.settled.size(), 3u) << "three strikes";
    EXPECT_LE(outlet.settled.size(), 5u) << "and those that were open besides";
}

// small.com shares the exchangers of hill.com, and they hang up on whatever comes from hated@town.com.
class HungUpOn : public Dispatch {
  protected:
    HungUpOn() {
        names.set_mx("small.com", {{10, "mx1.hill.com"}, {20, "mx2.hill.com"}});
        mx1().answer = [](std::string_view what, std::string_view line) {
            return what == "mail" && line.find("hated@") != std::string_view::npos ? "CLOSE" : "";
        };
        mx2().answer = mx1().answer;
        start();
    }
    void submit_hated() {
        for (int i = 0; i < 50; ++i) {
            auto hated = delivery({"joe@small.com"}, "Subject: hi\r\n\r\nhello\r\n", shard.random());
            hated->facts.sender = smtp::ReversePath::parse("hated@town.com").value();
            outlet.submit(std::move(hated));
        }
        network.pass(1s);
        ASSERT_EQ(outlet.failed.size(), 1u) << "it waits as a whole, not message by message";
        EXPECT_EQ(outlet.failed.front().domain, "small.com");
    }
};

TEST_F(HungUpOn, MailDoesNotHoldUpItsNeighbours) {
    submit("jill@hill.com");
    network.settle();
    ASSERT_EQ(outlet.delivered(), 1u);
    submit_hated();
    submit("jill@hill.com", 10);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 11u) << "and the site is not taken for unreachable";
}

TEST_F(HungUpOn, MailThatIsAloneSaysNothingAboutOthers) {
    submit_hated();
    submit("jill@hill.com", 10);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 10u);
    EXPECT_EQ(outlet.failed.size(), 1u) << "they do not hear of it";
}

TEST_F(Dispatch, WhatIsHungUpOnMessageByMessageWaitsAsWell) {
    names.set_mx("one.com", {{10, "mx1.hill.com"}});
    mx1().answer = always("mail", "CLOSE");
    start();
    for (int i = 0; i < 3; ++i) {  // never two at a time, and nobody remembers the destination in between
        submit("joe@one.com");
        network.settle();
        outlet.forget("one.com");
    }
    const auto before = attempts("192.0.2.1:25");
    submit("joe@one.com");
    network.settle();
    ASSERT_GE(outlet.failed.size(), 1u);
    EXPECT_EQ(outlet.failed.back().domain, "one.com");
    EXPECT_EQ(attempts("192.0.2.1:25"), before);
}

TEST_F(Dispatch, WhereOneAfterTheOtherIsHungUpOnItIsTheSite) {
    for (const auto* domain : {"one.com", "two.com", "three.com", "four.com"})
        names.set_mx(domain, {{10, "mx1.hill.com"}});
    mx1().answer = always("mail", "CLOSE");
    start();
    for (const std::string domain : {"one.com", "two.com", "three.com"}) {  // each alone
        submit("joe@" + domain);
        network.settle();
        outlet.forget(domain);
    }
    const auto before = attempts("192.0.2.1:25");
    EXPECT_LE(before, 4u);
    submit("joe@four.com");
    network.settle();
    ASSERT_GE(outlet.failed.size(), 1u);
    EXPECT_EQ(outlet.failed.back().domain, "four.com");
    EXPECT_EQ(attempts("192.0.2.1:25"), before) << "it is told at once";
}

TEST_F(Dispatch, AHostThatNeverTakesMailIsPermanentIfAllSaySo) {
    mx1().answer = always("banner", "521 5.3.2 no mail here");
    mx2().answer = always("banner", "521 5.3.2 no mail here");
    start();
    submit("jill@hill.com");
    network.settle();
    ASSERT_EQ(outlet.failed.size(), 1u);
    EXPECT_EQ(outlet.failed[0].verdict, Verdict::failed);
    EXPECT_EQ(outlet.failed[0].reason.status.text(), "5.3.2");
}

TEST_F(Dispatch, BlackHolesLeaveRoomForTheLiving) {
    options.connections = 4;
    for (int i = 0; i < 20; ++i) {
        const std::string domain = "hole" + std::to_string(i) + ".com",
                          address = "10.1.0." + std::to_string(i + 1);
        names.set_mx(domain, {{10, "mx." + domain}});
        names.set_a("mx." + domain, {address});
        network.black_holes.push_back(endpoint(address + ":25"));
    }
    start();
    for (int i = 0; i < 20; ++i) submit("a@hole" + std::to_string(i) + ".com", 10);
    network.settle();
    EXPECT_EQ(dispatcher->connections(), 2u) << "half of all";
    mx1();
    submit("jill@hill.com", 20);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 0u) << "unproven itself, it waits for its turn";
    network.pass(340s, 1s);
    EXPECT_EQ(outlet.delivered(), 20u);
    EXPECT_EQ(outlet.failed.size(), 20u);
    network.pass(15s, 1s);
    EXPECT_EQ(dispatcher->connections(), 0u);
}

TEST_F(Dispatch, AProvenSiteHasRoomBesideBlackHoles) {
    options.connections = 4;
    mx1();
    start();
    submit("jill@hill.com");
    network.settle();
    for (int i = 0; i < 20; ++i) {
        const std::string domain = "hole" + std::to_string(i) + ".com",
                          address = "10.1.0." + std::to_string(i + 1);
        names.set_mx(domain, {{10, "mx." + domain}});
        names.set_a("mx." + domain, {address});
        network.black_holes.push_back(endpoint(address + ":25"));
        submit("a@" + domain, 10);
    }
    network.settle();
    EXPECT_EQ(dispatcher->connections(), 3u);
    submit("jill@hill.com", 50);
    network.settle();
    EXPECT_EQ(outlet.delivered(), 51u);
}

TEST_F(Dispatch, AServersOwnConnectionLimitIsFound) {
    mx1().answer = [this](std::string_view what, std::string_view) {
        return what == "banner" && mx1().open > 2 ? std::string("CLOSE 421 4.7.0 too many connections") : "";
    };
    names.set_mx("one.com", {{10, "mx1.hill.com"}});
    start();
    submit("joe@one.com", 500);
    network.settle();
    network.pass(5s);
    EXPECT_EQ(outlet.delivered(), 500u);
    EXPECT_TRUE(outlet.failed.empty());
    EXPECT_LT(mx1().connections, 12u) << "it is not hammered";
}

}  // namespace
}  // namespace angarium::outbound::test

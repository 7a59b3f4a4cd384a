// Protections over a whole dispatcher: which applies, what is remembered, and that connections are never shared between them.
#include "tests/unit/outbound/dispatch.hpp"
#include "tests/unit/outbound/tls_material.hpp"

namespace angarium::outbound::test {
namespace {

using metrics::Count;
using queue::Verdict;

class TlsDispatch : public Dispatch {
  protected:
    TlsDispatch() {
        mx1().extensions = {"PIPELINING", "STARTTLS"};
        mx1().tls = server_context({"mx1.hill.com", false, false});
        names.set_mx("hill.com", {{10, "mx1.hill.com"}});
        names.set_mx("vale.com", {{10, "mx1.hill.com"}});
        options.protections = {protection(TlsPolicy::opportunistic)};
    }
    void start() {
        Dispatch::start();
        auto made = make_materials(options.protections);
        ASSERT_TRUE(made) << made.error().text;
        dispatcher->use(std::make_shared<const Materials>(std::move(*made)));
    }
    // A rule for vale.com.
    void demand(TlsPolicy policy) {
        options.protections.push_back(protection(policy));
        options.tls_rules.push_back(
            {{"vale.com"}, static_cast<ProtectionId>(options.protections.size() - 1)});
    }
    std::string last_version() const {
        const auto& tls = outlet.settled.back()->outcome.tls;
        return tls ? std::string(runtime::tls_version_name(tls->version)) : "not wanted";
    }
};

TEST_F(TlsDispatch, OutcomesTellOfTls) {
    start();
    for (int i = 0; i < 3; ++i) {
        submit("jill@hill.com");
        network.settle();
    }
    EXPECT_EQ(outlet.delivered(), 3u);
    EXPECT_EQ(mx1().connections, 1u);
    for (const auto& settled : outlet.settled) {
        ASSERT_TRUE(settled->outcome.tls);
        EXPECT_EQ(settled->outcome.tls->version, 0x0304);
        EXPECT_EQ(settled->outcome.tls->verification, 0);
    }
    EXPECT_EQ(outlet.settled[0]->outcome.site, "mx1.hill.com");
}

TEST_F(TlsDispatch, ABrokenHandshakeFallsBackAndIsRemembered) {
    start();
    mx1().tls_trouble = "CLOSE";
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(last_version(), "none");
    EXPECT_EQ(mx1().connections, 2u);
    EXPECT_EQ(metrics.value(Count::tls_out_fallbacks), 1u);
    network.pass(11s);  // the idle connection has gone
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 2u);
    EXPECT_EQ(mx1().connections, 3u) << "in plain text at once";
    EXPECT_EQ(metrics.value(Count::tls_out_fallbacks), 1u);
    mx1().tls_trouble.clear();
    network.pass(options.tls_rest, 1s);
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(last_version(), "TLSv1.3") << "and tried again after a while";
}

TEST_F(TlsDispatch, WhoeverWantsTlsAfterAllIsHeard) {
    start();
    mx1().tls_trouble = "RESET";
    mx1().answer = [](std::string_view what, std::string_view) {
        return what == "mail" ? std::string("530 5.7.0 Must issue a STARTTLS command first") : std::string();
    };
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 0u);
    for (const auto& one : outlet.failed) EXPECT_EQ(one.verdict, Verdict::deferred) << "never a bounce";
    mx1().tls_trouble.clear();
    mx1().answer = nullptr;
    network.pass(10s);
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(last_version(), "TLSv1.3");
}

TEST_F(TlsDispatch, TroubleThatIsNotAboutTlsDowngradesNothing) {
    start();
    mx1().answer = at("banner", "421 4.3.2 busy");
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(mx1().connections, 1u);
    mx1().answer = at("starttls", "CLOSE 421 4.3.2 going down");
    network.pass(10s);
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(mx1().connections, 2u);
    EXPECT_EQ(outlet.delivered(), 0u);
    mx1().answer = at("starttls", "220 2.0.0 go\r\n250 ok");  // injected
    network.pass(10s);
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(mx1().connections, 3u);
    EXPECT_EQ(outlet.delivered(), 0u);
    EXPECT_EQ(metrics.value(Count::tls_out_fallbacks), 0u);
}

TEST_F(TlsDispatch, StrictPoliciesNeverFallBack) {
    demand(TlsPolicy::verified);
    start();
    mx1().tls = server_context({"other.test", false, false});
    submit("jack@vale.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 0u);
    EXPECT_EQ(mx1().connections, 1u);
    ASSERT_FALSE(outlet.failed.empty());
    EXPECT_EQ(outlet.failed.back().verdict, Verdict::deferred);
    EXPECT_EQ(text_of(outlet.failed.back().reason), "4.7.5 certificate of mx1.hill.com: hostname mismatch");
    // Mail that demands less goes to the same host meanwhile.
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(last_version(), "TLSv1.3");
}

TEST_F(TlsDispatch, ProtectionsShareNothing) {
    demand(TlsPolicy::verified);
    start();
    submit("jill@hill.com");
    network.settle();
    submit("jack@vale.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 2u);
    EXPECT_EQ(mx1().connections, 2u) << "the idle one was made for less";
    EXPECT_EQ(mx1().full, 2u) << "nor is its session resumed";
    EXPECT_EQ(outlet.settled[0]->outcome.site, "mx1.hill.com");
    EXPECT_EQ(outlet.settled[1]->outcome.site, "mx1.hill.com/verified");
    network.pass(11s);
    submit("jill@hill.com");
    submit("jack@vale.com");
    network.settle();
    EXPECT_EQ(mx1().resumed, 2u);
}

TEST_F(TlsDispatch, AVerifiedConnectionServesOneName) {
    options.protections = {protection(TlsPolicy::verified)};
    names.set_mx("vale.com", {{10, "mx.vale.com"}});
    names.set_a("mx.vale.com", {"192.0.2.1"});
    start();
    submit("jill@hill.com");
    network.settle();
    submit("jack@vale.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(text_of(outlet.failed.back().reason), "4.7.5 certificate of mx.vale.com: hostname mismatch");
}

TEST_F(TlsDispatch, RoutesHaveTheirOwn) {
    network.host("192.0.2.9:465").implicit = true;
    network.host("192.0.2.9:465").tls = server_context({"smart.test", false, false});
    names.set_a("smart.test", {"192.0.2.9"});
    auto smart = protection(TlsPolicy::verified);
    smart.implicit = true;
    options.protections.push_back(smart);
    options.routes.push_back({{"vale.com"}, {{"smart.test", 465}}, false, 1});
    demand(TlsPolicy::none);  // for mail by MX: not this mail
    start();
    submit("jack@vale.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(outlet.settled.back()->outcome.site, "route:smart.test:465/verified");
    EXPECT_EQ(last_version(), "TLSv1.3");
}

TEST_F(TlsDispatch, NoneSaysNothingOfTls) {
    options.protections = {protection(TlsPolicy::none)};
    start();
    submit("jill@hill.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    EXPECT_EQ(last_version(), "not wanted");
    EXPECT_EQ(mx1().commands[1].substr(0, 4), "MAIL");
}

TEST(Protections, NameTheirSites) {
    const std::vector<Protection> all{protection(TlsPolicy::opportunistic), protection(TlsPolicy::none),
                                      protection(TlsPolicy::verified), protection(TlsPolicy::verified)};
    EXPECT_EQ(site_suffix(all, 0), "");
    EXPECT_EQ(site_suffix(all, 1), "/none");
    EXPECT_EQ(site_suffix(all, 2), "/verified");
    EXPECT_EQ(site_suffix(all, 3), "/verified-2");
}

TEST(Protections, ShareContextsWhereTheyMay) {
    const TemporaryFile other(authority().certificate());
    auto trusting_other = protection(TlsPolicy::verified);
    trusting_other.authorities = other.path();
    const auto made =
        make_materials({protection(TlsPolicy::required), protection(TlsPolicy::verified), trusting_other,
                        protection(TlsPolicy::none), protection(TlsPolicy::opportunistic)});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->at(0).tls, made->at(1).tls);
    EXPECT_NE(made->at(0).tls, made->at(2).tls);
    EXPECT_EQ(made->at(3).tls, nullptr);
    EXPECT_NE(made->at(0).tls, made->at(4).tls) << "which is lenient";
}

TEST(Protections, FilesThatAreNotThereAreNamed) {
    auto wanted = protection(TlsPolicy::verified);
    wanted.authorities = "/nowhere/ca.pem";
    const auto made = make_materials({wanted});
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().text.find("/nowhere/ca.pem"), std::string::npos);
    wanted.authorities_optional = true;
    EXPECT_TRUE(make_materials({wanted}));
    wanted.certificate = "/nowhere/client.pem";
    wanted.key = "/nowhere/client.key";
    const auto without = make_materials({wanted});
    ASSERT_FALSE(without);
    EXPECT_NE(without.error().text.find("/nowhere/client.pem"), std::string::npos);
}

}  // namespace
}  // namespace angarium::outbound::test

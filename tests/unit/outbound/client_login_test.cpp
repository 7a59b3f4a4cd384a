// Logins of a client session: every mechanism, wrong passwords, servers that do not go by the rules; and routes that have one.
#include "engine/sasl/crypto.hpp"
#include "tests/unit/outbound/dispatch.hpp"
#include "tests/unit/outbound/session_fixture.hpp"
#include "tests/unit/outbound/tls_material.hpp"

namespace angarium::outbound::test {
namespace {

using metrics::Count;

// Runs jobs when told.
class LateWorkers final : public runtime::Workers {
  public:
    void submit(runtime::Job& job) override { jobs.push_back(&job); }
    std::vector<runtime::Job*> jobs;
};

class LoginSession : public Session {
  protected:
    LoginSession() {
        offer("PLAIN LOGIN SCRAM-SHA-256");
        security.host = "smart.test";
        security.auth_without_tls = true;
        security.login = std::make_shared<Login>(Login{{"relay", "pencil"}});
    }
    void offer(const std::string& mechanisms) { host.extensions = {"PIPELINING", "AUTH " + mechanisms}; }
    std::string trouble() {
        EXPECT_FALSE(open());
        const Judgement why = session->loss().value_or(Judgement{});
        EXPECT_EQ(why.concern, Concern::exchanger);
        EXPECT_EQ(why.verdict, Verdict::deferred) << "a wrong password bounces nothing";
        EXPECT_FALSE(why.never || why.ours || why.tls);
        close();
        return text_of(why.reason);
    }
};

TEST_F(LoginSession, TheBestMechanismThatIsOffered) {
    for (const auto& [offered, taken] : {std::pair{"LOGIN PLAIN SCRAM-SHA-256", "AUTH SCRAM-SHA-256 "},
                                         {"LOGIN PLAIN CRAM-MD5", "AUTH PLAIN AHJlbGF5AHBlbmNpbA=="},
                                         {"XOAUTH2 LOGIN", "AUTH LOGIN"}}) {
        offer(offered);
        host.commands.clear();
        ASSERT_TRUE(open()) << offered;
        EXPECT_TRUE(host.commands.at(1).starts_with(taken)) << host.commands.at(1);
        send({"jill@hill.com"});
        EXPECT_EQ(host.messages.back().user, "relay");
        close();
    }
    EXPECT_EQ(metrics.value(Count::logins_out), 3u);
}

TEST_F(LoginSession, ScramHashesOnceAndOnAWorker) {
    LateWorkers workers;
    security.workers = &workers;
    auto connecting = network.connect(endpoint("127.0.0.2:25"), std::nullopt, no_deadline);
    auto stream = finish(std::move(connecting), network);
    session = std::make_unique<ClientSession>(shard, *std::move(stream), options, metrics, security);
    auto opening = session->open();
    network.settle();
    ASSERT_EQ(workers.jobs.size(), 1u);
    ASSERT_FALSE(opening.done());
    workers.jobs[0]->work();
    workers.jobs[0]->done();
    network.settle();
    ASSERT_TRUE(opening.done());
    EXPECT_TRUE(session->usable());
    close();
    ASSERT_TRUE(open());
    EXPECT_EQ(workers.jobs.size(), 1u) << "the second login knows the keys";
}

TEST_F(LoginSession, AJobIsAwaitedThoughTheSessionIsLost) {
    LateWorkers workers;
    security.workers = &workers;
    auto connecting = network.connect(endpoint("127.0.0.2:25"), std::nullopt, no_deadline);
    auto stream = finish(std::move(connecting), network);
    session = std::make_unique<ClientSession>(shard, *std::move(stream), options, metrics, security);
    auto opening = session->open();
    network.settle();
    session->abort(Fault::shutdown);
    network.settle();
    ASSERT_FALSE(opening.done());
    workers.jobs.at(0)->work();
    workers.jobs[0]->done();
    network.settle();
    EXPECT_TRUE(opening.done());
    EXPECT_FALSE(session->usable());
}

TEST_F(LoginSession, AWrongPasswordDefers) {
    host.password = "another";
    for (const std::string mechanism : {"PLAIN", "LOGIN", "SCRAM-SHA-256"}) {
        offer(mechanism);
        EXPECT_EQ(trouble(), "535 4.7.8 who are you?") << mechanism;
    }
    host.answer = always("auth", "535 no");
    EXPECT_EQ(trouble(), "535 4.7.8 no");
    host.answer = always("auth", "454 4.7.0 ask later");
    EXPECT_EQ(trouble(), "454 4.7.0 ask later");
    host.answer = always("auth", "CLOSE");
    EXPECT_EQ(trouble(), "4.4.2 connection lost while waiting for the reply to AUTH");
    EXPECT_EQ(metrics.value(Count::logins_out_failed), 6u);
}

TEST_F(LoginSession, WithoutWhatItNeedsThereIsNoLogin) {
    offer("GSSAPI");
    EXPECT_EQ(trouble(), "4.7.4 login is required, but smart.test offers no mechanism that we know");
    offer("PLAIN");
    security.auth_without_tls = false;
    EXPECT_EQ(trouble(), "4.7.11 no login at smart.test without TLS");
    for (const auto& command : host.commands) EXPECT_FALSE(command.starts_with("AUTH")) << command;
}

TEST_F(LoginSession, AServerMustKnowThePasswordItself) {
    offer("SCRAM-SHA-256");
    host.answer = always("auth", "235 2.7.0 whoever you are");
    host.password = "another";
    EXPECT_EQ(trouble(), "4.7.8 login at smart.test failed: the server ends it too early");
}

TEST_F(LoginSession, UnderTlsMechanismsOfTheSecondEhloCount) {
    host.tls = server_context();
    host.extensions = {"AUTH LOGIN", "STARTTLS"};
    host.secure_extensions = {"AUTH PLAIN"};
    security.policy = TlsPolicy::required;
    security.tls = make_materials({protection(TlsPolicy::required)})->front().tls;
    security.auth_without_tls = false;
    ASSERT_TRUE(open());
    EXPECT_TRUE(host.commands.back().starts_with("AUTH PLAIN ")) << host.commands.back();
}

// --- routes ---

class LoginDispatch : public Dispatch {
  protected:
    // A route for `domain` to one and the same host.
    void route(const std::string& domain, const std::string& user, const std::string& password) {
        files.push_back(std::make_unique<TemporaryFile>(password + "\n"));
        Protection made;
        made.user = user;
        made.password_file = files.back()->path();
        made.auth_without_tls = true;
        options.protections.push_back(made);
        options.routes.push_back({{domain},
                                  {{"192.0.2.1", 25}},
                                  false,
                                  static_cast<ProtectionId>(options.protections.size() - 1)});
    }
    void start() {
        Dispatch::start();
        auto made = make_materials(options.protections);
        ASSERT_TRUE(made) << made.error().text;
        dispatcher->use(std::make_shared<const Materials>(std::move(*made)));
    }
    std::vector<std::unique_ptr<TemporaryFile>> files;
};

TEST_F(LoginDispatch, IdentitiesShareNoConnection) {
    mx1().extensions = {"AUTH PLAIN"};
    route("one.com", "relay", "pencil");
    route("two.com", "other", "pencil");
    start();
    submit("jill@one.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
    mx1().user = "other";
    submit("jill@two.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 2u);
    EXPECT_EQ(mx1().connections, 2u);
    EXPECT_EQ(mx1().messages.at(0).user, "relay");
    EXPECT_EQ(mx1().messages.at(1).user, "other");
}

TEST_F(LoginDispatch, AWrongPasswordHoldsTheSiteNotTheOthers) {
    mx1().extensions = {"AUTH PLAIN"};
    route("one.com", "relay", "wrong");
    route("two.com", "relay", "pencil");
    start();
    submit("jill@one.com", 5);
    network.settle();
    EXPECT_EQ(mx1().connections, 1u) << "once for the site, not for each message";
    ASSERT_EQ(outlet.failed.size(), 1u);
    EXPECT_EQ(outlet.failed[0].verdict, Verdict::deferred);
    EXPECT_EQ(text_of(outlet.failed[0].reason), "535 4.7.8 who are you?");
    submit("jill@two.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u);
}

TEST_F(LoginDispatch, GuessingIsSlowAndEndsWithAnotherPassword) {
    mx1().extensions = {"AUTH PLAIN"};
    route("one.com", "relay", "wrong");
    start();
    submit("jill@one.com");
    network.settle();
    for (int i = 0; i < 5; ++i) {
        network.pass(10s, 1s);
        submit("jill@one.com");
        network.settle();
    }
    EXPECT_EQ(mx1().connections, 1u);
    EXPECT_EQ(outlet.failed.size(), 6u);
    network.pass(10s, 1s);
    submit("jill@one.com");
    network.settle();
    EXPECT_EQ(mx1().connections, 2u) << "once a minute";
    auto corrected = std::make_unique<TemporaryFile>("pencil\n");
    auto protections = options.protections;
    protections.back().password_file = corrected->path();
    dispatcher->use(std::make_shared<const Materials>(*make_materials(protections)));
    network.pass(1s);
    submit("jill@one.com");
    network.settle();
    EXPECT_EQ(outlet.delivered(), 1u) << "a reload ends the rest";
}

TEST(Passwords, ComeFromFilesThatOthersCannotRead) {
    Protection wanted;
    wanted.user = "relay";
    TemporaryFile file("p\xc3\xa4ssword\r\nthe rest does not count\n");
    wanted.password_file = file.path();
    const auto made = make_materials({wanted});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->front().login->credentials.password, "p\xc3\xa4ssword");
    std::filesystem::permissions(file.path(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::others_read);
    const auto open = make_materials({wanted});
    ASSERT_FALSE(open);
    EXPECT_NE(open.error().text.find("chmod"), std::string::npos) << open.error().text;
    for (const std::string content : {"", "\n", "bell\a\n", "\xff\n"}) {
        TemporaryFile bad(content);
        wanted.password_file = bad.path();
        const auto refused = make_materials({wanted});
        ASSERT_FALSE(refused) << content;
        EXPECT_NE(refused.error().text.find(bad.path()), std::string::npos);
    }
}

}  // namespace
}  // namespace angarium::outbound::test

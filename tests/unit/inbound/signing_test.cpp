// Signatures within a session: on the shard or on a worker, in the order of replies, and what happens when they cannot be made.
#include <deque>

#include "engine/base/base64.hpp"
#include "tests/unit/accounts/samples.hpp"
#include "tests/unit/dkim/samples.hpp"
#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using metrics::Count;

// Jobs are done when the test says so.
class HeldWorkers final : public runtime::Workers {
  public:
    void submit(runtime::Job& job) override { jobs.push_back(&job); }
    void finish(Dialogue& d) {
        ASSERT_FALSE(jobs.empty());
        auto* const job = jobs.front();
        jobs.pop_front();
        job->work();
        job->done();
        d.shard.settle();
    }
    std::deque<runtime::Job*> jobs;
};

std::shared_ptr<const dkim::Signer> signer_for(const std::string& key) {
    static const dkim::Library library;
    dkim::Entry entry;
    entry.domains = {"signed.test"};
    entry.form.selector = "s";
    entry.key = key;
    auto signer = dkim::Signer::make(library, std::vector{entry});
    EXPECT_TRUE(signer) << signer.error().text;
    return *signer;
}

// Well-formed, but with an even modulus no signature can be made.
std::string broken_key() {
    constexpr std::string_view begin = "-----BEGIN RSA PRIVATE KEY-----\n", end = "-----END";
    const auto text =
        dkim::samples::rsa_pem.substr(begin.size(), dkim::samples::rsa_pem.find(end) - begin.size());
    auto der = *decode_folded_base64(text);
    constexpr std::size_t last_of_modulus =
        11 + 127;  // behind the heads of sequence, version and modulus, and its sign
    der[last_of_modulus] = static_cast<char>(der[last_of_modulus] & ~1);
    return std::string(begin) + base64(der) + "\n-----END RSA PRIVATE KEY-----\n";
}

constexpr std::string_view message = "From: a@signed.test\r\nSubject: x\r\n\r\ntext\r\n.\r\n";

std::string send(Dialogue& d, std::string_view content) {
    d.ready_for_data();
    EXPECT_EQ(d.codes("DATA\r\n"), "354");
    return d.say(content).substr(0, 9);
}

TEST(Signing, InFrontOfEverything) {
    Dialogue d(Dialogue::Setup{.signer = signer_for(dkim::samples::ed25519_pem())});
    EXPECT_EQ(send(d, message), "250 2.0.0");
    EXPECT_EQ(send(d, "From: a@other.test\r\n\r\ntext\r\n.\r\n"), "250 2.0.0");
    EXPECT_EQ(send(d, "no header\r\n.\r\n"), "250 2.0.0");
    ASSERT_EQ(d.intake.messages.size(), 3u);
    const auto& body = d.intake.messages[0].body;
    EXPECT_TRUE(body.starts_with("DKIM-Signature: v=1; a=ed25519-sha256;")) << body;
    EXPECT_EQ(body.find("\r\nReceived: "), body.find("==\r\n") + 2);
    EXPECT_TRUE(d.intake.messages[1].body.starts_with("Received: "));
    EXPECT_TRUE(d.intake.messages[2].body.starts_with("Received: "));
    EXPECT_EQ(d.count(Count::signatures_ed25519), 1u);
    EXPECT_EQ(d.count(Count::unsigned_no_key), 1u);
    EXPECT_EQ(d.count(Count::unsigned_malformed), 1u);
    EXPECT_EQ(d.count(Count::message_bytes_received),
              body.size() + d.intake.messages[1].body.size() + d.intake.messages[2].body.size());
}

TEST(Signing, RefusedContentIsNotSigned) {
    Dialogue d(Dialogue::Setup{.signer = signer_for(dkim::samples::ed25519_pem())});
    EXPECT_EQ(send(d, "From: a@signed.test\r\n\r\nbare\nlf\r\n.\r\n"), "550 5.5.2");
    EXPECT_EQ(send(d, message), "250 2.0.0");
    EXPECT_EQ(d.count(Count::signatures_ed25519), 1u);
}

TEST(Signing, TheSessionReadsOnAndKeepsTheOrder) {
    HeldWorkers workers;
    Dialogue d(Dialogue::Setup{.signer = signer_for(dkim::samples::rsa_pem), .signing = &workers});
    EXPECT_EQ(send(d, message), "");
    ASSERT_EQ(workers.jobs.size(), 1u);
    EXPECT_EQ(d.say("MAIL FROM:<a@signed.test>\r\nRCPT TO:<b@c.test>\r\n"),
              "");  // read, and answered behind the first
    EXPECT_EQ(d.intake.messages.size(), 0u);
    workers.finish(d);
    EXPECT_EQ(d.codes(""), "250 250 250");
    EXPECT_EQ(d.intake.messages.size(), 1u);
    EXPECT_EQ(d.count(Count::signatures_rsa), 1u);
}

TEST(Signing, AClientThatLeavesMeanwhile) {
    HeldWorkers workers;
    Dialogue d(Dialogue::Setup{.signer = signer_for(dkim::samples::rsa_pem), .signing = &workers});
    EXPECT_EQ(send(d, message), "");
    d.session().abort();
    d.shard.settle();
    EXPECT_FALSE(d.over());
    workers.finish(d);
    d.shard.advance(10s);
    EXPECT_TRUE(d.over());
    EXPECT_EQ(d.intake.messages.size(), 1u);  // complete before it left
}

TEST(Signing, WhatCannotBeSignedIsPutOff) {
    HeldWorkers workers;
    Dialogue d(Dialogue::Setup{.signer = signer_for(broken_key()), .signing = &workers});
    EXPECT_EQ(send(d, message), "");
    workers.finish(d);
    EXPECT_EQ(d.say("NOOP\r\n").substr(0, 9), "451 4.7.0");
    EXPECT_EQ(d.intake.messages.size(), 0u);
    EXPECT_EQ(d.intake.open_messages, 0u);
    EXPECT_EQ(d.count(Count::signing_failures), 1u);
    EXPECT_EQ(d.count(Count::rejected_signing), 1u);
    ASSERT_EQ(d.rejections.size(), 1u);
    EXPECT_EQ(d.rejections[0].code, 451);
    EXPECT_EQ(send(d, "From: a@other.test\r\n\r\ntext\r\n.\r\n"), "250 2.0.0");
}

// An account that is bound to senders gets signatures for their mail only, whatever stands in From:.
TEST(Signing, NotForAnybodyElse) {
    auto jill = accounts::new_account("jill", "well");
    jill.from = {"jill@signed.test", "hill.com"};
    Dialogue::Setup setup;
    setup.relay = false;
    setup.accounts = accounts::parsed(account_line(jill) + "\n");
    setup.auth_without_tls = true;
    setup.signer = signer_for(dkim::samples::ed25519_pem());
    Dialogue d(setup);
    EXPECT_EQ(d.codes("EHLO client.test\r\n"), "250");
    d.say("AUTH PLAIN " + base64("\0jill\0well"sv) + "\r\n");
    d.workers.run();
    d.shard.settle();
    EXPECT_EQ(d.codes(""), "235");
    const auto is_signed = [&](const std::string& from) {
        const auto before = d.intake.messages.size();
        EXPECT_EQ(d.codes("MAIL FROM:<jill@signed.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n"), "250 250 354");
        EXPECT_EQ(d.codes("From: " + from + "\r\n\r\ntext\r\n.\r\n"), "250");
        return d.intake.messages.at(before).body.starts_with("DKIM-Signature:");
    };
    EXPECT_TRUE(is_signed("Jill <jill@signed.test>"));
    EXPECT_FALSE(is_signed("Jack <jack@signed.test>"));
    EXPECT_FALSE(is_signed("jill@signed.test, jack@signed.test"));
    EXPECT_TRUE(is_signed("jill@signed.test"));
    EXPECT_EQ(d.count(Count::unsigned_author), 2u);
}

}  // namespace
}  // namespace angarium::inbound

#include "engine/accounts/account.hpp"

#include <gtest/gtest.h>

#include <set>

#include "engine/sasl/scram_client.hpp"
#include "engine/sasl/scram_server.hpp"
#include "tests/unit/accounts/samples.hpp"

namespace angarium::accounts {
namespace {

TEST(Accounts, WhatIsWrittenIsRead) {
    auto jack = new_account("jack@town.com", "water");
    jack.from = {"town.com", "jack@hill.org"};
    auto jill = new_account("jill", "w\xc3\xa4ter");
    jill.scram = false;
    const auto accounts = parsed("# both\n\n  \t\r\n" + account_line(jack) + "\r\n" + account_line(jill));
    ASSERT_EQ(accounts->all().size(), 2u);
    EXPECT_TRUE(accounts->any_scram());
    EXPECT_TRUE(accounts->check("jack@town.com", "water"));
    EXPECT_TRUE(accounts->check("jill", "w\xc3\xa4ter"));
    EXPECT_FALSE(accounts->check("jill", "water"));
    EXPECT_FALSE(accounts->check("Jill", "w\xc3\xa4ter"));
    EXPECT_FALSE(accounts->check("nobody", "water"));
    EXPECT_FALSE(accounts->check("jack@town.com", ""));
    const auto* const found = accounts->find("jack@town.com");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->from, (std::vector<std::string>{"town.com", "jack@hill.org"}));
    ASSERT_NE(found->senders, nullptr);
    EXPECT_TRUE(found->senders->contains(*smtp::Mailbox::parse("any@town.com", smtp::Utf8::refused)));
    EXPECT_FALSE(found->senders->contains(*smtp::Mailbox::parse("jill@hill.org", smtp::Utf8::refused)));
    EXPECT_EQ(accounts->find("jill")->senders, nullptr);
    EXPECT_EQ(accounts->find("jac"), nullptr);
}

TEST(Accounts, NoneIsAllRight) {
    const auto accounts = parsed("");
    EXPECT_TRUE(accounts->all().empty());
    EXPECT_FALSE(accounts->any_scram());
    EXPECT_FALSE(accounts->check("jack", "water"));
}

TEST(Accounts, EveryLineIsSalted) {
    const auto jack = new_account("jack", "water");
    EXPECT_NE(account_line(jack), account_line(jack));
    EXPECT_EQ(account_line(jack).find("water"), std::string::npos);
}

// A client with the right password against what the file says.
bool proves(const sasl::ScramVerifier& verifier, std::string_view password) {
    sasl::ScramServer server(sasl::make_nonce());
    sasl::ScramClient client("jack", sasl::make_nonce());
    if (!server.first(client.first()) || client.take(server.challenge(verifier))) return false;
    const auto keys = sasl::make_scram_keys(password, client.salt(), client.iterations());
    return server.final(client.final(keys)) == sasl::ScramServer::Judgement::proven &&
           client.judge(server.signature());
}

TEST(Accounts, ScramVerifiersWork) {
    const auto accounts = parsed(account_line(new_account("jack", "water")));
    EXPECT_TRUE(proves(accounts->scram_verifier("jack"), "water"));
    EXPECT_FALSE(proves(accounts->scram_verifier("jack"), "wine"));
    EXPECT_FALSE(proves(accounts->scram_verifier("jill"), "water"));
}

TEST(Accounts, FalseVerifiersNeverChange) {
    const auto jack = account_line(new_account("jack", "water"));
    const std::string seed = "@seed AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    const auto before = parsed(seed + jack),
               after = parsed(seed + jack + "\n" + account_line(new_account("jill", "w")));
    const auto ghost = before->scram_verifier("ghost");
    EXPECT_EQ(ghost.salt, after->scram_verifier("ghost").salt);
    EXPECT_EQ(ghost.salt.size(), before->scram_verifier("jack").salt.size());
    EXPECT_EQ(ghost.iterations, before->scram_verifier("jack").iterations);
    EXPECT_NE(ghost.salt, before->scram_verifier("ghost2").salt);
    EXPECT_NE(ghost.salt, parsed(jack)->scram_verifier("ghost").salt);  // of another file
    EXPECT_NE(before->generation(), after->generation());
}

// Costs and iterations are raised account by account; who exists must not be told by them.
TEST(Accounts, WhoDoesNotExistTakesAfterThoseWhoDo) {
    auto jill = new_account("jill", "well");
    jill.cost.log2_n = 5;
    auto line = account_line(jill);
    const std::string raised = "=16384:";
    line.replace(line.find(raised), raised.size(), "=4096:");
    const auto accounts = parsed(account_line(new_account("jack", "water")) + "\n" + line);
    EXPECT_EQ(accounts->cost_of("jack").log2_n, 4u);
    EXPECT_EQ(accounts->cost_of("jill").log2_n, 5u);
    std::set<unsigned> costs, iterations;
    for (int i = 0; i < 64; ++i) {
        const auto ghost = "ghost" + std::to_string(i);
        costs.insert(accounts->cost_of(ghost).log2_n);
        iterations.insert(accounts->scram_verifier(ghost).iterations);
        EXPECT_EQ(accounts->cost_of(ghost), accounts->cost_of(ghost));
    }
    EXPECT_EQ(costs, (std::set<unsigned>{4, 5}));
    EXPECT_EQ(iterations, (std::set<unsigned>{4096, 16'384}));
}

TEST(Accounts, ErrorsNameLineAndRemedyAndNoHash) {
    const std::string good = account_line(new_account("jack", "water"));
    const auto hash = good.substr(good.find("scrypt="), good.find(" scram") - good.find("scrypt="));
    const auto scram = good.substr(good.find("scram-sha-256="));
    const auto cut = [](const std::string& text) { return text.substr(0, text.size() - 3); };
    for (const auto& [line, word] :
         {std::pair<std::string, std::string>{"jack", "has no scrypt="},
          {"jack " + scram, "has no scrypt="},
          {"jack " + cut(hash), "damaged"},
          {"jack scrypt=10:8:1:AAAA", "five parts"},
          {"jack scrypt=1x:8:1:AAAA" + hash.substr(hash.rfind(':')), "damaged"},
          {"jack scrypt=24:64:1:AAAA" + hash.substr(hash.rfind(':')), "too much"},
          {"jack " + hash + " " + hash, "twice"},
          {"jack " + hash + " " + scram + " " + scram, "twice"},
          {"jack " + hash + " " + cut(scram), "damaged"},
          {"jack " + hash + " scram-sha-256=1" + scram.substr(scram.find(':')), "iterations"},
          {"jack " + hash + " from=", "from= has \"\""},
          {"jack " + hash + " from=a@b@c", "from= has \"a@b@c\""},
          {"jack " + hash + " from=a@\x1b[2J", "from= has \"a@?[2J\""},
          {"jack " + hash + " from=a.com from=b.com", "twice"},
          {"jack " + hash + " form=a.com", "unknown"},
          {"@jack " + hash, "no account name"},
          {"j\x01k " + hash, "no account name"},
          {std::string(256, 'j') + " " + hash, "no account name"},
          {"@seed AAAA", "damaged"}}) {
        const auto made = Accounts::parse("# first\n" + line + "\n", "file");
        ASSERT_FALSE(made) << line;
        const auto& text = made.error().at(0).text;
        EXPECT_TRUE(text.starts_with("file:2: ")) << text;
        EXPECT_NE(text.find(word), std::string::npos) << text;
        EXPECT_EQ(text.find("AAAA"), std::string::npos) << text;
        EXPECT_EQ(text.find('\x01'), std::string::npos) << text;
    }
    const auto twice = Accounts::parse(good + "\n" + good + "\n", "file");
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().at(0).text, "file: jack: is there twice; remove one of its lines");
    EXPECT_EQ(Accounts::parse("a\nb\nc\n", "file").error().size(), 3u);
}

TEST(Accounts, TextIsChangedLineByLine) {
    const std::string before =
        "# mine\n@seed AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\njack old\n\n# his\njill old";
    auto text = with_account(before, "joe", "joe new", false);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, before + "\njoe new\n");
    EXPECT_FALSE(with_account(before, "jack", "jack new", false));
    text = with_account(before, "jack", "jack new", true);
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("=\njack new\n\n# his\njill old"), std::string::npos);
    EXPECT_EQ(text->find("jack old"), std::string::npos);
    text = without_account(before, "jack");
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("=\n\n# his\njill old"), std::string::npos);
    EXPECT_TRUE(without_account(before, "jill")->ends_with("# his\n"));
    EXPECT_FALSE(without_account(before, "joe"));
    EXPECT_FALSE(without_account(before, "old"));
    const auto fresh = with_account("", "jack", "jack new", false);
    EXPECT_NE(fresh->find("\n@seed "), std::string::npos);
    EXPECT_TRUE(fresh->starts_with("# ") && fresh->ends_with("\njack new\n"));
}

TEST(Accounts, NamesThatCanStandInALine) {
    for (const auto good : {"jack", "jack@town.com", "j\xc3\xb6rg", "a=b"})
        EXPECT_TRUE(is_account_name(good)) << good;
    for (const auto bad : {"", "a b", "#jack", "@jack", "a\tb", "a\nb"})
        EXPECT_FALSE(is_account_name(bad)) << bad;
}

}  // namespace
}  // namespace angarium::accounts

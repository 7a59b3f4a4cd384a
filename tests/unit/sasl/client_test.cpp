#include "engine/sasl/client.hpp"

#include <gtest/gtest.h>

#include "engine/base/base64.hpp"
#include "engine/sasl/server.hpp"

namespace angarium::sasl {
namespace {

const Credentials jack{"jack", "water"};

TEST(SaslClient, Plain) {
    Client client(Mechanism::plain, jack);
    EXPECT_EQ(client.command(), "AUTH PLAIN AGphY2sAd2F0ZXI=\r\n");
    EXPECT_TRUE(client.complete());
    EXPECT_FALSE(client.answer(""));
    EXPECT_FALSE(client.complete());
}

TEST(SaslClient, WhatWouldBeTooLongALineWaitsForTheChallenge) {
    Client client(Mechanism::plain, {"jack", std::string(400, 'w')});
    EXPECT_EQ(client.command(), "AUTH PLAIN\r\n");
    EXPECT_FALSE(client.complete());
    const auto response = client.answer("");
    ASSERT_TRUE(response);
    EXPECT_EQ(*response, base64(std::string("\0jack\0", 6) + std::string(400, 'w')) + "\r\n");
    EXPECT_TRUE(client.complete());
    Client fits(Mechanism::plain, {"jack", std::string(364, 'w')});
    EXPECT_EQ(fits.command().size(), 11u + 496 + 2);
}

TEST(SaslClient, Login) {
    Client client(Mechanism::login, jack);
    EXPECT_EQ(client.command(), "AUTH LOGIN\r\n");
    EXPECT_EQ(client.answer("VXNlcm5hbWU6").value(), "amFjaw==\r\n");
    EXPECT_FALSE(client.complete());
    EXPECT_EQ(client.answer("who knows what").value(), "d2F0ZXI=\r\n");
    EXPECT_TRUE(client.complete());
    EXPECT_FALSE(client.answer(""));
}

// RFC 7677 section 3.
TEST(SaslClient, Scram) {
    Client client(Mechanism::scram_sha_256, {"user", "pencil"}, nullptr, "rOprNGfwEbeRWgbNEkqO");
    EXPECT_EQ(client.command(), "AUTH SCRAM-SHA-256 " + base64("n,,n=user,r=rOprNGfwEbeRWgbNEkqO") + "\r\n");
    ASSERT_TRUE(client.read(
        base64("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")));
    EXPECT_TRUE(client.must_hash());
    client.hash();
    EXPECT_EQ(client.response(), base64("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="
                                        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") +
                                     "\r\n");
    EXPECT_FALSE(client.complete());  // a 235 now would come from somebody who does not know the password
    EXPECT_EQ(client.answer(base64("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")).value(), "\r\n");
    EXPECT_TRUE(client.complete());
}

// A whole login against our own server.
struct Login {
    std::shared_ptr<const ScramKeys> keys;
    bool hashed = false, complete = false;
    Server::Next end = Server::Next::malformed;
};
Login scram_login(const ScramVerifier& verifier, const std::shared_ptr<const ScramKeys>& keys) {
    Login login;
    Client client(Mechanism::scram_sha_256, jack, keys);
    Server server(Mechanism::scram_sha_256);
    auto line = client.command().substr(std::string_view("AUTH SCRAM-SHA-256 ").size());
    auto next = server.begin(decode_base64(line.substr(0, line.size() - 2)));
    while (next == Server::Next::verifier || next == Server::Next::challenge) {
        if (next == Server::Next::verifier) {
            next = server.use(verifier);
            continue;
        }
        if (!client.read(base64(server.challenge()))) break;
        if (client.must_hash()) {
            client.hash();
            login.hashed = true;
        }
        line = client.response();
        next = server.take(*decode_base64(line.substr(0, line.size() - 2)));
    }
    login.end = next;
    login.keys = client.keys();
    login.complete = client.complete();
    return login;
}

TEST(SaslClient, KeysSaveTheHashing) {
    const auto verifier = make_scram_verifier("water", "salt", 4096);
    const auto first = scram_login(verifier, nullptr);
    EXPECT_TRUE(first.hashed && first.complete);
    EXPECT_EQ(first.end, Server::Next::proven);
    const auto second = scram_login(verifier, first.keys);
    EXPECT_TRUE(!second.hashed && second.complete);
    EXPECT_EQ(second.end, Server::Next::proven);
    const auto changed = scram_login(make_scram_verifier("water", "pepper", 4096), first.keys);
    EXPECT_TRUE(changed.hashed && changed.complete);
    EXPECT_EQ(changed.end, Server::Next::proven);
}

TEST(SaslClient, FindsOutAServerThatDoesNotKnowThePassword) {
    const auto base = make_scram_verifier("water", "salt", 4096);
    auto stolen = base;
    stolen.server_key = make_scram_verifier("other", "salt", 4096).server_key;
    const auto login = scram_login(stolen, nullptr);
    EXPECT_FALSE(login.complete);
    Client client(Mechanism::scram_sha_256, jack);
    client.command();
    EXPECT_FALSE(client.answer("!"));
}

}  // namespace
}  // namespace angarium::sasl

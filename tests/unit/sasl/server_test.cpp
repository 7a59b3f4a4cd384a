#include "engine/sasl/server.hpp"

#include <gtest/gtest.h>

#include "engine/sasl/client.hpp"

namespace angarium::sasl {
namespace {

using Next = Server::Next;
using namespace std::string_view_literals;

TEST(SaslServer, Plain) {  // RFC 4616 section 4
    Server server(Mechanism::plain);
    EXPECT_EQ(server.begin("\0tim\0tanstaaftanstaaf"sv), Next::password);
    EXPECT_EQ(server.user(), "tim");
    EXPECT_EQ(server.password(), "tanstaaftanstaaf");
    Server asked(Mechanism::plain);
    EXPECT_EQ(asked.begin(std::nullopt), Next::challenge);
    EXPECT_EQ(asked.challenge(), "");
    EXPECT_EQ(asked.take("tim\0tim\0pass word"sv), Next::password);
    EXPECT_EQ(asked.password(), "pass word");
}

TEST(SaslServer, PlainOfNoForm) {
    for (const auto bad :
         {""sv, "\0"sv, "\0\0"sv, "tim\0pass"sv, "\0tim\0"sv, "\0\0pass"sv, "\0tim\0pa\0ss"sv,
          "\0t\rim\0pass"sv, "\0tim\0pa\nss"sv, "\0t\xffim\0pass"sv, "Kurt\0tim\0pass"sv}) {
        Server server(Mechanism::plain);
        EXPECT_EQ(server.begin(bad), Next::malformed) << bad;
    }
    Server longer(Mechanism::plain);
    EXPECT_EQ(longer.begin(std::string(1, '\0') + "tim" + std::string(1, '\0') + std::string(1600, 'x')),
              Next::malformed);
}

TEST(SaslServer, Login) {
    Server server(Mechanism::login);
    EXPECT_EQ(server.begin(std::nullopt), Next::challenge);
    EXPECT_EQ(server.challenge(), "Username:");
    EXPECT_EQ(server.take("tim"), Next::challenge);
    EXPECT_EQ(server.challenge(), "Password:");
    EXPECT_EQ(server.take("secret"), Next::password);
    EXPECT_EQ(server.user(), "tim");
    Server named(Mechanism::login);
    EXPECT_EQ(named.begin("tim"), Next::challenge);
    EXPECT_EQ(named.challenge(), "Password:");
    EXPECT_EQ(named.take("se\0cret"sv), Next::malformed);
    Server nobody(Mechanism::login);
    EXPECT_EQ(nobody.begin(""), Next::malformed);
}

// Our client against our server, over what SMTP would carry.
Next converse(Server& server, ScramClient& client, const ScramVerifier& verifier, std::string_view password) {
    if (server.begin(client.first()) != Next::verifier) return Next::malformed;
    if (server.use(verifier) != Next::challenge || client.take(server.challenge())) return Next::malformed;
    const auto next =
        server.take(client.final(make_scram_keys(password, client.salt(), client.iterations())));
    if (next != Next::challenge) return next;
    if (!client.judge(server.challenge())) return Next::malformed;
    return server.take("");
}

TEST(SaslServer, Scram) {
    const auto verifier = make_scram_verifier("secret", "salt", 4096);
    for (const auto& [password, end] : {std::pair{"secret", Next::proven}, {"other", Next::wrong}}) {
        Server server(Mechanism::scram_sha_256);
        ScramClient client("tim", make_nonce());
        EXPECT_EQ(converse(server, client, verifier, password), end);
        EXPECT_EQ(server.user(), "tim");
    }
    Server server(Mechanism::scram_sha_256);
    EXPECT_EQ(server.begin(std::nullopt), Next::challenge);
    EXPECT_EQ(server.challenge(), "");
    EXPECT_EQ(server.take("p=tls-unique,,n=tim,r=abc"), Next::malformed);
}

TEST(SaslServer, ScramEndsWithAnEmptyResponse) {
    const auto verifier = make_scram_verifier("secret", "salt", 4096);
    Server server(Mechanism::scram_sha_256);
    ScramClient client("tim", make_nonce());
    ASSERT_EQ(server.begin(client.first()), Next::verifier);
    server.use(verifier);
    ASSERT_EQ(client.take(server.challenge()), std::nullopt);
    EXPECT_EQ(server.take(client.final(make_scram_keys("secret", "salt", 4096))), Next::challenge);
    EXPECT_EQ(server.take("more"), Next::malformed);
}

}  // namespace
}  // namespace angarium::sasl

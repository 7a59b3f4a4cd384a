#include "engine/sasl/scram.hpp"

#include <gtest/gtest.h>

#include "engine/base/base64.hpp"
#include "engine/sasl/scram_client.hpp"
#include "engine/sasl/scram_server.hpp"

namespace angarium::sasl {
namespace {

using Judgement = ScramServer::Judgement;

// RFC 7677 section 3.
const std::string client_nonce = "rOprNGfwEbeRWgbNEkqO", server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string client_first = "n,,n=user,r=" + client_nonce;
const std::string server_first = "r=" + client_nonce + server_nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const std::string client_final =
    "c=biws,r=" + client_nonce + server_nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const std::string server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
const std::string salt = *decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==");

const ScramVerifier& pencil() {
    static const auto verifier = make_scram_verifier("pencil", salt, 4096);
    return verifier;
}

TEST(Scram, ClientKeepsToTheVector) {
    ScramClient client("user", client_nonce);
    EXPECT_EQ(client.first(), client_first);
    EXPECT_EQ(client.take(server_first), std::nullopt);
    EXPECT_EQ(client.salt(), salt);
    EXPECT_EQ(client.iterations(), 4096u);
    EXPECT_EQ(client.final(make_scram_keys("pencil", salt, 4096)), client_final);
    EXPECT_TRUE(client.judge(server_final));
    for (const auto& bad : {std::string("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), std::string("v="),
                            std::string(), std::string("e=other-error"), server_final.substr(0, 20)})
        EXPECT_FALSE(client.judge(bad)) << bad;
}

TEST(Scram, ServerKeepsToTheVector) {
    ScramServer server(server_nonce);
    ASSERT_TRUE(server.first(client_first));
    EXPECT_EQ(server.user(), "user");
    EXPECT_EQ(server.challenge(pencil()), server_first);
    EXPECT_EQ(server.final(client_final), Judgement::proven);
    EXPECT_EQ(server.signature(), server_final);
}

TEST(Scram, ServerJudgesProofs) {
    const auto judged = [](const std::string& message) {
        ScramServer server(server_nonce);
        EXPECT_TRUE(server.first(client_first));
        server.challenge(pencil());
        return server.final(message);
    };
    const auto with = [](std::string_view what, std::string_view instead) {
        auto message = client_final;
        return message.replace(message.find(what), what.size(), instead);
    };
    EXPECT_EQ(judged(with("p=dH", "p=eH")), Judgement::wrong);
    EXPECT_EQ(judged(with("c=biws", "c=eSws")), Judgement::wrong);      // "y,,": not what it began with
    EXPECT_EQ(judged(with("c=biws", "c=cD1hLCw=")), Judgement::wrong);  // "p=a,,"
    EXPECT_EQ(judged(with("%hvY", "%hvZ")), Judgement::wrong);
    for (const auto& bad :
         {std::string(), std::string("c=biws"), with(",p=", ",q="), with("p=dHzb", "p="),
          with("c=biws", "biws"), with(",p=", ",x=1,p="), client_final + ",x=1", with("ndVQ=", "ndVQ")})
        EXPECT_EQ(judged(bad), Judgement::malformed) << bad;
    ScramServer other(server_nonce);
    ASSERT_TRUE(other.first(client_first));
    other.challenge(make_scram_verifier("pen", salt, 4096));
    EXPECT_EQ(other.final(client_final), Judgement::wrong);
}

TEST(Scram, TheHeaderIsWhatItSays) {
    const auto taken = [](std::string_view message) { return ScramServer(server_nonce).first(message); };
    EXPECT_TRUE(taken("n,,n=user,r=abc"));
    EXPECT_TRUE(taken("y,,n=user,r=abc"));  // thinks that we know no binding, and is right
    EXPECT_TRUE(taken("n,a=user,n=user,r=abc"));
    for (const auto bad : {"p=tls-unique,,n=user,r=abc",
                           "p=tls-server-end-point,,n=user,r=abc",
                           "x,,n=user,r=abc",
                           "n,n=user,r=abc",
                           "n,,r=abc",
                           "n,,n=user",
                           "n,,n=user,r=",
                           "n,,n=,r=abc",
                           "n,a=other,n=user,r=abc",
                           "n,,m=1,n=user,r=abc",
                           "n,,n=user,r=abc,m=1",
                           "n,,n=us=er,r=abc",
                           "n,,n=us=2cer,r=abc",
                           "n,,n=us\rer,r=abc",
                           "n,,n=user,r=a c",
                           "n,,n=\xff,r=abc",
                           "",
                           "n",
                           "n,",
                           ",,"})
        EXPECT_FALSE(taken(bad)) << bad;
    EXPECT_FALSE(taken("n,,n=user,r=" + std::string(257, 'x')));
    EXPECT_TRUE(taken("n,,n=user,r=" + std::string(256, 'x')));
}

TEST(Scram, AYHeaderIsUnderTheProof) {
    ScramServer server(server_nonce);
    ASSERT_TRUE(server.first("y,,n=user,r=" + client_nonce));
    server.challenge(pencil());
    // The proof of a client that said "n": somebody turned it into "y" on the way.
    EXPECT_EQ(server.final(client_final), Judgement::wrong);
}

TEST(Scram, NamesAreEscaped) {
    EXPECT_EQ(escape_name("a,b=c"), "a=2Cb=3Dc");
    EXPECT_EQ(unescape_name("a=2Cb=3Dc"), "a,b=c");
    for (const auto bad : {"a=", "a=2", "a=2c", "a=41"}) EXPECT_EQ(unescape_name(bad), std::nullopt) << bad;
    ScramServer server(server_nonce);
    ScramClient client("a,b=c", "xyz");
    ASSERT_TRUE(server.first(client.first()));
    EXPECT_EQ(server.user(), "a,b=c");
}

TEST(Scram, ClientTrustsNoServer) {
    const auto wrong = [](std::string_view message) {
        return ScramClient("user", "abc").take(message).has_value();
    };
    EXPECT_FALSE(wrong("r=abcd,s=c2FsdA==,i=4096"));
    for (const auto bad : {"r=abc,s=c2FsdA==,i=4096",      // adds nothing
                           "r=xbcd,s=c2FsdA==,i=4096",     // is not ours
                           "r=abcd,s=c2FsdA==,i=4095",     // would be easy to try passwords on
                           "r=abcd,s=c2FsdA==,i=1",        //
                           "r=abcd,s=c2FsdA==,i=1000001",  // would keep us busy
                           "r=abcd,s=c2FsdA==,i=99999999999999999999", "r=abcd,s=c2FsdA==,i=-1",
                           "r=abcd,s=c2FsdA==", "r=abcd,s=,i=4096", "r=abcd,s=c2F,i=4096",
                           "m=x,r=abcd,s=c2FsdA==,i=4096", "e=unknown-user", ""})
        EXPECT_TRUE(wrong(bad)) << bad;
}

}  // namespace
}  // namespace angarium::sasl

#include "engine/sasl/mechanism.hpp"

#include <gtest/gtest.h>

namespace angarium::sasl {
namespace {

using smtp::AuthMechanisms;
using namespace std::string_view_literals;

TEST(Mechanism, Names) {
    for (const auto mechanism : mechanisms) EXPECT_EQ(parse_mechanism(name(mechanism)), mechanism);
    EXPECT_EQ(parse_mechanism("plain"), Mechanism::plain);
    EXPECT_EQ(parse_mechanism("Scram-Sha-256"), Mechanism::scram_sha_256);
    for (const auto other : {"", "PLAI", "PLAINX", "SCRAM-SHA-256-PLUS", "CRAM-MD5", "PLAIN "})
        EXPECT_EQ(parse_mechanism(other), std::nullopt) << other;
}

TEST(Mechanism, TheBestShowsThePasswordToNobody) {
    EXPECT_EQ(best(AuthMechanisms::plain | AuthMechanisms::login | AuthMechanisms::scram_sha_256),
              Mechanism::scram_sha_256);
    EXPECT_EQ(best(AuthMechanisms::plain | AuthMechanisms::login), Mechanism::plain);
    EXPECT_EQ(best(AuthMechanisms::login | AuthMechanisms::cram_md5), Mechanism::login);
    EXPECT_EQ(best(AuthMechanisms::cram_md5), std::nullopt);
}

TEST(Mechanism, NamesAndPasswordsHoldNoControls) {
    for (const auto good : {"jack"sv, "jack@town.com"sv, "j\xc3\xb6rg"sv, "a b"sv}) {
        EXPECT_TRUE(is_name(good)) << good;
        EXPECT_TRUE(is_password(good)) << good;
    }
    for (const auto bad :
         {""sv, "a\0b"sv, "a\r\nb"sv, "a\tb"sv, "a\x7f"sv, "\xc2\x85"sv, "\xff"sv, "\xc0\x80"sv}) {
        EXPECT_FALSE(is_name(bad)) << bad;
        EXPECT_FALSE(is_password(bad)) << bad;
    }
    EXPECT_TRUE(is_name(std::string(255, 'a')));
    EXPECT_FALSE(is_name(std::string(256, 'a')));
    EXPECT_TRUE(is_password(std::string(1000, 'a')));
    EXPECT_FALSE(is_password(std::string(1001, 'a')));
}

}  // namespace
}  // namespace angarium::sasl

// RFC 8463 appendix A: the message there, its two keys and two signatures. Both algorithms are deterministic, so ours must be the
// same.
#include <gtest/gtest.h>

#include "engine/dkim/signature.hpp"
#include "tests/unit/dkim/samples.hpp"

namespace angarium::dkim {
namespace {

constexpr std::string_view names[] = {"from",       "to",   "subject", "date",
                                      "message-id", "from", "subject", "date"};

std::string sign(const std::string& pem, std::string_view field) {
    const Library library;
    const auto key = PrivateKey::parse(library, pem, "key");
    const auto fields = split_fields(samples::header);
    return base64(*key->sign(header_digest(library, *fields, names, field, Canonical::relaxed)));
}

TEST(Rfc8463, BodyHash) {
    const Library library;
    BodyCanonical canonical(Canonical::relaxed);
    std::vector<std::string_view> pieces;
    canonical.feed(samples::body, pieces);
    canonical.finish(pieces);
    Sha256 hash(library);
    for (const auto piece : pieces) hash.update(piece);
    EXPECT_EQ(base64(bytes_of(hash.finish())), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
}

TEST(Rfc8463, Ed25519) {
    EXPECT_EQ(sign(samples::ed25519_pem(),
                   "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; "
                   "i=@football.example.com;\r\n"
                   " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : "
                   "from : subject : date;\r\n"
                   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="),
              "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==");
}

TEST(Rfc8463, Rsa) {
    EXPECT_EQ(sign(samples::rsa_pem,
                   "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=football.example.com; "
                   "i=@football.example.com;\r\n"
                   " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n date : message-id : from : "
                   "subject : date;\r\n"
                   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="),
              "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+"
              "FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz"
              "dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=");
}

}  // namespace
}  // namespace angarium::dkim

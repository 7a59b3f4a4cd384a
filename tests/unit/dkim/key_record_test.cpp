#include "engine/dkim/key_record.hpp"

#include <gtest/gtest.h>

#include "tests/unit/dkim/samples.hpp"

namespace angarium::dkim {
namespace {

class KeyRecord : public ::testing::Test {
  protected:
    std::string found(const std::vector<std::string>& texts) {
        return std::string(to_string(compare(rsa, texts).verdict));
    }
    const Library library;
    const PrivateKey rsa = std::move(*PrivateKey::parse(library, samples::rsa_pem, "rsa"));
    const PrivateKey ed25519 = std::move(*PrivateKey::parse(library, samples::ed25519_pem(), "ed25519"));
    const std::string p = std::string(samples::rsa_public);
};

TEST_F(KeyRecord, Texts) {
    EXPECT_EQ(record_name("s1", "example.net"), "s1._domainkey.example.net");
    EXPECT_EQ(record_text(rsa), "v=DKIM1; k=rsa; p=" + p);
    EXPECT_EQ(record_text(ed25519), "v=DKIM1; k=ed25519; p=" + std::string(samples::ed25519_public));
    EXPECT_EQ(zone_line("s1", "example.net", ed25519),
              "s1._domainkey.example.net. IN TXT ( \"v=DKIM1; k=ed25519; p=" +
                  std::string(samples::ed25519_public) + "\" )");
    const auto key = PrivateKey::generate(library, Algorithm::rsa_sha256, 2048);
    const auto line = zone_line("s1", "example.net", *key);
    const auto first = line.find('"'), second = line.find('"', first + 1);
    EXPECT_EQ(second - first - 1, 255u);
    std::string joined;
    bool inside = false;
    for (const char c : line)
        if (c == '"')
            inside = !inside;
        else if (inside)
            joined += c;
    EXPECT_EQ(joined, record_text(*key));
}

TEST_F(KeyRecord, Verdicts) {
    EXPECT_EQ(found({}), "missing");
    EXPECT_EQ(found({"google-site-verification=x"}), "missing");
    EXPECT_EQ(found({"v=spf1 -all"}), "missing");
    EXPECT_EQ(found({record_text(rsa)}), "ok");
    EXPECT_EQ(found({"something else", "v=DKIM1;p=" + p + ";"}), "ok");  // k=rsa is the default
    EXPECT_EQ(found({"p=" + p}), "ok");
    EXPECT_EQ(found({"v=DKIM1; k=rsa; t=y; h=sha1:sha256; s=email; n=note; p=" + p.substr(0, 50) + " " +
                     p.substr(50)}),
              "ok");
    EXPECT_EQ(found({"v=DKIM1; k=rsa; p=" + base64(rsa.bare_public_key())}), "ok");
    EXPECT_EQ(found({"v=DKIM1; k=rsa; p="}), "revoked");
    EXPECT_EQ(found({record_text(ed25519)}), "different");
    EXPECT_EQ(found({"v=DKIM1; k=rsa"}), "different");
    EXPECT_EQ(found({"v=DKIM1; k=rsa; p=" + p.substr(0, 100)}), "different");
    EXPECT_EQ(found({"v=DKIM1; k=rsa; p=" + p.substr(0, 101)}), "different");
    EXPECT_EQ(found({"v=DKIM1; h=sha1; p=" + p}), "different");
    EXPECT_EQ(found({"v=DKIM1; s=other; p=" + p}), "different");
    EXPECT_EQ(found({record_text(rsa), record_text(rsa)}), "different");
    EXPECT_NE(compare(rsa, {"v=DKIM1; t=s:y; p=" + p}).detail.find("testing"), std::string::npos);
    EXPECT_EQ(compare(ed25519, {record_text(ed25519)}).verdict, RecordVerdict::ok);
}

}  // namespace
}  // namespace angarium::dkim

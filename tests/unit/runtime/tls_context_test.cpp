#include "engine/runtime/tls_context.hpp"

#include "tests/unit/runtime/tls_fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;
using support::CertificateForm;

std::string server_trouble(std::vector<TlsIdentity> identities) {
    TlsServerOptions options;
    options.identities = std::move(identities);
    const auto made = TlsContext::server(options);
    EXPECT_FALSE(made.has_value());
    return made ? "" : made.error().text;
}
void expect_says(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(TlsContext, NeedsAnIdentity) { expect_says(server_trouble({}), "needs a certificate"); }

TEST(TlsContext, NamesAFileThatIsMissing) {
    const auto missing = read_identity("/nowhere/chain.pem", "/nowhere/key.pem");
    ASSERT_FALSE(missing.has_value());
    expect_says(missing.error().text, "'/nowhere/chain.pem'");
    expect_says(missing.error().text, "No such file");
    const TemporaryFile chain(authority().issue().chain);
    const auto no_key = read_identity(chain.path(), "/nowhere/key.pem");
    ASSERT_FALSE(no_key.has_value());
    expect_says(no_key.error().text, "private key '/nowhere/key.pem'");
    expect_says(read_identity(chain.path(), "/tmp").error().text, "'/tmp'");
}

TEST(TlsContext, ReadsFiles) {
    const auto made = authority().issue();
    const TemporaryFile chain(made.chain), key(made.key);
    auto identity = read_identity(chain.path(), key.path());
    ASSERT_TRUE(identity.has_value()) << identity.error().text;
    EXPECT_NE(server_context({*identity}), nullptr);
}

TEST(TlsContext, RefusesWhatIsNoCertificate) {
    auto identity = authority().issue();
    identity.chain = "hello";
    const auto text = server_trouble({identity});
    expect_says(text, "chain.pem");
    expect_says(text, "BEGIN CERTIFICATE");
}

TEST(TlsContext, RefusesADamagedChain) {
    auto identity = authority().issue();
    identity.chain += "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
    expect_says(server_trouble({identity}), "damaged behind its first certificate");
}

TEST(TlsContext, RefusesWhatIsNoKey) {
    auto identity = authority().issue();
    identity.key = identity.chain;
    const auto text = server_trouble({identity});
    expect_says(text, "key.pem");
    expect_says(text, "BEGIN PRIVATE KEY");
}

TEST(TlsContext, RefusesAnEncryptedKeyWithoutAsking) {
    auto identity = authority().issue();
    identity.key = support::encrypted_key(identity);
    expect_says(server_trouble({identity}), "passphrase");
}

TEST(TlsContext, RefusesAKeyOfAnotherCertificate) {
    auto identity = authority().issue();
    identity.key = authority().issue().key;
    expect_says(server_trouble({identity}), "does not belong");
}

TEST(TlsContext, RefusesTwoOfAKind) {
    expect_says(server_trouble({authority().issue(), authority().issue()}), "second certificate");
}

TEST(TlsContext, TakesOneOfEachKind) {
    EXPECT_NE(server_context({authority().issue(), authority().issue(CertificateForm{.rsa = true})}),
              nullptr);
}

TEST(TlsContext, NamesAuthoritiesThatAreMissing) {
    TlsClientOptions options;
    options.authorities = "/nowhere/ca.pem";
    const auto made = TlsContext::client(options);
    ASSERT_FALSE(made.has_value());
    expect_says(made.error().text, "'/nowhere/ca.pem'");
    const TemporaryFile nonsense("hello");
    options.authorities = nonsense.path();
    EXPECT_FALSE(TlsContext::client(options).has_value());
}

TEST(TlsContext, NeedsNoAuthoritiesToVerifyNothing) {
    TlsClientOptions options;
    options.authorities.clear();
    EXPECT_TRUE(TlsContext::client(options).has_value());
}

TEST(TlsIdentity, IsMadeForNamesAndAddresses) {
    const auto made = make_identity({"sink.example.test", "127.0.0.1", "::1"});
    ASSERT_TRUE(made.has_value()) << made.error().text;
    EXPECT_NE(server_context({*made}), nullptr);
    const auto nameless = make_identity({""});
    EXPECT_FALSE(nameless.has_value());
}

TEST(TlsIdentity, NamesLongerThanACommonName) {
    const auto made = make_identity({std::string(60, 'a') + "." + std::string(60, 'b') + ".example.test"});
    EXPECT_TRUE(made.has_value());
}

}  // namespace
}  // namespace angarium::runtime

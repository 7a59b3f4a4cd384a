#include "engine/runtime/tls_context.hpp"

#include <semaphore>
#include <thread>

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

TEST(TlsContext, RefusesAKeyThatOthersMayRead) {
    const auto made = authority().issue();
    const TemporaryFile chain(made.chain), key(made.key);
    std::filesystem::permissions(key.path(), std::filesystem::perms(0640));
    EXPECT_TRUE(read_identity(chain.path(), key.path()).has_value());
    std::filesystem::permissions(key.path(), std::filesystem::perms(0644));
    const auto open = read_identity(chain.path(), key.path());
    ASSERT_FALSE(open.has_value());
    expect_says(open.error().text, key.path());
    expect_says(open.error().text, "mode 0644");
    expect_says(open.error().text, "chmod o=");
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

TEST(TlsContext, RefusesACertificateThatIsNeverShown) {
    expect_says(server_trouble({authority().issue(), authority().issue()}), "is never shown");
}

TEST(TlsContext, TakesAsManyAsHaveNamesOfTheirOwn) {
    EXPECT_NE(
        server_context({authority().issue(), authority().issue(CertificateForm{.name = "b.example.test"}),
                        authority().issue(CertificateForm{.name = "*.example.test"})}),
        nullptr);
}

TEST(TlsContext, RefusesAuthoritiesThatAreNone) {
    TlsServerOptions options;
    options.identities = {authority().issue()};
    options.client_certificate = TlsClientCertificate::optional;
    options.client_authorities_name = "clients.pem";
    for (const std::string& text :
         {std::string(), std::string("hello"), authority().certificate().substr(0, 200),
          authority().certificate() + authority().certificate().substr(0, 200)}) {
        options.client_authorities = text;
        const auto made = TlsContext::server(options);
        ASSERT_FALSE(made.has_value());
        expect_says(made.error().text, "clients.pem");
    }
    options.client_authorities = authority().certificate();
    EXPECT_TRUE(TlsContext::server(options).has_value());
}

// A context may be made on one thread, used on another, and go there before the first one ends.
TEST(TlsContext, IsMadeForAnotherThread) {
    std::shared_ptr<TlsContext> made;
    std::binary_semaphore ready{0}, gone{0};
    std::thread maker([&] {
        made = server_context({authority().issue()});
        ready.release();
        gone.acquire();
    });
    ready.acquire();
    made.reset();
    gone.release();
    maker.join();
}

TEST(TlsTickets, KeysTurnAndTheOneBeforeStillOpens) {
    const auto keys = TlsTicketKeys::random();
    const MonoTime begin{1h};
    const auto first = keys->newest(begin);
    EXPECT_EQ(keys->newest(begin + TlsTicketKeys::life - 1s).name, first.name);
    const auto second = keys->newest(begin + TlsTicketKeys::life);
    EXPECT_NE(second.name, first.name);
    auto found = keys->find(first.name, begin + TlsTicketKeys::life + 1s);
    ASSERT_TRUE(found.has_value());
    EXPECT_TRUE(found->old);
    EXPECT_EQ(found->key.cipher, first.cipher);
    found = keys->find(second.name, begin + TlsTicketKeys::life + 1s);
    ASSERT_TRUE(found.has_value());
    EXPECT_FALSE(found->old);
    EXPECT_FALSE(keys->find(first.name, begin + 2 * TlsTicketKeys::life).has_value());
    EXPECT_FALSE(
        keys->find(second.name, begin + 9 * TlsTicketKeys::life).has_value());  // nobody came for days
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

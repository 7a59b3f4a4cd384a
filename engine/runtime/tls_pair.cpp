#include "engine/runtime/tls_pair.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <utility>

#include <fmt/core.h>

#include "engine/base/free.hpp"
#include "engine/runtime/tls_certificate.hpp"
#include "engine/runtime/tls_error.hpp"

namespace angarium::runtime {
namespace {

using Text = std::unique_ptr<BIO, Free<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
void free_chain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using Chain = std::unique_ptr<STACK_OF(X509), Free<free_chain>>;

// Instead of asking at the terminal.
int note_encrypted(char*, int, int, void* encrypted) {
    *static_cast<bool*>(encrypted) = true;
    return -1;
}

Text text_of(const std::string& pem) {
    return Text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Certificate next_certificate(BIO* text, OSSL_LIB_CTX* library) {
    X509* certificate = X509_new_ex(library, nullptr);
    X509* const made = certificate;
    if (PEM_read_bio_X509(text, &certificate, nullptr, nullptr) == nullptr) {
        X509_free(made);
        return nullptr;
    }
    return Certificate(certificate);
}

Result<Key> parse_key(const TlsIdentity& identity, OSSL_LIB_CTX* library) {
    bool encrypted = false;
    const auto secret = text_of(identity.key);
    Key key(PEM_read_bio_PrivateKey_ex(secret.get(), nullptr, note_encrypted, &encrypted, library, nullptr));
    if (encrypted) {
        ERR_clear_error();
        return failure(
            fmt::format("the key in {} is encrypted, and nobody is there to type its passphrase; store it "
                        "without one, readable by this user only (openssl pkey -in FILE -out FILE)",
                        identity.key_name));
    }
    if (!key)
        return failure(fmt::format("{} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----): {}",
                                   identity.key_name, take_openssl_error()));
    return key;
}

}  // namespace

struct TlsPair::Inside {
    Certificate certificate;
    Chain chain;
    Key key;
    std::vector<std::string> names;
    std::string file;
};

TlsPair::TlsPair(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
TlsPair::~TlsPair() = default;
TlsPair::TlsPair(TlsPair&&) noexcept = default;
TlsPair& TlsPair::operator=(TlsPair&&) noexcept = default;

int TlsPair::kind() const { return EVP_PKEY_get_base_id(inside_->key.get()); }
const std::vector<std::string>& TlsPair::names() const { return inside_->names; }
const std::string& TlsPair::file() const { return inside_->file; }

Result<TlsPair> TlsPair::parse(const TlsIdentity& identity, OSSL_LIB_CTX* library) {
    ERR_clear_error();
    const auto text = text_of(identity.chain);
    auto certificate = next_certificate(text.get(), library);
    if (!certificate)
        return failure(
            fmt::format("{} holds no certificate in PEM form: {}; it must begin with the server's own "
                        "(-----BEGIN CERTIFICATE-----), then those above it",
                        identity.chain_name, take_openssl_error()));
    Chain chain(sk_X509_new_null());
    while (auto above = next_certificate(text.get(), library)) sk_X509_push(chain.get(), above.release());
    // Reading past the last one is "no start line"; everything else is damage.
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return failure(fmt::format("{} is damaged behind its first certificate: {}; write the chain again",
                                   identity.chain_name, take_openssl_error()));
    ERR_clear_error();
    auto key = parse_key(identity, library);
    if (!key) return std::unexpected(key.error());
    if (X509_check_private_key(certificate.get(), key->get()) != 1) {
        ERR_clear_error();
        return failure(
            fmt::format("the key in {} does not belong to the certificate in {}; name the pair that was "
                        "made together, the server's own certificate first in its file",
                        identity.key_name, identity.chain_name));
    }
    auto names = host_names(certificate.get());
    return TlsPair(std::make_unique<Inside>(Inside{std::move(certificate), std::move(chain), std::move(*key),
                                                   std::move(names), identity.chain_name}));
}

Result<void> TlsPair::install(SSL_CTX* context) const {
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(context, inside_->certificate.get(), inside_->key.get(),
                                 inside_->chain.get(), 1) == 1)
        return {};
    return failure(
        fmt::format("OpenSSL refuses the certificate in {}: {}; ask for a new one (RSA from 2048 bits, "
                    "or ECDSA P-256)",
                    inside_->file, take_openssl_error()));
}

}  // namespace angarium::runtime

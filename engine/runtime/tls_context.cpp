#include "engine/runtime/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "engine/base/assert.hpp"
#include "engine/runtime/tls_error.hpp"

namespace angarium::runtime {
namespace {

constexpr std::size_t most_spare = 64;          // buffers: 1 MiB
constexpr long session_lifetime = 2 * 60 * 60;  // seconds

constexpr const char* server_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2
constexpr const char* suites_1_3 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

template <auto function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};
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

// OpenSSL has a new session for us; the key that it is kept under hangs on the connection.
int on_new_session(SSL* connection, SSL_SESSION* session) {
    auto* const context = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
    const auto* const key = static_cast<const std::string*>(SSL_get_app_data(connection));
    if (key == nullptr) return 0;
    context->sessions().keep(*key, session);
    return 1;  // the reference is ours now
}

}  // namespace

TlsTicketKeys TlsTicketKeys::random() {
    TlsTicketKeys keys;
    const bool filled = RAND_bytes(keys.bytes_.data(), static_cast<int>(keys.bytes_.size())) == 1;
    ANGARIUM_ASSERT(filled);
    return keys;
}

TlsContext::TlsContext(bool is_server, std::size_t sessions, TlsVersion newest)
    : is_server_(is_server),
      library_(OSSL_LIB_CTX_new()),
      sessions_(sessions),
      scratch_(std::make_unique_for_overwrite<char[]>(record)) {
    ANGARIUM_ASSERT(library_ != nullptr);
    native_ = SSL_CTX_new_ex(library_, nullptr, is_server ? TLS_server_method() : TLS_client_method());
    ANGARIUM_ASSERT(native_ != nullptr);
    SSL_CTX_set_app_data(native_, this);
    SSL_CTX_set_min_proto_version(native_, TLS1_2_VERSION);
    if (newest == TlsVersion::v1_2) SSL_CTX_set_max_proto_version(native_, TLS1_2_VERSION);
    SSL_CTX_set_options(native_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(native_, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_timeout(native_, session_lifetime);
    bool agreed =
        SSL_CTX_set_ciphersuites(native_, suites_1_3) == 1 && SSL_CTX_set1_groups_list(native_, groups) == 1;
    if (is_server) agreed = agreed && SSL_CTX_set_cipher_list(native_, server_ciphers) == 1;
    ANGARIUM_ASSERT(agreed);
}

TlsContext::~TlsContext() {
    SSL_CTX_free(native_);
    OSSL_LIB_CTX_free(library_);
}

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
    if (options.identities.empty())
        return failure("TLS needs a certificate and its private key; name PEM files for both");
    std::shared_ptr<TlsContext> context(new TlsContext(true, 0, options.newest));
    for (const auto& identity : options.identities)
        if (auto used = context->use(identity); !used) return std::unexpected(used.error());
    SSL_CTX* const native = context->native_;
    // Sessions live in the client's ticket only: nothing to share between shards but the keys.
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(native, 1);
    auto keys = options.ticket_keys.bytes();
    const bool sealed = SSL_CTX_set_tlsext_ticket_keys(native, keys.data(), keys.size()) == 1;
    ANGARIUM_ASSERT(sealed);
    static constexpr unsigned char name[] = "angarium";
    SSL_CTX_set_session_id_context(native, name, sizeof name - 1);
    // The choice of a certificate by SNI belongs here: SSL_CTX_set_tlsext_servername_callback, one SSL_CTX for each set
    // of names, all made above.
    return context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
    std::shared_ptr<TlsContext> context(new TlsContext(false, options.sessions, options.newest));
    SSL_CTX* const native = context->native_;
    if (!options.authorities.empty() && SSL_CTX_load_verify_file(native, options.authorities.c_str()) != 1)
        return failure(fmt::format(
            "cannot read the authorities' certificates '{}': {}; name a PEM file of those that are trusted "
            "(Debian: /etc/ssl/certs/ca-certificates.crt, of the package ca-certificates)",
            options.authorities, take_openssl_error()));
    if (options.sessions > 0) {
        SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(native, on_new_session);
    } else {
        SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    }
    return context;
}

Result<void> TlsContext::use(const TlsIdentity& identity) {
    ERR_clear_error();
    const auto text = text_of(identity.chain);
    const auto certificate = next_certificate(text.get(), library_);
    if (!certificate)
        return failure(
            fmt::format("{} holds no certificate in PEM form: {}; it must begin with the server's own "
                        "(-----BEGIN CERTIFICATE-----), then those above it",
                        identity.chain_name, take_openssl_error()));
    const Chain chain(sk_X509_new_null());
    while (auto above = next_certificate(text.get(), library_)) sk_X509_push(chain.get(), above.release());
    // Reading past the last one is "no start line"; everything else is damage.
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return failure(fmt::format("{} is damaged behind its first certificate: {}; write the chain again",
                                   identity.chain_name, take_openssl_error()));
    ERR_clear_error();
    bool encrypted = false;
    const auto secret = text_of(identity.key);
    const Key key(
        PEM_read_bio_PrivateKey_ex(secret.get(), nullptr, note_encrypted, &encrypted, library_, nullptr));
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
    const int kind = EVP_PKEY_get_base_id(key.get());
    if (std::ranges::find(kinds_, kind) != kinds_.end())
        return failure(
            fmt::format("{} is the second certificate with a key of its kind ({}); name one of each kind",
                        identity.chain_name, OBJ_nid2sn(kind)));
    kinds_.push_back(kind);
    if (X509_check_private_key(certificate.get(), key.get()) != 1) {
        ERR_clear_error();
        return failure(
            fmt::format("the key in {} does not belong to the certificate in {}; name the pair that was "
                        "made together, the server's own certificate first in its file",
                        identity.key_name, identity.chain_name));
    }
    if (SSL_CTX_use_cert_and_key(native_, certificate.get(), key.get(), chain.get(), 1) != 1)
        return failure(
            fmt::format("OpenSSL refuses the certificate in {}: {}; ask for a new one (RSA from 2048 bits, "
                        "or ECDSA P-256)",
                        identity.chain_name, take_openssl_error()));
    return {};
}

TlsContext::Buffer TlsContext::take_buffer() {
    if (spare_.empty()) return std::make_unique_for_overwrite<char[]>(record);
    auto buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
}

void TlsContext::give_back(Buffer buffer) {
    if (spare_.size() < most_spare) spare_.push_back(std::move(buffer));
}

}  // namespace angarium::runtime

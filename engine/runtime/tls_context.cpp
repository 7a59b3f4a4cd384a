#include "engine/runtime/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include <fmt/core.h>

#include "engine/base/assert.hpp"
#include "engine/runtime/tls_error.hpp"
#include "engine/runtime/tls_pair.hpp"
#include "engine/runtime/tls_server.hpp"

namespace angarium::runtime {
namespace {

constexpr std::size_t most_spare = 64;          // buffers: 1 MiB
constexpr long session_lifetime = 2 * 60 * 60;  // seconds

constexpr const char* server_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2
constexpr const char* suites_1_3 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";

// OpenSSL has a new session for us; the key that it is kept under hangs on the connection.
int on_new_session(SSL* connection, SSL_SESSION* session) {
    auto* const context = static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
    const auto* const key = static_cast<const std::string*>(SSL_get_app_data(connection));
    if (key == nullptr) return 0;
    context->sessions().keep(*key, session);
    return 1;  // the reference is ours now
}

}  // namespace

SSL_CTX* TlsContext::make_native(OSSL_LIB_CTX* library, bool is_server, TlsVersion newest) {
    SSL_CTX* const made =
        SSL_CTX_new_ex(library, nullptr, is_server ? TLS_server_method() : TLS_client_method());
    ANGARIUM_ASSERT(made != nullptr);
    SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
    if (newest == TlsVersion::v1_2) SSL_CTX_set_max_proto_version(made, TLS1_2_VERSION);
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_timeout(made, session_lifetime);
    bool agreed =
        SSL_CTX_set_ciphersuites(made, suites_1_3) == 1 && SSL_CTX_set1_groups_list(made, groups) == 1;
    if (is_server) agreed = agreed && SSL_CTX_set_cipher_list(made, server_ciphers) == 1;
    ANGARIUM_ASSERT(agreed);
    return made;
}

TlsContext::TlsContext(bool is_server, std::size_t sessions, TlsVersion newest)
    : is_server_(is_server),
      library_(OSSL_LIB_CTX_new()),
      sessions_(sessions),
      scratch_(std::make_unique_for_overwrite<char[]>(record)) {
    ANGARIUM_ASSERT(library_ != nullptr);
    native_ = make_native(library_, is_server, newest);
    SSL_CTX_set_app_data(native_, this);
}

TlsContext::~TlsContext() {
    server_.reset();
    SSL_CTX_free(native_);
    OSSL_LIB_CTX_free(library_);
}

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
    std::shared_ptr<TlsContext> context(new TlsContext(true, 0, options.newest));
    auto server = TlsServer::make(options, context->library_, context->native_);
    if (!server) return std::unexpected(server.error());
    context->server_ = std::move(*server);
    context->leave_thread();
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
    if (options.lenient) SSL_CTX_set_security_level(native, 0);
    if (options.identity) {
        const auto pair = TlsPair::parse(*options.identity, context->library_);
        if (!pair) return std::unexpected(pair.error());
        if (auto shown = pair->install(native); !shown) return std::unexpected(shown.error());
    }
    if (options.sessions > 0) {
        SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(native, on_new_session);
    } else {
        SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    }
    context->leave_thread();
    return context;
}

// OpenSSL keeps something of every library context that a thread has used (its random numbers) and cleans it up when the
// thread ends, even if the library context has gone by then. So the thread that makes a context for another one lets go.
void TlsContext::leave_thread() { OPENSSL_thread_stop_ex(library_); }

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

#include "engine/runtime/tls_server.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/core.h>

#include "engine/base/assert.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/tls_error.hpp"

namespace angarium::runtime {
namespace {

constexpr std::size_t longest_name = 255;  // of a host

TlsServer& server_of(SSL* connection) {
    return *static_cast<TlsServer*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
}

int on_server_name(SSL* connection, int*, void*) {
    const char* const name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* const better = server_of(connection).context_for(name);
    if (better == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(connection, better);
    return SSL_TLSEXT_ERR_OK;
}

int on_ticket(SSL* connection, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int sealing) {
    auto& server = server_of(connection);
    return sealing != 0 ? server.seal_ticket(name, iv, cipher, mac)
                        : server.open_ticket(name, iv, cipher, mac);
}

bool set_mac(EVP_MAC_CTX* mac, TlsTicketKeys::Key& key) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// What is wrong with a client's certificate is seen in the verification's result; nobody is sent away for it.
int take_any_certificate(int, X509_STORE_CTX*) { return 1; }

// A session is resumed only where clients are asked for the same: a certificate that was verified for other authorities
// says nothing here.
void set_session_context(SSL_CTX* context, const TlsServerOptions& options) {
    const auto what = fmt::format("angarium {} {}", static_cast<int>(options.client_certificate),
                                  options.client_authorities);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(what.data()), what.size(), digest);
    const bool set = SSL_CTX_set_session_id_context(context, digest, sizeof digest) == 1;
    ANGARIUM_ASSERT(set);
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

TlsServer::TlsServer(const TlsServerOptions& options, OSSL_LIB_CTX* library)
    : library_(library),
      ticket_keys_(options.ticket_keys),
      ticket_cipher_(EVP_CIPHER_fetch(library, "AES-256-CBC", nullptr)) {
    ANGARIUM_ASSERT(ticket_keys_ && ticket_cipher_ != nullptr);
}

TlsServer::~TlsServer() {
    for (std::size_t i = 1; i < groups_.size(); ++i) SSL_CTX_free(groups_[i].second);
    EVP_CIPHER_free(ticket_cipher_);
}

Result<std::unique_ptr<TlsServer>> TlsServer::make(const TlsServerOptions& options, OSSL_LIB_CTX* library,
                                                   SSL_CTX* first) {
    if (options.identities.empty())
        return failure("TLS needs a certificate and its private key; name PEM files for both");
    std::unique_ptr<TlsServer> server(new TlsServer(options, library));
    if (auto added = server->add_pairs(options, first); !added) return std::unexpected(added.error());
    return server;
}

Result<void> TlsServer::add_pairs(const TlsServerOptions& options, SSL_CTX* first) {
    for (const auto& identity : options.identities) {
        auto pair = TlsPair::parse(identity, library_);
        if (!pair) return std::unexpected(pair.error());
        pairs_.push_back(std::move(*pair));
    }
    std::vector<std::size_t> all(pairs_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    groups_.emplace_back(one_of_each_kind(all), first);
    if (auto done = configure(first, groups_[0].first, options); !done) return done;
    for (const auto& pair : pairs_)
        for (const auto& name : pair.names()) {
            const auto context = context_of(group_for(name), options);
            if (!context) return std::unexpected(context.error());
            if (name.starts_with("*."))
                wildcards_.emplace(name.substr(1), *context);
            else
                exact_.emplace(name, *context);
        }
    for (const auto number : all) {
        const bool used = std::ranges::any_of(groups_, [number](const auto& group) {
            return std::ranges::find(group.first, number) != group.first.end();
        });
        if (!used)
            return failure(
                fmt::format("the certificate in {} is never shown: for all of its names there is one above "
                            "it with the same "
                            "kind of key; remove it, or put it first",
                            pairs_[number].file()));
    }
    return {};
}

TlsServer::Group TlsServer::one_of_each_kind(const std::vector<std::size_t>& candidates) const {
    Group group;
    for (const auto number : candidates) {
        const auto same_kind = [&](std::size_t other) {
            return pairs_[other].kind() == pairs_[number].kind();
        };
        if (std::ranges::none_of(group, same_kind)) group.push_back(number);
    }
    return group;
}

TlsServer::Group TlsServer::group_for(std::string_view name) const {
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < pairs_.size(); ++i)
        if (contains(pairs_[i].names(), name)) candidates.push_back(i);
    const auto dot = name.find('.');
    const auto around = dot == std::string_view::npos ? "" : fmt::format("*{}", name.substr(dot));
    for (std::size_t i = 0; i < pairs_.size() && !around.empty(); ++i)
        if (contains(pairs_[i].names(), around)) candidates.push_back(i);
    return one_of_each_kind(candidates);
}

Result<SSL_CTX*> TlsServer::context_of(const Group& group, const TlsServerOptions& options) {
    const auto found = std::ranges::find(groups_, group, &std::pair<Group, SSL_CTX*>::first);
    if (found != groups_.end()) return found->second;
    SSL_CTX* const made = TlsContext::make_native(library_, true, options.newest);
    groups_.emplace_back(group, made);
    if (auto done = configure(made, group, options); !done) return std::unexpected(done.error());
    return made;
}

Result<void> TlsServer::configure(SSL_CTX* context, const Group& group, const TlsServerOptions& options) {
    SSL_CTX_set_app_data(context, this);
    for (const auto number : group)
        if (auto shown = pairs_[number].install(context); !shown) return shown;
    // Sessions live in the client's ticket only: nothing to share between shards but the keys.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, options.resumption ? 1 : 0);
    if (!options.resumption) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    set_session_context(context, options);
    return ask_clients(context, options);
}

Result<void> TlsServer::ask_clients(SSL_CTX* context, const TlsServerOptions& options) const {
    if (options.client_certificate == TlsClientCertificate::off) return {};
    if (options.client_certificate == TlsClientCertificate::optional)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, take_any_certificate);
    else
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    const auto& pem = options.client_authorities;
    BIO* const text = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    std::size_t added = 0;
    ERR_clear_error();
    while (X509* const authority = PEM_read_bio_X509(text, nullptr, nullptr, nullptr)) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
        SSL_CTX_add_client_CA(context, authority);
        X509_free(authority);
        ++added;
    }
    BIO_free(text);
    const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (added > 0 && whole) {
        ERR_clear_error();
        return {};
    }
    return failure(
        fmt::format("{} holds no or damaged certificates of authorities: {}; name a PEM file of those "
                    "that sign your clients' certificates",
                    options.client_authorities_name, take_openssl_error()));
}

SSL_CTX* TlsServer::context_for(std::string_view name) const {
    if (name.size() > longest_name) return nullptr;
    std::string key(name);
    if (key.ends_with('.')) key.pop_back();
    for (auto& c : key)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (const auto found = exact_.find(key); found != exact_.end()) return found->second;
    const auto dot = key.find('.');
    if (dot == std::string::npos || dot == 0) return nullptr;
    const auto found = wildcards_.find(key.substr(dot));
    return found != wildcards_.end() ? found->second : nullptr;
}

// As OpenSSL wants it: 1: done; 2: done, and the client should have a new ticket; 0: no such key; -1: failed.
int TlsServer::seal_ticket(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    auto key = ticket_keys_->newest(Shard::current().now());
    std::ranges::copy(key.name, name);
    const bool done = RAND_bytes_ex(library_, iv, 16, 0) == 1 &&
                      EVP_EncryptInit_ex2(cipher, ticket_cipher_, key.cipher.data(), iv, nullptr) == 1 &&
                      set_mac(mac, key);
    OPENSSL_cleanse(&key, sizeof key);
    return done ? 1 : -1;
}

int TlsServer::open_ticket(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac) {
    auto found = ticket_keys_->find(std::span<const unsigned char, 16>(name, 16), Shard::current().now());
    if (!found) return 0;
    const bool done = set_mac(mac, found->key) &&
                      EVP_DecryptInit_ex2(cipher, ticket_cipher_, found->key.cipher.data(), iv, nullptr) == 1;
    const int answer = found->old ? 2 : 1;
    OPENSSL_cleanse(&found->key, sizeof found->key);
    return done ? answer : -1;
}

}  // namespace angarium::runtime

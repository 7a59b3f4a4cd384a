// The server's side of a TlsContext: which certificate is shown to whom (SNI, RFC 6066 section 3), what session tickets are
// sealed with, and whether clients must show certificates. Made with the context; at a handshake it is only looked up.
// Owning thread: the context's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/runtime/tls_context.hpp"
#include "engine/runtime/tls_pair.hpp"

struct evp_cipher_st;
struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace angarium::runtime {

class TlsServer {
  public:
    // `first`: what every connection begins with; it gets what whoever asks for none of our names is shown.
    static Result<std::unique_ptr<TlsServer>> make(const TlsServerOptions& options, ossl_lib_ctx_st* library,
                                                   ssl_ctx_st* first);
    ~TlsServer();
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    // Called by OpenSSL.
    // For a name that a client asks for: an exact name before a wildcard. nullptr: nothing better than the first.
    ssl_ctx_st* context_for(std::string_view name) const;
    int seal_ticket(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac);
    int open_ticket(const unsigned char* name, const unsigned char* iv, evp_cipher_ctx_st* cipher,
                    evp_mac_ctx_st* mac);

  private:
    using Group = std::vector<std::size_t>;  // certificates by number, one for each kind of key
    using Names = std::unordered_map<std::string, ssl_ctx_st*>;

    TlsServer(const TlsServerOptions& options, ossl_lib_ctx_st* library);
    Result<void> add_pairs(const TlsServerOptions& options, ssl_ctx_st* first);
    Group group_for(std::string_view name) const;
    Group one_of_each_kind(const std::vector<std::size_t>& candidates) const;
    Result<ssl_ctx_st*> context_of(const Group& group, const TlsServerOptions& options);
    Result<void> configure(ssl_ctx_st* context, const Group& group, const TlsServerOptions& options);
    Result<void> ask_clients(ssl_ctx_st* context, const TlsServerOptions& options) const;

    ossl_lib_ctx_st* const library_;
    const std::shared_ptr<TlsTicketKeys> ticket_keys_;
    evp_cipher_st* const ticket_cipher_;
    std::vector<TlsPair> pairs_;
    std::vector<std::pair<Group, ssl_ctx_st*>> groups_;  // the first one's context is not ours to free
    Names exact_, wildcards_;                            // wildcards without the star: ".example.net"
};

}  // namespace angarium::runtime

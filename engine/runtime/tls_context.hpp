// What the TLS connections of one shard in one role share: certificates or trust, ticket keys, resumable sessions, buffers.
// Made once, before the first connection, so that no PEM text is parsed later. It has an OpenSSL library context of its
// own: OpenSSL 3.0 takes a lock at every algorithm it looks up, and so these locks are never contended by another shard.
// A reload makes a new context; connections keep the one that they began with.
//
// What is spoken: TLS 1.2 and 1.3; in 1.2 a server offers ECDHE with AES-GCM or ChaCha20 only, a client whatever OpenSSL
// holds for safe. No renegotiation, no compression. Errors (Result) name file and remedy. Owning thread: the shard's;
// making one is allowed anywhere; it goes on that thread, or when that thread has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/runtime/tls_identity.hpp"
#include "engine/runtime/tls_sessions.hpp"
#include "engine/runtime/tls_tickets.hpp"

struct ossl_lib_ctx_st;
struct ssl_ctx_st;

namespace angarium::runtime {

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };

// Whether a server's clients show certificates. Shown ones are verified: TlsStream::verified_certificate().
enum class TlsClientCertificate : std::uint8_t {
    off,
    optional,  // whoever shows none, or one that does not satisfy us, is as welcome
    required,  // their handshakes fail
};

struct TlsServerOptions {
    // In order. A client is shown a certificate for the name that it asks for, of a kind of key (ECDSA, RSA) that it can
    // use; whoever asks for none of our names, the first of that kind.
    std::vector<TlsIdentity> identities;
    // Servers that share them resume each other's sessions.
    std::shared_ptr<TlsTicketKeys> ticket_keys = TlsTicketKeys::random();
    TlsClientCertificate client_certificate = TlsClientCertificate::off;
    std::string client_authorities;       // PEM: who signs clients' certificates
    std::string client_authorities_name;  // where they are from, for errors
    TlsVersion newest = TlsVersion::v1_3;
    bool resumption = true;  // false: every handshake is a full one, for measuring
};

struct TlsClientOptions {
    // A PEM file of the authorities that are trusted. Empty: nobody is, and every verification fails.
    std::string authorities = "/etc/ssl/certs/ca-certificates.crt";
    std::optional<TlsIdentity> identity;  // ours, where a server asks who we are
    // Takes keys and hashes that are weak by today's measure (OpenSSL's security level 0): for those who would else go on
    // in plain text.
    bool lenient = false;
    std::size_t sessions = 4096;  // kept for resumption, some 3 KiB each; 0: none
    TlsVersion newest = TlsVersion::v1_3;
};

class TlsServer;

class TlsContext {
  public:
    static Result<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);
    static Result<std::shared_ptr<TlsContext>> client(const TlsClientOptions& options);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    bool is_server() const { return is_server_; }
    TlsSessions& sessions() { return sessions_; }

    // The rest is for TlsConnection and TlsServer.
    static ssl_ctx_st* make_native(ossl_lib_ctx_st* library, bool is_server, TlsVersion newest);
    static constexpr std::size_t record = 16384;  // the most plaintext that one record carries, bytes
    ssl_ctx_st* native() const { return native_; }
    // To put a record together; for use within one call.
    char* scratch() { return scratch_.get(); }
    // For received plaintext, `record` bytes each: a connection has one only while its reader looks at it.
    using Buffer = std::unique_ptr<char[]>;
    Buffer take_buffer();
    void give_back(Buffer buffer);

  private:
    TlsContext(bool is_server, std::size_t sessions, TlsVersion newest);
    void leave_thread();
    const bool is_server_;
    ossl_lib_ctx_st* library_ = nullptr;
    ssl_ctx_st* native_ = nullptr;
    TlsSessions sessions_;
    Buffer scratch_;
    std::vector<Buffer> spare_;
    std::unique_ptr<TlsServer> server_;
};

}  // namespace angarium::runtime

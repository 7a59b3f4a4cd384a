// What the TLS connections of one shard in one role share: certificates or trust, ticket keys, resumable sessions, buffers.
// Made once, before the first connection, so that no PEM text is parsed later. It has an OpenSSL library context of its
// own: OpenSSL 3.0 takes a lock at every algorithm it looks up, and so these locks are never contended by another shard.
// A reload makes a new context; connections keep the one that they began with.
//
// What is spoken: TLS 1.2 and 1.3; in 1.2 a server offers ECDHE with AES-GCM or ChaCha20 only, a client whatever OpenSSL
// holds for safe. No renegotiation, no compression. Errors (Result) name file and remedy. Owning thread: the shard's;
// making one is allowed anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/runtime/tls_identity.hpp"
#include "engine/runtime/tls_sessions.hpp"

struct ossl_lib_ctx_st;
struct ssl_ctx_st;

namespace angarium::runtime {

// What session tickets are sealed with. Shards that are given the same keys resume each other's sessions.
class TlsTicketKeys {
  public:
    static TlsTicketKeys random();
    const std::array<unsigned char, 80>& bytes() const { return bytes_; }

  private:
    std::array<unsigned char, 80> bytes_{};
};

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };

struct TlsServerOptions {
    std::vector<TlsIdentity>
        identities;  // one of each kind of key (ECDSA, RSA): the client's abilities choose
    TlsTicketKeys ticket_keys = TlsTicketKeys::random();
    TlsVersion newest = TlsVersion::v1_3;
};

struct TlsClientOptions {
    // A PEM file of the authorities that are trusted. Empty: nobody is, and every verification fails.
    std::string authorities = "/etc/ssl/certs/ca-certificates.crt";
    std::size_t sessions = 4096;  // kept for resumption, some 3 KiB each; 0: none
    TlsVersion newest = TlsVersion::v1_3;
};

class TlsContext {
  public:
    static Result<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);
    static Result<std::shared_ptr<TlsContext>> client(const TlsClientOptions& options);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    bool is_server() const { return is_server_; }
    TlsSessions& sessions() { return sessions_; }

    // The rest is for TlsConnection.
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
    Result<void> use(const TlsIdentity& identity);

    const bool is_server_;
    ossl_lib_ctx_st* library_ = nullptr;
    ssl_ctx_st* native_ = nullptr;
    TlsSessions sessions_;
    Buffer scratch_;
    std::vector<Buffer> spare_;
    std::vector<int> kinds_;  // of keys that we have
};

}  // namespace angarium::runtime

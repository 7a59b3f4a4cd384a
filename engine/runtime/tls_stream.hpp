// TLS over any Stream: a Stream itself. First the handshake, then reads and writes as on every other stream.
//
// Ends: end_of_stream is the peer's close_notify. A connection that ended without one was cut off, by the peer or by
// somebody between: reset, and truncated() is true. A record that was tampered with, or an alert, is failed (see
// trouble()). half_close() says close_notify and goes on reading; so does letting the stream go, without waiting for it.
// abort() says nothing more.
//
// STARTTLS: whatever was read before the handshake is not part of it and must not be used after it. A server looks at
// has_input() of the plain stream, and at what it has itself read and not used, before it answers 220. A client's
// handshake fails (injected) if the plain stream holds unread input, since a server does not speak first in TLS.
//
// Memory: an idle connection holds no buffer of its own. While a write is under way at most 48 KiB of records; while
// its reader looks at what was read, 16 KiB. Errors: TlsError from the handshake, IoError as everywhere afterwards.
// Owning thread: the shard's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/runtime/stream.hpp"
#include "engine/runtime/tls_certificate.hpp"
#include "engine/runtime/tls_context.hpp"
#include "engine/runtime/tls_error.hpp"
#include "engine/runtime/tls_summary.hpp"

namespace angarium::runtime {

class TlsConnection;

enum class TlsVerify : std::uint8_t {
    none,            // any certificate will do; TlsFacts::verification says what it was worth
    name_and_chain,  // signed by an authority that we trust, for the name that we asked for
};

// Whom a client wants to talk to.
struct TlsPeer {
    // Asked for by SNI (unless it is an address), and what the certificate is compared with. Empty: neither; then nothing
    // can be verified.
    std::string name;
    TlsVerify verify = TlsVerify::none;
    // Under what the session is kept for resumption, beside name and verification: address, port, and whatever else
    // tells one policy from another. Empty: sessions are neither kept nor resumed.
    std::string session_key;
    // The certificate must be for one of these rather than for `name`; ".example.net": for a name below that one.
    std::vector<std::string> acceptable = {};
};

// What a handshake has agreed on. The texts are OpenSSL's and live for ever.
struct TlsFacts {
    std::string_view version;  // "TLSv1.3"
    std::string_view cipher;   // "TLS_AES_128_GCM_SHA256"
    bool resumed = false;      // an earlier session goes on: no certificate was exchanged
    bool verified =
        false;  // the peer's certificate leads to an authority that we trust and has the right name
    std::string_view verification;  // "ok", "no certificate", or what is wrong: "self-signed certificate"
    TlsSummary summary;             // the same in numbers
};

class TlsStream final : public Stream {
  public:
    // The server's end.
    TlsStream(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> plain);
    // The client's.
    TlsStream(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> plain, TlsPeer peer);
    ~TlsStream() override;

    // Once, before anything is read or written. After an error the stream is of no use; the peer has been told why.
    // What the handshake has to say last leaves with the first write or read.
    Task<TlsResult> handshake(MonoTime deadline);

    // After the handshake.
    TlsFacts facts() const;
    // The peer's, where it leads to an authority that we trust. Its names were compared with nothing where we are the server.
    std::optional<TlsCertificate> verified_certificate() const;
    // The connection ended without the peer's close_notify.
    bool truncated() const;
    // Why a read or write was `failed`, in OpenSSL's words.
    const std::string& trouble() const;

    void half_close() override;
    void abort(IoError why) override;
    const Endpoint& peer() const override;
    const Endpoint& local() const override;
    bool has_input() const override;
    bool begin_read(Operation<std::string_view>& operation, MonoTime deadline) override;
    bool begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                     MonoTime deadline) override;

  private:
    TlsConnection& connection_;
};

}  // namespace angarium::runtime

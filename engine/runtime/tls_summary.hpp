// What became of a connection's TLS, in a few bytes: numbers that TLS and OpenSSL have given away for ever, so that they can
// be passed about and kept on disk, and the names that go with them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace angarium::runtime {

struct TlsSummary {
    static constexpr std::uint8_t no_certificate = 255;  // as verification: the peer has shown none

    std::uint16_t version = 0;      // as on the wire: 0x0303 is TLS 1.2, 0x0304 TLS 1.3; 0: plain text
    std::uint16_t cipher = 0;       // of the suite, IANA's
    std::uint8_t verification = 0;  // OpenSSL's X509_V_...; 0: the certificate is good for the name asked for

    friend bool operator==(const TlsSummary&, const TlsSummary&) = default;
};

// The names live for ever.
std::string_view tls_version_name(std::uint16_t version);           // "TLSv1.3"; "none" for 0
std::string_view tls_cipher_name(std::uint16_t cipher);             // "TLS_AES_128_GCM_SHA256"; "unknown"
std::string_view tls_verification_name(std::uint8_t verification);  // "ok", "certificate has expired"

}  // namespace angarium::runtime

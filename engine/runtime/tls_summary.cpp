#include "engine/runtime/tls_summary.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace angarium::runtime {
namespace {

// OpenSSL finds suites through a connection; this one is never opened, and reading it needs no lock.
const SSL* any_connection() {
    static SSL* const made = SSL_new(SSL_CTX_new(TLS_client_method()));
    return made;
}

}  // namespace

std::string_view tls_version_name(std::uint16_t version) {
    switch (version) {
        case 0:
            return "none";
        case TLS1_2_VERSION:
            return "TLSv1.2";
        case TLS1_3_VERSION:
            return "TLSv1.3";
        default:
            return "unknown";
    }
}

std::string_view tls_cipher_name(std::uint16_t cipher) {
    const unsigned char number[2] = {static_cast<unsigned char>(cipher >> 8),
                                     static_cast<unsigned char>(cipher & 0xff)};
    const SSL* const connection = any_connection();
    const SSL_CIPHER* const found =
        connection == nullptr ? nullptr : SSL_CIPHER_find(const_cast<SSL*>(connection), number);
    return found == nullptr ? "unknown" : SSL_CIPHER_get_name(found);
}

std::string_view tls_verification_name(std::uint8_t verification) {
    if (verification == TlsSummary::no_certificate) return "no certificate";
    return X509_verify_cert_error_string(verification);
}

}  // namespace angarium::runtime

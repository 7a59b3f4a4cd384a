// What goes wrong with TLS: why a handshake failed, and OpenSSL's own words for it. Any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "engine/base/result.hpp"

namespace angarium::runtime {

// Why a handshake failed.
struct TlsError {
    enum class Kind : std::uint8_t {
        connection,   // the connection beneath ended, timed out or was aborted: see `io`
        protocol,     // what came is not TLS, nothing in common, or the peer refused with an alert
        certificate,  // ours to refuse: the peer's certificate does not satisfy the policy
        injected,     // the server had sent more before TLS began: somebody may have put it there
    };
    Kind kind = Kind::connection;
    IoError io = IoError::failed;
    std::string text;   // for people
    std::string cause;  // the same without the words around it: "certificate has expired", "timed out"
};
using TlsResult = std::expected<void, TlsError>;

// What OpenSSL last complained about on this thread, in its words; its list of errors is empty afterwards.
std::string take_openssl_error();

}  // namespace angarium::runtime

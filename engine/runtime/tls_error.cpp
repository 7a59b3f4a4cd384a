#include "engine/runtime/tls_error.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstring>

namespace angarium::runtime {

std::string take_openssl_error() {
    const auto code = ERR_peek_error();  // the first one is the cause
    ERR_clear_error();
    if (code == 0) return "no reason given";
    if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        switch (ERR_GET_REASON(code)) {
            case SSL_R_WRONG_VERSION_NUMBER:
            case SSL_R_HTTP_REQUEST:
            case SSL_R_UNKNOWN_PROTOCOL:
            case SSL_R_RECORD_LENGTH_MISMATCH:
                return "what came is not TLS";
        }
    }
    const char* const reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "unknown error";
}

}  // namespace angarium::runtime

// The service extensions of EHLO (RFC 5321 section 4.1.1.1): what a server offers, rendered for our clients and parsed
// from a server's reply. Pure values, no owner. What is not understood is ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/smtp/reply.hpp"

namespace angarium::smtp {

// SASL mechanisms we know, a set.
enum class AuthMechanisms : std::uint8_t {
    none = 0,
    plain = 1,
    login = 2,
    cram_md5 = 4,
    xoauth2 = 8,
    scram_sha_256 = 16
};
constexpr AuthMechanisms operator|(AuthMechanisms a, AuthMechanisms b) {
    return static_cast<AuthMechanisms>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool contains(AuthMechanisms set, AuthMechanisms one) {
    return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(one)) != 0;
}

struct Extensions {
    bool pipelining = false;             // RFC 2920
    bool eight_bit_mime = false;         // RFC 6152
    bool chunking = false;               // RFC 3030
    bool smtputf8 = false;               // RFC 6531
    bool dsn = false;                    // RFC 3461
    bool enhanced_status_codes = false;  // RFC 2034
    bool starttls = false;               // RFC 3207
    bool help = false;
    bool size = false;                           // RFC 1870
    std::uint64_t size_limit = 0;                // bytes; 0: SIZE without a limit
    AuthMechanisms auth = AuthMechanisms::none;  // RFC 4954

    friend bool operator==(const Extensions&, const Extensions&) = default;
};

// The whole 250 reply to EHLO: "250-relay.example.net\r\n250-PIPELINING\r\n...". `hostname` greets.
void append_ehlo_reply(std::string& out, std::string_view hostname, const Extensions& offered);

// From the reply to EHLO; its first line is the greeting.
Extensions parse_ehlo_reply(const Reply& reply);

}  // namespace angarium::smtp

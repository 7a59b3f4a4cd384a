// The SASL mechanisms that we speak, and what a name and a password may be. Pure functions; any thread.
//
// Names and passwords are UTF-8 and compared octet by octet. Of SASLprep (RFC 4013) only what keeps logs and files safe is
// done: controls (NUL, DEL and C1 included) and what is not well-formed UTF-8 are refused. Nothing is normalised: a client
// that writes the same accent in another form has another password.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/smtp/extensions.hpp"

namespace angarium::sasl {

enum class Mechanism : std::uint8_t {
    plain,          // RFC 4616
    login,          // never an RFC; its name and password are asked for one after the other
    scram_sha_256,  // RFC 5802, RFC 7677; without channel binding
};
inline constexpr std::array mechanisms{Mechanism::plain, Mechanism::login, Mechanism::scram_sha_256};

// "PLAIN", "LOGIN", "SCRAM-SHA-256".
std::string_view name(Mechanism mechanism);
// In any case (RFC 4954 section 4).
std::optional<Mechanism> parse_mechanism(std::string_view name);
// As EHLO announces it.
smtp::AuthMechanisms flag(Mechanism mechanism);
// Of what a server offers, the one that shows it least: SCRAM-SHA-256, PLAIN, LOGIN. Nothing: none of them.
std::optional<Mechanism> best(smtp::AuthMechanisms offered);

struct Credentials {
    std::string user, password;
};

// Octets. A server reads no longer messages, a client sends none.
inline constexpr std::size_t max_name = 255, max_password = 1000;
inline constexpr std::size_t max_message = 1536;                       // of one message, decoded
inline constexpr std::size_t max_encoded = (max_message + 2) / 3 * 4;  // and in base64
inline constexpr std::size_t max_line =
    32 + max_encoded;  // of an AUTH command with its initial response, or of a response
static_assert(max_message >= 2 * max_name + max_password + 2, "PLAIN's message must fit");

bool is_name(std::string_view text);
bool is_password(std::string_view text);

}  // namespace angarium::sasl

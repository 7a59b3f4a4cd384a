// SCRAM-SHA-256 (RFC 5802, RFC 7677): the keys that both sides derive from a password, and the pieces of their messages.
// Pure values; any thread. The two sides: scram_client.hpp, scram_server.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/sasl/crypto.hpp"

namespace angarium::sasl {

// RFC 7677 section 4 wants 4096 at least; a client hashes so often at every login.
inline constexpr std::uint32_t least_iterations = 4096, default_iterations = 16'384,
                               most_iterations = 1'000'000;
inline constexpr std::size_t max_salt = 64;    // octets
inline constexpr std::size_t max_nonce = 256;  // octets of one side's, in a message

// What a server keeps. It proves a password without knowing it; who steals it can try passwords, and pretend to be the server.
struct ScramVerifier {
    std::string salt;
    std::uint32_t iterations = default_iterations;
    Digest stored_key{}, server_key{};
};
// Costs about 0.2 µs an iteration.
ScramVerifier make_scram_verifier(std::string_view password, std::string salt, std::uint32_t iterations);

// What a client may keep instead of hashing the password anew: good for one password, salt and number of iterations.
struct ScramKeys {
    std::string salt;
    std::uint32_t iterations = 0;
    Digest client_key{}, server_key{};
};
ScramKeys make_scram_keys(std::string_view password, std::string salt, std::uint32_t iterations);

// saslname (RFC 5802 section 5.1): "," and "=" as "=2C" and "=3D". Nothing: another "=".
std::string escape_name(std::string_view name);
std::optional<std::string> unescape_name(std::string_view text);

bool is_nonce(std::string_view text);  // printable ASCII without ","
std::string make_nonce();

// A message's attributes, "r=...,s=...,i=...", taken one by one.
class Attributes {
  public:
    explicit Attributes(std::string_view text) : rest_(text) {}
    // The value of the next one, which must have this letter.
    std::optional<std::string_view> take(char letter);
    bool empty() const { return ended_; }

  private:
    std::string_view rest_;
    bool ended_ = false;
};

Digest exclusive_or(const Digest& a, const Digest& b);

}  // namespace angarium::sasl

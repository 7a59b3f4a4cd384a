// The hashes that mechanisms and accounts stand on: OpenSSL behind plain values. Pure functions; any thread. Failures of
// OpenSSL itself (no memory, no such algorithm) abort: nothing here depends on what a peer sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace angarium::sasl {

using Digest = std::array<unsigned char, 32>;  // SHA-256's

inline std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest sha256(std::string_view text);
Digest hmac_sha256(std::string_view key, std::string_view text);
// RFC 8018; costs about 0.2 µs an iteration. `iterations` > 0.
Digest pbkdf2_sha256(std::string_view password, std::string_view salt, std::uint32_t iterations);

// RFC 7914. N is 2 to the power of log2_n. Takes memory() bytes and time in proportion to memory() * p.
struct ScryptCost {
    unsigned log2_n = 15, r = 8, p = 1;
    std::uint64_t memory() const { return (std::uint64_t{128} << log2_n) * r; }
    friend bool operator==(const ScryptCost&, const ScryptCost&) = default;
};
inline constexpr std::uint64_t max_scrypt_memory = 256ull << 20;
// Within what scrypt() can do: log2_n 1 .. 24, r and p 1 .. 64, memory() at most max_scrypt_memory.
bool is_possible(const ScryptCost& cost);
Digest scrypt(std::string_view password, std::string_view salt, const ScryptCost& cost);

// In a time that does not depend on where they differ; of different lengths they are not equal.
bool equal_in_constant_time(std::string_view a, std::string_view b);
// From the kernel's generator, by OpenSSL's.
std::string random_bytes(std::size_t count);
// Overwrites a secret, and empties it.
void wipe(std::string& secret);

}  // namespace angarium::sasl

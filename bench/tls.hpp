// TLS at both ends of the bench: when it begins, and what its handshakes were like. A shard's Handshakes are written by it and
// read by others when it has ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "bench/histogram.hpp"
#include "engine/runtime/tls_stream.hpp"

namespace angarium::bench {

enum class TlsMode : std::uint8_t {
    none,
    starttls,  // RFC 3207: after EHLO
    implicit,  // RFC 8314: before the greeting
};
std::string_view to_string(TlsMode mode);
std::optional<TlsMode> parse_tls_mode(std::string_view text);

struct Handshakes {
    Histogram full, resumed;  // those that succeeded: from their begin to their end, nanoseconds
    std::uint64_t failed = 0;
    std::map<std::string, std::uint64_t, std::less<>> ciphers;  // "TLSv1.3 TLS_AES_128_GCM_SHA256"
    std::map<std::string, std::uint64_t, std::less<>>
        verifications;  // of the peer's certificate: "ok", or why not

    std::uint64_t all() const { return full.count() + resumed.count() + failed; }
    void merge(const Handshakes& other);
};

// Shakes hands, and counts how it went.
runtime::Task<runtime::TlsResult> shake_hands(runtime::TlsStream& stream, MonoTime deadline,
                                              Handshakes& tally);

}  // namespace angarium::bench

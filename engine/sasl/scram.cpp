#include "engine/sasl/scram.hpp"

#include <algorithm>

#include "engine/base/base64.hpp"

namespace angarium::sasl {

// RFC 5802 section 3.
ScramKeys make_scram_keys(std::string_view password, std::string salt, std::uint32_t iterations) {
    const auto salted = pbkdf2_sha256(password, salt, iterations);
    ScramKeys keys;
    keys.salt = std::move(salt);
    keys.iterations = iterations;
    keys.client_key = hmac_sha256(bytes_of(salted), "Client Key");
    keys.server_key = hmac_sha256(bytes_of(salted), "Server Key");
    return keys;
}

ScramVerifier make_scram_verifier(std::string_view password, std::string salt, std::uint32_t iterations) {
    auto keys = make_scram_keys(password, std::move(salt), iterations);
    return {std::move(keys.salt), iterations, sha256(bytes_of(keys.client_key)), keys.server_key};
}

std::string escape_name(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c == ',')
            out += "=2C";
        else if (c == '=')
            out += "=3D";
        else
            out += c;
    }
    return out;
}

std::optional<std::string> unescape_name(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            out += text[i];
            continue;
        }
        const auto code = text.substr(i, 3);
        if (code != "=2C" && code != "=3D") return std::nullopt;
        out += code == "=2C" ? ',' : '=';
        i += 2;
    }
    return out;
}

bool is_nonce(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](unsigned char c) { return c > 0x20 && c < 0x7f && c != ','; });
}

std::string make_nonce() { return base64(random_bytes(18)); }

std::optional<std::string_view> Attributes::take(char letter) {
    if (ended_ || rest_.size() < 2 || rest_[0] != letter || rest_[1] != '=') return std::nullopt;
    const auto comma = std::min(rest_.find(','), rest_.size());
    const auto value = rest_.substr(2, comma - 2);
    ended_ = comma == rest_.size();
    rest_.remove_prefix(ended_ ? comma : comma + 1);
    return value;
}

Digest exclusive_or(const Digest& a, const Digest& b) {
    Digest out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] ^ b[i];
    return out;
}

}  // namespace angarium::sasl

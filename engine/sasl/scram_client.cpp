#include "engine/sasl/scram_client.hpp"

#include <utility>

#include "engine/base/base64.hpp"
#include "engine/smtp/command.hpp"

namespace angarium::sasl {

ScramClient::ScramClient(std::string_view user, std::string nonce)
    : nonce_(std::move(nonce)), first_bare_("n=" + escape_name(user) + ",r=" + nonce_) {}

std::optional<std::string_view> ScramClient::take(std::string_view message) {
    Attributes attributes(message);
    const auto nonce = attributes.take('r');
    const auto salt = attributes.take('s');
    const auto iterations = attributes.take('i');
    if (!nonce || !salt || !iterations) return "the server's SCRAM challenge is malformed";
    const bool ours = nonce->starts_with(nonce_) && nonce->size() > nonce_.size();
    if (!ours || nonce->size() > nonce_.size() + max_nonce || !is_nonce(*nonce))
        return "the server's SCRAM nonce does not continue ours";
    auto decoded = decode_base64(*salt);
    if (!decoded || decoded->empty() || decoded->size() > max_salt)
        return "the server's SCRAM salt is malformed";
    const auto count = smtp::parse_decimal(*iterations);
    if (!count || *count < least_iterations || *count > most_iterations)
        return "the server wants fewer than 4096 or more than 1000000 SCRAM iterations";
    server_first_ = message;
    server_nonce_ = *nonce;
    salt_ = std::move(*decoded);
    iterations_ = static_cast<std::uint32_t>(*count);
    return std::nullopt;
}

std::string ScramClient::final(const ScramKeys& keys) {
    std::string without_proof = "c=biws,r=" + server_nonce_;  // "n,,": no channel binding
    const auto auth = first_bare_ + "," + server_first_ + "," + without_proof;
    const auto signature = hmac_sha256(bytes_of(sha256(bytes_of(keys.client_key))), auth);
    expected_ = hmac_sha256(bytes_of(keys.server_key), auth);
    return without_proof + ",p=" + base64(bytes_of(exclusive_or(keys.client_key, signature)));
}

bool ScramClient::judge(std::string_view message) const {
    Attributes attributes(message);
    const auto text = attributes.take('v');
    const auto signature = text ? decode_base64(*text) : std::nullopt;
    return signature && equal_in_constant_time(*signature, bytes_of(expected_));
}

}  // namespace angarium::sasl

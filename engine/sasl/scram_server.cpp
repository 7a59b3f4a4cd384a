#include "engine/sasl/scram_server.hpp"

#include "engine/base/base64.hpp"
#include "engine/sasl/mechanism.hpp"

namespace angarium::sasl {

bool ScramServer::first(std::string_view message) {
    const bool without_binding = message.starts_with("n,") || message.starts_with("y,");
    if (!without_binding) return false;
    const auto header_end = message.find(',', 2);
    if (header_end == std::string_view::npos) return false;
    const auto on_behalf = message.substr(2, header_end - 2);
    gs2_header_ = message.substr(0, header_end + 1);
    first_bare_ = message.substr(header_end + 1);
    Attributes attributes(first_bare_);
    const auto user = attributes.take('n');
    const auto nonce = attributes.take('r');
    if (!user || !nonce || !attributes.empty())
        return false;  // "m=" is mandatory to understand, and other extensions unknown
    if (!is_nonce(*nonce) || nonce->size() > max_nonce) return false;
    const auto name = unescape_name(*user);
    if (!name || !is_name(*name)) return false;
    if (!on_behalf.empty() && on_behalf != "a=" + std::string(*user)) return false;
    user_ = *name;
    nonce_ = std::string(*nonce) + nonce_;
    return true;
}

std::string ScramServer::challenge(const ScramVerifier& verifier) {
    verifier_ = verifier;
    challenge_ = "r=" + nonce_ + ",s=" + base64(verifier.salt) + ",i=" + std::to_string(verifier.iterations);
    return challenge_;
}

ScramServer::Judgement ScramServer::final(std::string_view message) {
    const auto proof_at = message.rfind(",p=");
    if (proof_at == std::string_view::npos) return Judgement::malformed;
    const auto without_proof = message.substr(0, proof_at);
    const auto proof = decode_base64(message.substr(proof_at + 3));
    Attributes attributes(without_proof);
    const auto header = attributes.take('c');
    const auto nonce = attributes.take('r');
    if (!header || !nonce || !attributes.empty() || !proof || proof->size() != Digest().size())
        return Judgement::malformed;
    if (*header != base64(gs2_header_) || *nonce != nonce_) return Judgement::wrong;
    auth_ = first_bare_ + "," + challenge_ + "," + std::string(without_proof);
    const auto signature = hmac_sha256(bytes_of(verifier_.stored_key), auth_);
    Digest given;
    std::copy(proof->begin(), proof->end(), given.begin());
    const auto client_key = exclusive_or(given, signature);
    const bool proven =
        equal_in_constant_time(bytes_of(sha256(bytes_of(client_key))), bytes_of(verifier_.stored_key));
    return proven ? Judgement::proven : Judgement::wrong;
}

std::string ScramServer::signature() const {
    return "v=" + base64(bytes_of(hmac_sha256(bytes_of(verifier_.server_key), auth_)));
}

}  // namespace angarium::sasl

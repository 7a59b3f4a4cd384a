// A server's side of SCRAM-SHA-256 (RFC 5802 section 3). first() reads the client's first message, which names the user;
// challenge() answers it with that user's verifier; final() judges the proof. Pure; any thread, one at a time.
//
// We offer no channel binding: a gs2 header of "y" (the client could bind, and thinks that we cannot) is right, one of "p" is
// refused, and the client's last message must repeat the header that it began with, under its proof.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/sasl/scram.hpp"

namespace angarium::sasl {

class ScramServer {
  public:
    explicit ScramServer(std::string nonce) : nonce_(std::move(nonce)) {}

    // False: malformed, or it wants what we do not have (channel binding, extensions, to act for somebody else).
    bool first(std::string_view message);
    const std::string& user() const { return user_; }
    std::string challenge(const ScramVerifier& verifier);

    enum class Judgement : std::uint8_t { proven, wrong, malformed };
    Judgement final(std::string_view message);
    // The last challenge, after `proven`: shows the client that we know what we must know.
    std::string signature() const;

  private:
    std::string nonce_;  // of both, once the client's is known
    std::string gs2_header_, first_bare_, challenge_, user_, auth_;
    ScramVerifier verifier_;
};

}  // namespace angarium::sasl

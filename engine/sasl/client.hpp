// A client's side of AUTH (RFC 4954 section 4) for every mechanism that we speak: what to say, in the base64 that SMTP
// carries. Nothing here does I/O. One login:
//
//   say command();
//   on 334 with its text: read(); if must_hash(), hash() - it takes milliseconds, on any thread, while nobody else touches
//   this - then say response(); on an error give up (say "*" and hear 501, or close);
//   on 235: logged in only if complete(), else the server has not proven that it knows the password; any other code: refused.
//
// Owning thread: one at a time. The password is wiped in the end. Errors: words for the log, without secrets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.hpp"
#include "engine/sasl/mechanism.hpp"
#include "engine/sasl/scram_client.hpp"

namespace angarium::sasl {

class Client {
  public:
    // Credentials must be a name and a password (mechanism.hpp). `keys`: those of an earlier login with the same
    // credentials, which save SCRAM its hashing where salt and iterations are still the same; may be null.
    Client(Mechanism mechanism, Credentials credentials, std::shared_ptr<const ScramKeys> keys = nullptr,
           std::string nonce = make_nonce());
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    // "AUTH PLAIN AGphY2sAd2F0ZXI=" with CRLF: with the initial response, unless the line would be over 512 octets.
    std::string command();
    // Reads a 334's text (without the code).
    Result<void> read(std::string_view challenge);
    // The response needs the password hashed first.
    bool must_hash() const { return hash_wanted_; }
    void hash();
    // Base64 with CRLF; may be an empty line. After read().
    std::string response();
    // read, hash and response in one, for those who may wait.
    Result<std::string> answer(std::string_view challenge);

    bool complete() const { return state_ == State::complete; }
    // SCRAM's, to be kept for the next login. Null before they are known.
    const std::shared_ptr<const ScramKeys>& keys() const { return keys_; }

  private:
    enum class State : std::uint8_t { first, second, third, complete, failed };
    std::string plain() const;
    Result<void> fail(std::string_view why);
    Result<void> read_scram(const std::string& message);

    const Mechanism mechanism_;
    Credentials credentials_;
    std::shared_ptr<const ScramKeys> keys_;
    std::optional<ScramClient> scram_;
    State state_ = State::first;
    bool hash_wanted_ = false;
    std::string next_;  // the response, before base64
};

}  // namespace angarium::sasl

// A server's side of AUTH (RFC 4954 section 4) for every mechanism that we speak: decoded responses in, what to do next out.
// It verifies no password itself: PLAIN and LOGIN end with a name and a password to be judged elsewhere; SCRAM asks for the
// user's verifier and judges the proof. Pure. Owning thread: the session's. The password is wiped in the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/sasl/mechanism.hpp"
#include "engine/sasl/scram_server.hpp"

namespace angarium::sasl {

class Server {
  public:
    enum class Next : std::uint8_t {
        challenge,  // say challenge(), and take() the response
        verifier,   // SCRAM: find user()'s verifier, or a false one, and give it to use()
        password,   // judge user() and password()
        proven,     // user() has proven to know the password
        wrong,      // user() has not
        malformed,  // not what the mechanism allows, or controls or broken UTF-8 in a name or password
    };
    explicit Server(Mechanism mechanism, std::string nonce = make_nonce());
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    // `initial`: the decoded initial response; nothing when there is none.
    Next begin(std::optional<std::string_view> initial);
    Next take(std::string_view response);
    Next use(const ScramVerifier& verifier);

    const std::string& challenge() const { return challenge_; }  // not yet in base64
    const std::string& user() const { return user_; }
    const std::string& password() const { return password_; }
    Mechanism mechanism() const { return mechanism_; }

  private:
    enum class State : std::uint8_t { message, user, password, proof, acknowledgement, over };
    Next ask(std::string challenge, State for_state);
    Next end(Next how);
    Next take_plain(std::string_view message);
    Next take_user(std::string_view name);
    Next take_password(std::string_view password);

    const Mechanism mechanism_;
    ScramServer scram_;
    State state_ = State::message;
    std::string challenge_, user_, password_;
};

}  // namespace angarium::sasl

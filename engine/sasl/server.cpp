#include "engine/sasl/server.hpp"

#include <utility>

#include "engine/base/assert.hpp"

namespace angarium::sasl {

Server::Server(Mechanism mechanism, std::string nonce) : mechanism_(mechanism), scram_(std::move(nonce)) {}

Server::~Server() { wipe(password_); }

Server::Next Server::ask(std::string challenge, State for_state) {
    challenge_ = std::move(challenge);
    state_ = for_state;
    return Next::challenge;
}

Server::Next Server::end(Next how) {
    state_ = State::over;
    return how;
}

Server::Next Server::begin(std::optional<std::string_view> initial) {
    if (mechanism_ == Mechanism::login) {
        // By the letter it has no initial response; many clients send the name.
        if (initial) return take_user(*initial);
        return ask("Username:", State::user);
    }
    if (initial) return take(*initial);
    return ask("", State::message);
}

Server::Next Server::take(std::string_view response) {
    if (response.size() > max_message) return end(Next::malformed);
    switch (state_) {
        case State::message:
            if (mechanism_ == Mechanism::plain) return take_plain(response);
            if (!scram_.first(response)) return end(Next::malformed);
            user_ = scram_.user();
            return Next::verifier;
        case State::user:
            return take_user(response);
        case State::password:
            return take_password(response);
        case State::proof:
            switch (scram_.final(response)) {
                case ScramServer::Judgement::proven:
                    return ask(scram_.signature(), State::acknowledgement);
                case ScramServer::Judgement::wrong:
                    return end(Next::wrong);
                case ScramServer::Judgement::malformed:
                    return end(Next::malformed);
            }
            break;
        case State::acknowledgement:  // the client has seen our signature (RFC 4954 section 4)
            return end(response.empty() ? Next::proven : Next::malformed);
        case State::over:
            break;
    }
    ANGARIUM_ASSERT(false);
}

Server::Next Server::use(const ScramVerifier& verifier) {
    return ask(scram_.challenge(verifier), State::proof);
}

// RFC 4616: [authzid] NUL authcid NUL passwd. Nobody acts for somebody else here.
Server::Next Server::take_plain(std::string_view message) {
    const auto first = message.find('\0');
    const auto second = first == std::string_view::npos ? first : message.find('\0', first + 1);
    if (second == std::string_view::npos) return end(Next::malformed);
    const auto on_behalf = message.substr(0, first);
    user_ = message.substr(first + 1, second - first - 1);
    if (!is_name(user_) || (!on_behalf.empty() && on_behalf != user_)) return end(Next::malformed);
    return take_password(message.substr(second + 1));
}

Server::Next Server::take_user(std::string_view name) {
    if (!is_name(name)) return end(Next::malformed);
    user_ = name;
    return ask("Password:", State::password);
}

Server::Next Server::take_password(std::string_view password) {
    if (!is_password(password)) return end(Next::malformed);
    password_ = password;
    return end(Next::password);
}

}  // namespace angarium::sasl

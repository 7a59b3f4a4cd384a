#include "engine/sasl/client.hpp"

#include <utility>

#include "engine/base/assert.hpp"
#include "engine/base/base64.hpp"

namespace angarium::sasl {
namespace {
constexpr std::size_t max_command = 512;  // octets with CRLF: RFC 4954 section 4, RFC 5321 section 4.5.3.1.4
}  // namespace

Client::Client(Mechanism mechanism, Credentials credentials, std::shared_ptr<const ScramKeys> keys,
               std::string nonce)
    : mechanism_(mechanism), credentials_(std::move(credentials)), keys_(std::move(keys)) {
    if (mechanism == Mechanism::scram_sha_256) scram_.emplace(credentials_.user, std::move(nonce));
}

Client::~Client() {
    wipe(credentials_.password);
    wipe(next_);
}

std::string Client::plain() const {
    std::string message(1, '\0');
    message.append(credentials_.user).append(1, '\0').append(credentials_.password);
    return message;
}

std::string Client::command() {
    auto line = "AUTH " + std::string(name(mechanism_));
    if (mechanism_ == Mechanism::login) return line + "\r\n";  // some servers take no initial response
    auto first = mechanism_ == Mechanism::plain ? plain() : scram_->first();
    const auto encoded = base64(first);
    wipe(first);
    if (line.size() + 1 + encoded.size() + 2 > max_command) return line + "\r\n";
    state_ = mechanism_ == Mechanism::plain ? State::complete : State::second;
    return line + " " + encoded + "\r\n";
}

Result<void> Client::fail(std::string_view why) {
    state_ = State::failed;
    next_.clear();
    return failure(std::string(why));
}

Result<void> Client::read(std::string_view challenge) {
    next_.clear();
    const bool first = state_ == State::first;
    if (mechanism_ == Mechanism::login) {  // whatever it asks; not all of them say so in base64
        if (!first && state_ != State::second) return fail("the server asks for more after the password");
        next_ = first ? credentials_.user : credentials_.password;
        state_ = first ? State::second : State::complete;
        return {};
    }
    if (first) {  // the initial response did not fit, and is asked for
        next_ = mechanism_ == Mechanism::plain ? plain() : scram_->first();
        state_ = mechanism_ == Mechanism::plain ? State::complete : State::second;
        return {};
    }
    if (mechanism_ == Mechanism::plain) return fail("the server asks for more after the password");
    const auto message = challenge.size() <= max_encoded ? decode_base64(challenge) : std::nullopt;
    if (!message) return fail("the server's challenge is no base64");
    return read_scram(*message);
}

Result<void> Client::read_scram(const std::string& message) {
    if (state_ == State::second) {
        if (const auto wrong = scram_->take(message)) return fail(*wrong);
        state_ = State::third;
        const bool known =
            keys_ && keys_->salt == scram_->salt() && keys_->iterations == scram_->iterations();
        hash_wanted_ = !known;
        if (known) next_ = scram_->final(*keys_);
        return {};
    }
    if (state_ != State::third) return fail("the server asks for more after its signature");
    if (!scram_->judge(message))
        return fail("the server's SCRAM signature is wrong: it does not know the password");
    state_ = State::complete;
    return {};
}

void Client::hash() {
    ANGARIUM_ASSERT(hash_wanted_);
    hash_wanted_ = false;
    keys_ = std::make_shared<const ScramKeys>(
        make_scram_keys(credentials_.password, scram_->salt(), scram_->iterations()));
    next_ = scram_->final(*keys_);
}

std::string Client::response() {
    ANGARIUM_ASSERT(!hash_wanted_ && state_ != State::failed);
    auto line = base64(next_) + "\r\n";
    wipe(next_);
    return line;
}

Result<std::string> Client::answer(std::string_view challenge) {
    if (auto good = read(challenge); !good) return std::unexpected(good.error());
    if (must_hash()) hash();
    return response();
}

}  // namespace angarium::sasl

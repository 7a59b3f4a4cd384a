// AUTH (RFC 4954): the exchange of a SASL mechanism's messages, the judgement, and who the client is from then on. A password
// is hashed on a worker thread (engine/accounts) while this session waits and others go on.
#include <algorithm>

#include "engine/base/base64.hpp"
#include "engine/inbound/session.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::inbound {

using accounts::LoginResult;
using metrics::Count;
using Exchange = sasl::Server;

namespace {

// Of the mechanism itself, and of the base64 that carries it.
constexpr std::string_view no_initial_response = "=";  // an empty one, RFC 4954 section 4
constexpr std::string_view abort_sign = "*";

Count counter_of(LoginResult result) {
    switch (result) {
        case LoginResult::right:
            return Count::auth_accepted;
        case LoginResult::wrong:
            return Count::auth_wrong;
        case LoginResult::blocked:
            return Count::auth_blocked;
        case LoginResult::busy:
            return Count::auth_busy;
    }
    ANGARIUM_ASSERT(false);
}

}  // namespace

bool Session::may_authenticate() const {
    return terms_->accounts != nullptr && client_.identity.empty() &&
           (client_.secure || terms_->listener.auth_without_tls);
}

smtp::AuthMechanisms Session::offered_mechanisms() const {
    if (!may_authenticate()) return smtp::AuthMechanisms::none;
    const auto passwords = smtp::AuthMechanisms::plain | smtp::AuthMechanisms::login;
    return terms_->accounts->any_scram() ? passwords | smtp::AuthMechanisms::scram_sha_256 : passwords;
}

Session::Next Session::auth(std::string_view argument) {
    if (terms_->accounts == nullptr) return refuse(replies::not_implemented, Reason::sequence);
    if (!extended_) return refuse(replies::ehlo_first, Reason::sequence);
    if (!client_.identity.empty()) return refuse(replies::already_authenticated, Reason::sequence);
    if (transaction_.begun()) return refuse(replies::auth_within_transaction, Reason::sequence);
    if (!may_authenticate()) return refuse(replies::auth_needs_tls, Reason::auth);
    const auto end = std::min(argument.find(' '), argument.size());
    const auto mechanism = sasl::parse_mechanism(argument.substr(0, end));
    if (!mechanism || !smtp::contains(offered_mechanisms(), sasl::flag(*mechanism)))
        return refuse(replies::unknown_mechanism, Reason::auth);
    const auto initial = smtp::trim(argument.substr(end));
    exchange_ = std::make_unique<Exchange>(*mechanism);
    if (initial.empty()) {
        exchange_next_ = exchange_->begin(std::nullopt);
        return Next::auth;
    }
    auto message = initial == no_initial_response ? std::string() : decode_base64(initial);
    if (!message) return end_exchange(replies::bad_base64);
    exchange_next_ = exchange_->begin(*message);
    sasl::wipe(*message);
    return Next::auth;
}

runtime::Task<void> Session::authenticate() {
    using Step = Exchange::Next;
    const auto& peer = client_.peer.address;
    const accounts::LoginOrigin origin{peer, terms_->listener.relay.is_relay_network(peer.unmapped())};
    while (exchange_next_ == Step::challenge || exchange_next_ == Step::verifier) {
        if (exchange_next_ == Step::verifier) {
            if (!is_heard(origin)) co_return;
            exchange_next_ = exchange_->use(terms_->accounts->scram_verifier(exchange_->user()));
            continue;
        }
        auto& text = replies_.text();
        append_base64(text.append("334 "), exchange_->challenge());
        text.append("\r\n");
        count_reply(334);
        auto response = co_await auth_response();
        if (!response || !is_heard(origin)) co_return;
        exchange_next_ = exchange_->take(*response);
        sasl::wipe(*response);
    }
    if (exchange_next_ == Step::malformed) {
        end_exchange(replies::malformed_auth);
        co_return;
    }
    const auto exchange = std::move(exchange_);
    auto result = LoginResult::wrong;
    if (exchange_next_ == Step::password)
        result = co_await services_.logins->check(terms_->accounts, exchange->user(), exchange->password(),
                                                  origin);
    else
        result = services_.logins->proven(*terms_->accounts, exchange->user(), exchange_next_ == Step::proven,
                                          origin);
    if (!closing_) judged(exchange->user(), result);
}

// False: SCRAM may not go on for this user, and that has been said. PLAIN and LOGIN are held to the limits with the password.
bool Session::is_heard(const accounts::LoginOrigin& origin) {
    if (exchange_->mechanism() != sasl::Mechanism::scram_sha_256 || exchange_->user().empty()) return true;
    if (services_.logins->is_heard(*terms_->accounts, exchange_->user(), origin)) return true;
    const auto blocked = std::move(exchange_);
    judged(blocked->user(), LoginResult::blocked);
    return false;
}

// One line of the client's, decoded. Nothing: the exchange is over, and what there was to say has been said.
runtime::Task<std::optional<std::string>> Session::auth_response() {
    const auto deadline = services_.shard.now() + patience();
    while (true) {
        if (input_.empty()) {
            flush();
            awaiting_command_ = true;
            const auto read = co_await stream_->read(deadline);
            awaiting_command_ = false;
            if (!got(read)) {
                services_.sheet.add(Count::auth_broken_off);
                exchange_.reset();
                co_return std::nullopt;
            }
        }
        const auto line = lines_.next(input_);
        if (line.kind == smtp::LineReader::Kind::need_more) continue;
        if (input_waits()) {  // our answer decides how it goes on: RFC 2920 section 3.1
            end_exchange(replies::premature_input);
            closing_ = true;
        } else if (line.kind == smtp::LineReader::Kind::too_long) {
            end_exchange(replies::auth_too_long);
        } else if (line.kind == smtp::LineReader::Kind::bad_end) {
            end_exchange(smtp::command_line_end);
        } else if (line.text == abort_sign) {
            end_exchange(replies::auth_aborted);
        } else {
            auto message = decode_base64(line.text);
            if (message) co_return message;
            end_exchange(replies::bad_base64);
        }
        co_return std::nullopt;
    }
}

// The exchange has come to nothing.
Session::Next Session::end_exchange(const smtp::FixedReply& reply) {
    services_.sheet.add(Count::auth_broken_off);
    exchange_.reset();
    const auto next = refuse(reply, Reason::auth);
    if (next == Next::stop) closing_ = true;
    return next;
}

void Session::judged(const std::string& name, LoginResult result) {
    services_.sheet.add(counter_of(result));
    if (result == LoginResult::right) {
        client_.identity = name;
        if (const auto* const account = terms_->accounts->find(name)) client_.senders = account->senders;
        standing_ = terms_->listener.relay.judge(client_);
        say(replies::authenticated);
        return;
    }
    const auto& reply = result == LoginResult::wrong     ? replies::wrong_credentials
                        : result == LoginResult::blocked ? replies::too_many_logins
                                                         : replies::logins_busy;
    log(reply, {}, name);
    if (refuse(reply, Reason::auth) == Next::stop) closing_ = true;
    if (result == LoginResult::busy || closing_) return;
    if (++failed_logins_ < limits_.failed_logins) return;
    say(replies::too_many_failures);
    closing_ = true;
}

}  // namespace angarium::inbound

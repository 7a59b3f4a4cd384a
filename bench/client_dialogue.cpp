#include "bench/client_dialogue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/compile.h>
#include <fmt/core.h>

#include "bench/usage.hpp"
#include "engine/base/assert.hpp"

namespace angarium::bench {

using Fate = ClientDialogue::Target::Fate;

namespace {
constexpr unsigned service_closing = 421;
// Stands for a reply that is none: try again, elsewhere or later.
const smtp::Reply malformed(499, {}, "(no reply of an SMTP server)");
}  // namespace

ClientDialogue::ClientDialogue(const SendOptions& options, const Domains& domains, SendErrors& errors)
    : options_(options), domains_(domains), errors_(errors), composer_(domains) {}

void ClientDialogue::connected() {
    replies_ = smtp::ReplyParser();
    stage_ = Stage::greeting;
    awaited_ = 1;
    targets_ = nullptr;
    flight_ready_ = with_content_ = ended_ = content_out_ = false;
    pipelining_ = chunking_ = size_ = eight_bit_ = secure_ = false;
}

// What was learnt before is forgotten (RFC 3207 section 4.2).
void ClientDialogue::secured() {
    replies_ = smtp::ReplyParser();
    secure_ = true;
    say_ehlo();
}

Phase ClientDialogue::phase() const {
    switch (stage_) {
        case Stage::greeting:
            return Phase::greeting;
        case Stage::ehlo:
        case Stage::helo:
            return Phase::hello;
        case Stage::starttls:
        case Stage::tls:
            return Phase::tls;
        case Stage::auth:
            return Phase::auth;
        case Stage::idle:
        case Stage::mail:
            return Phase::mail;
        case Stage::rcpt:
            return Phase::rcpt;
        case Stage::data:
            return Phase::data;
        case Stage::content:
            return Phase::end_of_data;
        case Stage::reset:
            return Phase::reset;
        case Stage::quit:
        case Stage::over:
            break;
    }
    return Phase::quit;
}

void ClientDialogue::begin(std::uint64_t number, const MessageForm& form, std::vector<Target>& targets,
                           std::uint64_t due_microseconds) {
    ANGARIUM_ASSERT(idle());
    std::erase_if(targets,
                  [](const Target& t) { return t.fate == Fate::accepted || t.fate == Fate::failed; });
    for (auto& target : targets) target.fate = Fate::open;
    number_ = number;
    form_ = &form;
    due_microseconds_ = due_microseconds;
    targets_ = &targets;
    at_ = taken_ = 0;
    refusal_ = 0;
    mail_open_ = intermediate_ = content_out_ = empty_content_ = false;
    first_flight();
}

void ClientDialogue::quit() {
    say("QUIT\r\n");
    stage_ = Stage::quit;
}

// --- what to write ---

void ClientDialogue::say(std::string_view command) {
    if (!flight_ready_) commands_.clear();
    flight_ready_ = true;
    commands_ += command;
    ++awaited_;
}

void ClientDialogue::say_rcpt(const Target& target) {
    if (!flight_ready_) commands_.clear();
    flight_ready_ = true;
    ++awaited_;
    commands_ += "RCPT TO:<";
    if (!options_.addresses.empty()) {
        commands_.append(options_.addresses[target.number]).append(">\r\n");
        return;
    }
    fmt::format_to(std::back_inserter(commands_), FMT_COMPILE("r{}@"), target.number);
    const auto name = commands_.size();
    commands_.append(domains_.pattern()).append(">\r\n");
    domains_.put_name(commands_.data() + name, target.domain);
}

void ClientDialogue::first_flight() {
    say("MAIL FROM:<");
    commands_ += options_.from;
    commands_ += '>';
    if (size_) fmt::format_to(std::back_inserter(commands_), FMT_COMPILE(" SIZE={}"), form_->size());
    if (eight_bit_ && form_->eight_bit()) commands_ += " BODY=8BITMIME";
    commands_ += "\r\n";
    stage_ = Stage::mail;
    if (!pipelining_) return;
    for (const auto& target : *targets_) say_rcpt(target);
    if (chunking_)
        add_content();
    else
        say("DATA\r\n");
}

void ClientDialogue::add_content() {
    if (chunking_) {
        fmt::format_to(std::back_inserter(commands_), FMT_COMPILE("BDAT {} LAST\r\n"), form_->size());
    } else if (empty_content_) {
        commands_ += ".\r\n";
    }
    with_content_ = !empty_content_;
    flight_ready_ = true;
    ++awaited_;
}

std::span<const std::string_view> ClientDialogue::flight() {
    pieces_.clear();
    if (!std::exchange(flight_ready_, false)) return {};
    if (!commands_.empty()) pieces_.push_back(commands_);
    if (std::exchange(with_content_, false)) {
        content_out_ = true;
        const auto sent = due_microseconds_ != 0 ? due_microseconds_ : wall_microseconds();
        composer_.compose(*form_, number_, sent, targets_->front().domain);
        pieces_.push_back(composer_.head());
        pieces_.push_back(chunking_ ? form_->plain() : form_->stuffed());
        pieces_.push_back(chunking_ ? composer_.tail() : composer_.tail_with_end());
        content_started_ = mono_nanoseconds();
    }
    return pieces_;
}

// --- what was read ---

void ClientDialogue::feed(std::string_view input) {
    while (!input.empty() && stage_ != Stage::over) {
        const auto complete = replies_.feed(input);
        if (!complete) {  // no SMTP server: nothing that it says can be trusted
            errors_.refused(phase(), malformed);
            refuse(malformed.code);
            return end(After::close);
        }
        if (!*complete) return;
        if (awaited_ == 0) {  // unasked for: a 421 before the end, or nonsense
            errors_.refused(phase(), replies_.reply());
            refuse(replies_.reply().code);
            return end(After::close);
        }
        --awaited_;
        on_reply(replies_.reply());
        if (stage_ == Stage::tls &&
            !input.empty())  // somebody may have put it there, to be read as if it came by TLS
            return give_up("the server's reply to STARTTLS was followed by more");
    }
}

void ClientDialogue::on_reply(const smtp::Reply& reply) {
    if (reply.code >= 400 && (reply.code == service_closing || !follows_from_refusal()))
        errors_.refused(phase(), reply);
    if (reply.code == service_closing) {
        refuse(reply.code);
        return end(After::close);
    }
    switch (stage_) {
        case Stage::greeting:
        case Stage::ehlo:
        case Stage::helo:
            return on_hello(reply);
        case Stage::starttls:
            return on_starttls(reply);
        case Stage::auth:
            return on_auth(reply);
        case Stage::reset:
            stage_ = Stage::idle;
            return;
        case Stage::quit:
            stage_ = Stage::over;
            return;
        default:
            on_transaction(reply);
            if (awaited_ == 0 && stage_ != Stage::idle && stage_ != Stage::over) next_flight();
    }
}

// The reply says nothing new: MAIL was refused before it, or every recipient.
bool ClientDialogue::follows_from_refusal() const {
    switch (stage_) {
        case Stage::rcpt:
            return refusal_ != 0;
        case Stage::data:
        case Stage::content:
            return refusal_ != 0 || taken_ == 0;
        default:
            return false;
    }
}

void ClientDialogue::say_ehlo() {
    say("EHLO ");
    commands_.append(options_.hello).append("\r\n");
    stage_ = Stage::ehlo;
}

void ClientDialogue::on_starttls(const smtp::Reply& reply) {
    if (reply.positive())
        stage_ = Stage::tls;
    else if (reply.transient())
        stage_ = Stage::over;
    else
        give_up("the server refused STARTTLS: " + reply.one_line());
}

void ClientDialogue::on_hello(const smtp::Reply& reply) {
    if (stage_ == Stage::greeting && reply.positive()) {
        say_ehlo();
    } else if (stage_ == Stage::ehlo && reply.positive()) {
        const auto offered = smtp::parse_ehlo_reply(reply);
        pipelining_ = options_.pipelining && offered.pipelining;
        chunking_ = options_.chunking && offered.chunking;
        size_ = offered.size;
        eight_bit_ = offered.eight_bit_mime;
        stage_ = Stage::idle;
        if (options_.tls == TlsMode::starttls && !secure_) {
            if (!offered.starttls) return give_up("the server does not offer STARTTLS");
            say("STARTTLS\r\n");
            stage_ = Stage::starttls;
        } else if (options_.auth) {
            authenticate(offered.auth);
        }
    } else if (stage_ == Stage::ehlo && reply.permanent()) {
        say("HELO ");
        commands_.append(options_.hello).append("\r\n");
        stage_ = Stage::helo;
    } else if (stage_ == Stage::helo && reply.positive()) {
        if (options_.tls == TlsMode::starttls && !secure_)
            return give_up("the server knows no EHLO, so no STARTTLS");
        stage_ = Stage::idle;
        if (options_.auth) authenticate(smtp::AuthMechanisms::none);
    } else {
        stage_ = Stage::over;
    }
}

void ClientDialogue::authenticate(smtp::AuthMechanisms offered) {
    auto mechanism = sasl::best(offered);
    if (const auto wanted = options_.mechanism)
        mechanism = smtp::contains(offered, sasl::flag(*wanted)) ? wanted : std::nullopt;
    if (!mechanism)
        return give_up(fmt::format(
            "the server does not offer AUTH {}; many offer AUTH only after TLS",
            options_.mechanism ? sasl::name(*options_.mechanism) : "PLAIN, LOGIN or SCRAM-SHA-256"));
    login_.emplace(*mechanism, *options_.auth, scram_keys_);
    say(login_->command());
    stage_ = Stage::auth;
}

void ClientDialogue::on_auth(const smtp::Reply& reply) {
    if (reply.intermediate()) {
        const auto response = login_->answer(reply.text);
        if (!response) return give_up(response.error().text + ": " + reply.one_line());
        return say(*response);
    }
    scram_keys_ = login_->keys();
    const bool complete = login_->complete();
    login_.reset();
    if (reply.positive() && complete) {
        stage_ = Stage::idle;
    } else if (reply.positive()) {
        give_up("the server took the login without proving that it knows the password");
    } else if (reply.transient()) {
        stage_ = Stage::over;
    } else {
        give_up("the server refused AUTH: " + reply.one_line());
    }
}

void ClientDialogue::give_up(std::string why) {
    hopeless_ = std::move(why);
    stage_ = Stage::over;
}

void ClientDialogue::on_transaction(const smtp::Reply& reply) {
    switch (stage_) {
        case Stage::mail:
            mail_open_ = reply.positive();
            if (!mail_open_) refuse(reply.code);
            stage_ = Stage::rcpt;
            break;
        case Stage::rcpt: {
            auto& target = (*targets_)[at_];
            if (reply.positive()) {
                target.fate = Fate::taken;
                ++taken_;
            } else if (refusal_ == 0) {  // else it only says that MAIL was refused
                target.fate = reply.transient() ? Fate::deferred : Fate::failed;
            }
            if (++at_ == targets_->size()) stage_ = chunking_ ? Stage::content : Stage::data;
            break;
        }
        case Stage::data:
            intermediate_ = reply.intermediate();
            if (!intermediate_) refuse(reply.code);
            stage_ = Stage::content;
            break;
        case Stage::content:
            if (!reply.positive()) refuse(reply.code);
            // After a refused BDAT the transaction may still be open (RFC 3030 section 2); after DATA it is not.
            if (reply.positive() || !chunking_) mail_open_ = false;
            end(After::reset);
            break;
        default:
            break;
    }
}

// All replies to what was said have come.
void ClientDialogue::next_flight() {
    switch (stage_) {
        case Stage::rcpt:
            if (refusal_ != 0) return end(After::reset);
            return say_rcpt((*targets_)[at_]);
        case Stage::data:  // lockstep: DATA is yet to be said
            return after_recipients();
        case Stage::content:
            if (chunking_) return after_recipients();  // lockstep
            if (!intermediate_) return end(After::reset);
            if (!flight_ready_) commands_.clear();
            empty_content_ = taken_ == 0;  // pipelined: DATA was taken though no recipient was
            return add_content();
        default:
            return;
    }
}

void ClientDialogue::after_recipients() {
    if (taken_ == 0) return end(After::reset);
    if (!chunking_) return say("DATA\r\n");
    commands_.clear();
    add_content();
}

void ClientDialogue::refuse(unsigned code) {
    if (refusal_ == 0) refusal_ = code;
}

// The transaction, or the connection while none is under way, is over.
void ClientDialogue::end(After after) {
    if (targets_ != nullptr) settle();
    if (after == After::close) {
        stage_ = Stage::over;
    } else if (after == After::reset && mail_open_) {
        say("RSET\r\n");
        stage_ = Stage::reset;
    } else {
        stage_ = Stage::idle;
    }
}

void ClientDialogue::settle() {
    for (auto& target : *targets_) {
        if (target.fate != Fate::taken && !(refusal_ != 0 && target.fate == Fate::open)) continue;
        if (refusal_ == 0)
            target.fate = empty_content_ ? Fate::deferred : Fate::accepted;
        else
            target.fate = refusal_ < 500 ? Fate::deferred : Fate::failed;
    }
    targets_ = nullptr;
    content_out_ = false;
    ended_ = true;
}

}  // namespace angarium::bench

#include "engine/outbound/verdict.hpp"

#include <fmt/format.h>

namespace angarium::outbound {

using queue::Reason;
using queue::Verdict;
using smtp::EnhancedStatus;
using smtp::Reply;

namespace {

constexpr std::size_t most_reason_text = 512;  // bytes, queue::Reason

// Cut to the limit without splitting a UTF-8 sequence.
void shorten(std::string& text) {
    if (text.size() <= most_reason_text) return;
    std::size_t end = most_reason_text;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
}

Reason own_words(EnhancedStatus status, std::string text) {
    Reason reason;
    reason.status = status;
    reason.text = std::move(text);
    shorten(reason.text);
    return reason;
}

// Names the command for "while waiting for ...".
std::string_view awaited(Stage stage) {
    switch (stage) {
        case Stage::connect:
            return "the connection";
        case Stage::banner:
            return "the greeting";
        case Stage::hello:
            return "the reply to EHLO";
        case Stage::starttls:
            return "the reply to STARTTLS";
        case Stage::handshake:
            return "the TLS handshake";
        case Stage::auth:
            return "the reply to AUTH";
        case Stage::rset:
            return "the reply to RSET";
        case Stage::mail:
            return "the reply to MAIL FROM";
        case Stage::rcpt:
            return "the reply to RCPT TO";
        case Stage::data:
            return "the reply to DATA";
        case Stage::body:
            return "the content to be taken";
        case Stage::end_of_data:
            return "the reply to the end of data";
        case Stage::quit:
            return "the reply to QUIT";
    }
    return "";
}

bool before_mail(Stage stage) { return stage < Stage::rset; }
bool of_tls(Stage stage) { return stage == Stage::starttls || stage == Stage::handshake; }

}  // namespace

std::string_view to_string(Stage stage) {
    switch (stage) {
        case Stage::connect:
            return "connect";
        case Stage::banner:
            return "banner";
        case Stage::hello:
            return "hello";
        case Stage::starttls:
            return "starttls";
        case Stage::handshake:
            return "handshake";
        case Stage::auth:
            return "auth";
        case Stage::rset:
            return "rset";
        case Stage::mail:
            return "mail";
        case Stage::rcpt:
            return "rcpt";
        case Stage::data:
            return "data";
        case Stage::body:
            return "body";
        case Stage::end_of_data:
            return "end_of_data";
        case Stage::quit:
            return "quit";
    }
    return "";
}

Fault fault_of(IoError error) {
    switch (error) {
        case IoError::end_of_stream:
        case IoError::reset:
            return Fault::disconnected;
        case IoError::timed_out:
            return Fault::timed_out;
        case IoError::canceled:
            return Fault::shutdown;
        case IoError::refused:
            return Fault::refused;
        case IoError::unreachable:
            return Fault::unreachable;
        case IoError::no_descriptors:
            return Fault::no_descriptors;
        case IoError::no_space:
        case IoError::failed:
            return Fault::failed;
    }
    return Fault::failed;
}

bool is_good(Stage stage, const Reply& reply) {
    if (stage == Stage::starttls) return reply.code == 220;
    if (stage == Stage::auth) return reply.code == 235 || reply.code == 334;
    return stage == Stage::data ? reply.code == 354 : reply.positive();
}

bool is_misplaced(Stage stage, const Reply& reply) {
    return !is_good(stage, reply) && !reply.transient() && !(reply.permanent() && reply.code < 600);
}

Reason reason_of(const Reply& reply) {
    Reason reason;
    reason.code = reply.code;
    const auto status_class = static_cast<std::uint8_t>(reply.code / 100);
    if (reply.enhanced) reason.status = reply.enhanced;
    reason.status.status_class = status_class;  // where the two disagree, the code counts
    reason.text.reserve(reply.text.size());
    for (const char c : reply.text) {
        if (c == '\n')
            reason.text += " / ";
        else
            reason.text += c;
    }
    shorten(reason.text);
    return reason;
}

bool wants_other_session(Stage stage, const Reply& reply) {
    return stage == Stage::mail && reply.code == 530;
}

bool is_too_many_recipients(const Reply& reply) {
    return (reply.code == 452 || reply.code == 552) && reply.enhanced.subject == 5 &&
           reply.enhanced.detail == 3;
}

Judgement judge(Stage stage, const Reply& reply) {
    Judgement judgement;
    judgement.reason = reason_of(reply);
    if (before_mail(stage) || reply.code == 421 || wants_other_session(stage, reply)) {
        judgement.concern = Concern::exchanger;
        judgement.closes = true;
        judgement.elsewhere = true;
        judgement.never = stage <= Stage::hello && (reply.code == 521 || reply.code == 556);
        if (stage == Stage::auth && !reply.enhanced) judgement.reason.status = {4, 7, 8};
        judgement.tls = of_tls(stage) && reply.code != 421;
        judgement.login = stage == Stage::auth && reply.permanent();
        judgement.reason.status.status_class = 4;
        return judgement;
    }
    if (stage == Stage::rset || stage == Stage::quit) {
        judgement.closes = true;
        return judgement;
    }
    judgement.concern = stage == Stage::rcpt ? Concern::recipient : Concern::delivery;
    if (reply.permanent() && !(stage == Stage::rcpt && is_too_many_recipients(reply))) {
        judgement.verdict = Verdict::failed;
        return judgement;
    }
    judgement.elsewhere = true;
    judgement.reason.status.status_class = 4;
    return judgement;
}

Judgement judge(Stage stage, Fault fault) {
    Judgement judgement;
    judgement.closes = true;
    judgement.concern = stage == Stage::end_of_data ? Concern::delivery : Concern::exchanger;
    judgement.elsewhere = stage != Stage::end_of_data;
    judgement.tls = of_tls(stage);
    EnhancedStatus status{4, 4, 2};
    if (stage == Stage::connect) status.detail = 1;
    if (stage == Stage::handshake) status = {4, 7, 5};
    const std::string_view unknown =
        stage == Stage::end_of_data ? "; the message may be delivered twice" : std::string_view();
    switch (fault) {
        case Fault::refused:
            judgement.reason = own_words(status, "connection refused");
            break;
        case Fault::unreachable:
            judgement.reason = own_words(status, "host unreachable");
            break;
        case Fault::timed_out:
            judgement.silent = true;
            judgement.reason =
                own_words(status, fmt::format("timed out waiting for {}{}", awaited(stage), unknown));
            break;
        case Fault::disconnected:
            judgement.reason = own_words(
                status, fmt::format("connection lost while waiting for {}{}", awaited(stage), unknown));
            break;
        case Fault::garbage:
            judgement.reason = own_words(
                {4, 5, 0},
                fmt::format("protocol broken by the server while waiting for {}{}", awaited(stage), unknown));
            break;
        case Fault::no_descriptors:
            judgement.ours = true;
            judgement.elsewhere = false;
            judgement.tls = false;
            judgement.reason = own_words({4, 3, 2}, "this system is out of file descriptors");
            break;
        case Fault::shutdown:
            judgement.ours = true;
            judgement.elsewhere = false;
            judgement.tls = false;
            judgement.reason = own_words({4, 3, 2}, fmt::format("this system shut down{}", unknown));
            break;
        case Fault::failed:
            judgement.reason = own_words(
                status, fmt::format("network error while waiting for {}{}", awaited(stage), unknown));
            break;
    }
    return judgement;
}

Judgement judge(Obstacle obstacle, std::uint64_t limit) {
    Judgement judgement;
    judgement.verdict = Verdict::failed;
    switch (obstacle) {
        case Obstacle::too_big:
            judgement.reason =
                own_words({5, 3, 4}, fmt::format("message exceeds the server's limit of {} bytes", limit));
            break;
        case Obstacle::needs_smtputf8:
            judgement.reason =
                own_words({5, 6, 7}, "internationalised mail, but the server does not offer SMTPUTF8");
            break;
        case Obstacle::needs_8bitmime:
            judgement.reason = own_words({5, 6, 3}, "8-bit content, but the server does not offer 8BITMIME");
            break;
        case Obstacle::body_unreadable:
            judgement.verdict = Verdict::deferred;
            judgement.ours = true;
            judgement.reason = own_words({4, 3, 0}, "this system could not read the message from its disk");
            break;
    }
    return judgement;
}

Judgement judge(TlsTrouble trouble, std::string_view host, std::string_view cause) {
    Judgement judgement;
    judgement.concern = Concern::exchanger;
    judgement.closes = true;
    judgement.elsewhere = true;
    judgement.tls = trouble != TlsTrouble::injected;  // then plain text is what somebody may want from us
    switch (trouble) {
        case TlsTrouble::not_offered:
            judgement.reason =
                own_words({4, 7, 4}, fmt::format("TLS is required, but not offered by {}", host));
            break;
        case TlsTrouble::handshake:
            judgement.reason =
                own_words({4, 7, 5}, fmt::format("TLS handshake with {} failed: {}", host, cause));
            break;
        case TlsTrouble::certificate:
            judgement.reason = own_words({4, 7, 5}, fmt::format("certificate of {}: {}", host, cause));
            break;
        case TlsTrouble::injected:
            judgement.reason = own_words(
                {4, 7, 5},
                fmt::format("{} sent more behind its reply to STARTTLS: somebody may have put it there",
                            host));
            break;
    }
    return judgement;
}

Judgement judge(LoginTrouble trouble, std::string_view host, std::string_view cause) {
    Judgement judgement;
    judgement.login = true;
    judgement.concern = Concern::exchanger;
    judgement.closes = true;
    judgement.elsewhere = true;
    switch (trouble) {
        case LoginTrouble::unprotected:
            judgement.reason = own_words({4, 7, 11}, fmt::format("no login at {} without TLS", host));
            break;
        case LoginTrouble::no_mechanism:
            judgement.reason = own_words(
                {4, 7, 4}, fmt::format("login is required, but {} offers no mechanism that we know", host));
            break;
        case LoginTrouble::failed:
            judgement.reason = own_words({4, 7, 8}, fmt::format("login at {} failed: {}", host, cause));
            break;
    }
    return judgement;
}

Judgement judge(const dns::Trouble& trouble) {
    Judgement judgement;
    judgement.concern = Concern::destination;
    judgement.verdict = trouble.permanent() ? Verdict::failed : Verdict::deferred;
    const EnhancedStatus status{static_cast<std::uint8_t>(trouble.status_class),
                                static_cast<std::uint16_t>(trouble.subject),
                                static_cast<std::uint16_t>(trouble.detail)};
    judgement.reason = own_words(status, trouble.text);
    return judgement;
}

Judgement judge_route(const dns::Trouble& trouble) {
    Judgement judgement;
    judgement.concern = Concern::destination;
    judgement.reason = own_words({4, 4, 4}, trouble.text);
    return judgement;
}

Judgement as_permanent(Judgement judgement) {
    judgement.concern = Concern::destination;
    judgement.verdict = Verdict::failed;
    judgement.reason.status.status_class = 5;
    return judgement;
}

}  // namespace angarium::outbound

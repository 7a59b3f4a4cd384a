// What each command does: RFC 5321 section 4.1, with the sequence rules of section 4.1.4 and of RFC 2920 and 3030.
#include "engine/base/mistakes.hpp"
#include "engine/inbound/session.hpp"

namespace angarium::inbound {

using smtp::Verb;

namespace {

// RFC 2920 section 3.1: what may only be the last command of a group, since its reply decides how to go on.
bool ends_group(Verb verb) {
    switch (verb) {
        case Verb::helo:
        case Verb::ehlo:
        case Verb::data:
        case Verb::vrfy:
        case Verb::expn:
        case Verb::noop:
        case Verb::starttls:
        case Verb::auth:
            return true;
        default:
            return false;
    }
}

// RFC 3207 section 4: what is understood where TLS is required and has not begun. BDAT is refused when its chunk, which
// follows in any case, has been read.
bool leads_to_tls(Verb verb) {
    switch (verb) {
        case Verb::helo:
        case Verb::ehlo:
        case Verb::noop:
        case Verb::rset:
        case Verb::quit:
        case Verb::starttls:
        case Verb::bdat:
        case Verb::unknown:
            return true;
        default:
            return false;
    }
}

}  // namespace

smtp::Extensions Session::offered() const {
    smtp::Extensions extensions;
    extensions.pipelining = extensions.eight_bit_mime = extensions.chunking = extensions.smtputf8 = true;
    extensions.dsn = extensions.enhanced_status_codes = extensions.help = extensions.size = true;
    extensions.size_limit = limits_.message_size;
    extensions.starttls = terms_->tls && tls_ == nullptr;
    extensions.auth = offered_mechanisms();
    return extensions;
}

Session::Next Session::line(const smtp::LineReader::Result& line) {
    services_.sheet.add(metrics::Count::commands);
    switch (line.kind) {
        case smtp::LineReader::Kind::too_long:
            return refuse(smtp::command_too_long, Reason::syntax);
        case smtp::LineReader::Kind::bad_end:
            return refuse(smtp::command_line_end, Reason::syntax);
        default:
            return command(line.text);
    }
}

Session::Next Session::command(std::string_view text) {
    const auto command = smtp::parse_command(text);
    if (!command) return refuse(command.error(), Reason::syntax);
    if (ends_group(command->verb) && input_waits()) {
        refuse(replies::premature_input, Reason::sequence);
        return Next::stop;
    }
    if (tls_is_due() && !leads_to_tls(command->verb)) {
        return command->verb == Verb::mail ? refuse_and_log(replies::tls_first, Reason::tls)
                                           : refuse(replies::tls_first, Reason::tls);
    }
    switch (command->verb) {
        case Verb::helo:
        case Verb::ehlo:
            return hello(*command);
        case Verb::mail:
            return mail(command->argument);
        case Verb::rcpt:
            return recipient(command->argument);
        case Verb::data:
            return data();
        case Verb::bdat:
            return bdat(command->argument);
        case Verb::rset:
            transaction_.reset();
            return say(replies::ok);
        case Verb::noop:
            return say(replies::ok);
        case Verb::vrfy:
        case Verb::expn:
            return say(replies::cannot_verify);
        case Verb::help:
            return say(replies::help);
        case Verb::quit:
            say(replies::bye);
            return Next::stop;
        case Verb::starttls:
            return starttls();
        case Verb::auth:
            return auth(command->argument);
        case Verb::unknown:
            break;
    }
    return refuse(smtp::command_unknown, Reason::syntax);
}

Session::Next Session::hello(const smtp::Command& command) {
    const auto name = smtp::parse_helo(command.argument);
    if (!name) return refuse(name.error(), Reason::syntax);
    helo_ = *name;
    extended_ = command.verb == Verb::ehlo;
    transaction_.reset();
    if (extended_)
        smtp::append_ehlo_reply(replies_.text(), services_.options.hostname, offered());
    else
        replies_.text().append("250 ").append(services_.options.hostname).append("\r\n");
    count_reply(250);
    return Next::command;
}

Session::Next Session::mail(std::string_view argument) {
    if (helo_.empty()) return refuse(replies::hello_first, Reason::sequence);
    if (transaction_.receiving()) return refuse(replies::within_bdat, Reason::sequence);
    if (transaction_.begun()) return refuse(replies::nested_mail, Reason::sequence);
    if (terms_->listener.require_auth && client_.identity.empty())
        return refuse_and_log(replies::auth_first, Reason::auth);
    auto mail = smtp::parse_mail(argument);
    if (!mail) return refuse_and_log(mail.error(), Reason::syntax);
    const auto size = mail->size.value_or(0);
    const auto fault = check_mail(limits_, *mail);
    const auto open = services_.intake.would_open(size);
    transaction_.begin(std::move(*mail));  // first, so that the log names the sender
    limit_logged_ = false;
    auto next = Next::command;
    if (client_.senders && !client_.senders->contains(transaction_.envelope().sender))
        next = refuse_and_log(replies::sender_not_allowed, Reason::relay);
    else if (fault)
        next = refuse_and_log(*fault, Reason::size);
    else if (!open)
        next = refuse_and_log(reply_for(open.error()), reason_of(open.error()));
    else
        return say(replies::sender_ok);
    transaction_.reset();
    return next;
}

Session::Next Session::recipient(std::string_view argument) {
    if (!transaction_.begun()) return refuse(replies::mail_first, Reason::sequence);
    if (transaction_.receiving()) return refuse(replies::within_bdat, Reason::sequence);
    auto rcpt =
        smtp::parse_rcpt(argument, transaction_.smtputf8() ? smtp::Utf8::allowed : smtp::Utf8::refused);
    if (!rcpt) return refuse_and_log(rcpt.error(), Reason::syntax);
    if (!rcpt->mailbox) {  // <Postmaster>: of this host
        const auto here = smtp::Domain::parse(services_.options.hostname);
        if (!here) return refuse_and_log(replies::relaying_denied, Reason::relay, "postmaster");
        rcpt->mailbox = *smtp::Mailbox::make("postmaster", *here);
    }
    if (makes(Mistake::terms_renewed))
        standing_ = services_.in_force.listeners.front()->listener.relay.judge(client_);
    if (!standing_.permits(transaction_.envelope().sender, *rcpt->mailbox))
        return refuse_and_log(replies::relaying_denied, Reason::relay, rcpt->mailbox->text());
    if (transaction_.envelope().recipients.size() >= limits_.recipients) {
        const bool logged = std::exchange(limit_logged_, true);
        return logged
                   ? refuse(replies::too_many_recipients, Reason::recipients)
                   : refuse_and_log(replies::too_many_recipients, Reason::recipients, rcpt->mailbox->text());
    }
    transaction_.add({std::move(*rcpt->mailbox), rcpt->notify, std::move(rcpt->original)});
    return say(replies::recipient_ok);
}

Session::Next Session::data() {
    if (transaction_.receiving()) return refuse(replies::within_bdat, Reason::sequence);
    if (!transaction_.begun()) return refuse(replies::mail_first, Reason::sequence);
    if (transaction_.envelope().recipients.empty()) return refuse(replies::recipient_first, Reason::sequence);
    const auto open = transaction_.open(services_.intake, trace_facts(), services_.in_force.signer);
    if (!open) {
        const auto next = refuse_and_log(reply_for(open.error()), reason_of(open.error()));
        transaction_.reset();
        return next;
    }
    say(replies::go_on);
    return Next::data;
}

// The reply comes when the chunk has been read.
Session::Next Session::bdat(std::string_view argument) {
    const auto chunk = smtp::parse_bdat(argument);
    if (!chunk) {
        refuse(chunk.error(), Reason::syntax);
        return Next::stop;
    }
    chunk_ = *chunk;
    return Next::bdat;
}

smtp::TraceFacts Session::trace_facts() const {
    smtp::TraceFacts facts;
    facts.helo = helo_;
    facts.peer = stream_->peer().address;
    facts.hostname = services_.options.hostname;
    facts.extended = extended_;
    facts.tls = client_.tls_version;
    facts.cipher = client_.tls_cipher;
    facts.authenticated = !client_.identity.empty();
    if (terms_->listener.show_identity) facts.identity = client_.identity;
    facts.at = services_.shard.wall_now();
    return facts;
}

Session::Next Session::say(const smtp::FixedReply& reply) {
    if (closing_) return Next::stop;
    replies_.add(reply);
    count_reply(reply.code);
    return Next::command;
}

// A refusal; 421 is the last word, and so are too many of them.
Session::Next Session::refuse(const smtp::FixedReply& reply, Reason reason) {
    services_.sheet.add(counter(reason));
    say(reply);
    if (reply.code == 421) return Next::stop;
    if (reply.code < 500 || ++errors_ <= limits_.errors) return Next::command;
    say(replies::too_many_errors);
    return Next::stop;
}

Session::Next Session::refuse_and_log(const smtp::FixedReply& reply, Reason reason,
                                      std::string_view recipient) {
    log(reply, recipient);
    return refuse(reply, reason);
}

void Session::log(const smtp::FixedReply& reply, std::string_view recipient, std::string_view tried_as) {
    if (!services_.rejected) return;
    auto text = reply.enhanced.text();
    text.append(text.empty() ? "" : " ").append(reply.text);
    log(reply.code, text, recipient, tried_as);
}

void Session::log(std::uint16_t code, std::string_view reply, std::string_view recipient,
                  std::string_view tried_as) {
    if (!services_.rejected) return;
    Rejection rejection;
    rejection.peer = peer_;
    rejection.helo = helo_;
    rejection.sender = transaction_.envelope().sender.text();
    rejection.recipient = recipient;
    rejection.identity = tried_as.empty() ? client_.identity : tried_as;
    rejection.code = code;
    rejection.reply = reply;
    rejection.at = services_.shard.wall_now();
    services_.rejected(rejection);
}

void Session::count_reply(std::uint16_t code) {
    using metrics::Count;
    static constexpr Count classes[] = {Count::replies_2xx, Count::replies_3xx, Count::replies_4xx,
                                        Count::replies_5xx};
    services_.sheet.add(classes[code / 100 - 2]);
}

}  // namespace angarium::inbound

#include "bench/server_dialogue.hpp"

#include <algorithm>

#include "bench/usage.hpp"
#include "engine/smtp/extensions.hpp"

namespace angarium::bench {
namespace {

constexpr std::string_view hostname = "sink.angarium.test";
constexpr std::size_t most_recipients = 10000;

// The path between the first '<' and the '>' behind it; an empty one for "<>", nothing when there is none.
std::optional<std::string_view> path_of(std::string_view argument) {
    if (!argument.starts_with('<')) return std::nullopt;
    const auto end = argument.find('>');
    if (end == std::string_view::npos) return std::nullopt;
    return argument.substr(1, end - 1);
}

smtp::ContentLimits limits_of(const SinkOptions& options) {
    smtp::ContentLimits limits;
    limits.size = options.size_limit;
    limits.received = ~0u;  // loops are the relay's business
    return limits;
}

}  // namespace

ServerDialogue::ServerDialogue(SinkContext& context, const IpAddress& local)
    : context_(context), local_(local), lines_(smtp::max_command_line) {}

ServerDialogue::Step ServerDialogue::greet(std::string& out) {
    turned_away_ = scripted(Stage::connect, {}, out);
    if (!turned_away_) out.append("220 ").append(hostname).append(" ESMTP angarium bench sink\r\n");
    return obey(0, out);
}

bool ServerDialogue::scripted(Stage stage, std::string_view domain, std::string& out) {
    const Rule* const rule = context_.script.draw(stage, domain, local_, context_.random);
    if (rule == nullptr) return false;
    rule_ = rule;
    auto& counters = context_.tally.script[static_cast<std::size_t>(stage)];
    const auto note = [&counters](Deed deed) { counters[static_cast<std::size_t>(deed)].add(); };
    if (rule->slow()) note(Deed::slowed);
    switch (rule->outcome) {
        case Outcome::reply:
            note(rule->reply.front() == '4' ? Deed::deferred : Deed::rejected);
            out += rule->reply;
            break;
        case Outcome::disconnect:
            note(Deed::disconnected);
            break;
        case Outcome::stall:
            note(Deed::stalled);
            break;
        default:
            return false;
    }
    return true;
}

ServerDialogue::Step ServerDialogue::obey(std::size_t begin, std::string& out) {
    if (rule_ == nullptr) return Step::more;
    const Rule& rule = *std::exchange(rule_, nullptr);
    auto step = Step::more;
    if (rule.outcome == Outcome::disconnect) step = Step::drop;
    if (rule.outcome == Outcome::stall) step = Step::stall;
    if (rule.reply.starts_with("421")) step = Step::close;
    if (!rule.slow()) return step;
    held_.assign(out, begin);
    out.resize(begin);
    pause_ = {Script::delay(rule, context_.random), rule.tarpit};
    afterwards_ = step;
    return Step::pause;
}

ServerDialogue::Step ServerDialogue::resume(std::string& out) {
    out += held_;
    if (std::exchange(ends_after_pause_, false)) settle();
    return afterwards_;
}

ServerDialogue::Step ServerDialogue::feed(std::string_view& input, std::string& out) {
    while (!input.empty()) {
        Step step = Step::more;
        if (in_data_) {
            pieces_.clear();
            if (!decoder_.feed(input, pieces_)) {
                for (const auto piece : pieces_) reader_.feed(piece);
                return Step::more;
            }
            for (const auto piece : pieces_) reader_.feed(piece);
            in_data_ = false;
            size_ = decoder_.checker().size();
            step = end_of_message(out);
        } else if (chunk_left_ > 0) {
            take_content(input);
            if (chunk_left_ == 0) step = end_of_chunk(out);
        } else {
            const auto line = lines_.next(input);
            switch (line.kind) {
                case smtp::LineReader::Kind::need_more:
                    return Step::more;
                case smtp::LineReader::Kind::line:
                    step = command(line.text, out);
                    break;
                case smtp::LineReader::Kind::too_long:
                    smtp::command_too_long.append_to(out);
                    break;
                case smtp::LineReader::Kind::bad_end:
                    smtp::command_line_end.append_to(out);
                    break;
            }
        }
        if (step != Step::more) return step;
    }
    return Step::more;
}

ServerDialogue::Step ServerDialogue::command(std::string_view line, std::string& out) {
    context_.tally.commands.add();
    rule_ = nullptr;
    const auto begin = out.size();
    const auto parsed = smtp::parse_command(line);
    if (!parsed) {
        parsed.error().append_to(out);
        return Step::more;
    }
    if (turned_away_ && parsed->verb != smtp::Verb::quit) {
        out += "503 5.5.1 Not greeted\r\n";
        return Step::more;
    }
    switch (parsed->verb) {
        case smtp::Verb::mail:
            mail(parsed->argument, out);
            break;
        case smtp::Verb::rcpt:
            rcpt(parsed->argument, out);
            break;
        case smtp::Verb::data:
            data(out);
            break;
        case smtp::Verb::bdat:
            return bdat(parsed->argument, out);
        case smtp::Verb::ehlo:
            hello(true, out);
            break;
        case smtp::Verb::helo:
            hello(false, out);
            break;
        case smtp::Verb::starttls:
            return starttls(out);
        case smtp::Verb::rset:
            reset();
            out += "250 2.0.0 Ok\r\n";
            break;
        case smtp::Verb::noop:
            out += "250 2.0.0 Ok\r\n";
            break;
        case smtp::Verb::vrfy:
            out += "252 2.1.5 Send some mail and see\r\n";
            break;
        case smtp::Verb::help:
            out += "214 2.0.0 This sink takes mail and keeps none\r\n";
            break;
        case smtp::Verb::quit:
            out += "221 2.0.0 Bye\r\n";
            return Step::close;
        default:
            smtp::command_unknown.append_to(out);
    }
    return obey(begin, out);
}

void ServerDialogue::hello(bool extended, std::string& out) {
    reset();
    greeted_ = !scripted(Stage::ehlo, {}, out);
    if (!greeted_) return;
    if (!extended) {
        out.append("250 ").append(hostname).append("\r\n");
        return;
    }
    smtp::Extensions offered;
    offered.pipelining = context_.options.pipelining;
    offered.chunking = context_.options.chunking;
    offered.eight_bit_mime = offered.smtputf8 = offered.dsn = offered.enhanced_status_codes = true;
    offered.starttls = context_.options.tls == TlsMode::starttls && !secure_;
    offered.size = true;
    offered.size_limit = context_.options.size_limit;
    smtp::append_ehlo_reply(out, hostname, offered);
}

ServerDialogue::Step ServerDialogue::starttls(std::string& out) {
    if (context_.options.tls == TlsMode::starttls && !secure_) return Step::secure;
    if (secure_)
        out += "554 5.5.1 TLS is already active\r\n";
    else
        smtp::command_unknown.append_to(out);
    return Step::more;
}

ServerDialogue::Step ServerDialogue::begin_tls(bool alone, std::string& out) const {
    out += alone ? "220 2.0.0 Ready to start TLS\r\n" : "554 5.5.0 Nothing may follow STARTTLS\r\n";
    return alone ? Step::secure : Step::close;
}

void ServerDialogue::secured() {
    reset();
    lines_ = smtp::LineReader(smtp::max_command_line);
    secure_ = true;
    greeted_ = false;
}

void ServerDialogue::mail(std::string_view argument, std::string& out) {
    if (!greeted_ || mail_) {
        out += mail_ ? "503 5.5.1 Nested MAIL\r\n" : "503 5.5.1 Say EHLO first\r\n";
        return;
    }
    if (!path_of(argument)) {
        out += "501 5.1.7 Bad sender\r\n";
        return;
    }
    mail_ = !scripted(Stage::mail, {}, out);
    if (mail_) out += "250 2.1.0 Ok\r\n";
}

void ServerDialogue::rcpt(std::string_view argument, std::string& out) {
    if (!mail_ || in_chunks_) {
        out += "503 5.5.1 MAIL first\r\n";
        return;
    }
    const auto path = path_of(argument);
    const auto at = path ? path->rfind('@') : std::string_view::npos;
    const auto domain = at == std::string_view::npos ? std::string_view{} : path->substr(at + 1);
    if (!path || path->empty()) {
        out += "501 5.1.3 Bad recipient\r\n";
    } else if (recipients_.size() == most_recipients) {
        out += "452 4.5.3 Too many recipients\r\n";
    } else if (!scripted(Stage::rcpt, domain, out)) {
        if (recipients_.empty() && !context_.script.empty()) domain_ = domain;
        recipients_.push_back({recipient_number(*path),
                               context_.ledger.domains().number(domain).value_or(Ledger::other_domain)});
        out += "250 2.1.5 Ok\r\n";
    }
}

void ServerDialogue::data(std::string& out) {
    if (!mail_ || in_chunks_) {
        out += "503 5.5.1 MAIL first\r\n";
        return;
    }
    if (recipients_.empty()) {
        out += "554 5.5.1 No valid recipients\r\n";
        return;
    }
    if (scripted(Stage::data, domain_, out)) return;
    begin_content();
    in_data_ = true;
    decoder_ = smtp::DataDecoder(limits_of(context_.options));
    out += "354 End data with <CR><LF>.<CR><LF>\r\n";
}

ServerDialogue::Step ServerDialogue::bdat(std::string_view argument, std::string& out) {
    const auto chunk = smtp::parse_bdat(argument);
    if (!chunk || !context_.options.chunking) {
        if (chunk) {
            out += "502 5.5.1 CHUNKING is not offered\r\n";
        } else {
            chunk.error().append_to(out);
        }
        return Step::close;  // nobody knows what follows
    }
    chunk_refused_ = !mail_ || recipients_.empty();
    refusal_.clear();
    if (!chunk_refused_ && !in_chunks_) {
        chunk_refused_ = scripted(Stage::data, domain_, refusal_);
        if (rule_ != nullptr && refusal_.empty() && chunk_refused_) return obey(out.size(), out);
        begin_content();
    }
    in_chunks_ = !chunk_refused_;
    last_chunk_ = chunk->last;
    chunk_left_ = chunk->size;
    return chunk_left_ == 0 ? end_of_chunk(out) : Step::more;
}

void ServerDialogue::begin_content() {
    size_ = 0;
    reader_.begin();
}

void ServerDialogue::take_content(std::string_view& input) {
    const auto piece =
        input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), chunk_left_)));
    input.remove_prefix(piece.size());
    chunk_left_ -= piece.size();
    size_ += piece.size();
    if (!chunk_refused_ && size_ <= context_.options.size_limit) reader_.feed(piece);
}

ServerDialogue::Step ServerDialogue::end_of_chunk(std::string& out) {
    const auto begin = out.size();
    if (!refusal_.empty()) {
        out += refusal_;
        reset();
    } else if (chunk_refused_) {
        out += mail_ ? "554 5.5.1 No valid recipients\r\n" : "503 5.5.1 MAIL first\r\n";
    } else if (last_chunk_) {
        return end_of_message(out);
    } else {
        out += "250 2.0.0 Ok\r\n";
    }
    return obey(begin, out);
}

ServerDialogue::Step ServerDialogue::end_of_message(std::string& out) {
    arrived_ = wall_microseconds();
    const auto begin = out.size();
    const bool too_large = size_ > context_.options.size_limit;
    const auto fault = in_chunks_ ? smtp::ContentError::none : decoder_.checker().error();
    taken_ = false;
    if (scripted(Stage::end_of_data, domain_, out)) {
        // It has answered.
    } else if (too_large || fault != smtp::ContentError::none) {
        context_.tally.refused_messages.add();
        smtp::reply_for(too_large ? smtp::ContentError::too_large : fault).append_to(out);
    } else {
        taken_ = true;
        out += "250 2.0.0 Ok\r\n";
    }
    const auto step = obey(begin, out);
    ends_after_pause_ = step == Step::pause;
    if (!ends_after_pause_) settle();
    return step;
}

// The message counts from when it is answered: a sink that has got all it expects ends soon.
void ServerDialogue::settle() {
    if (taken_) {
        ++messages_;
        context_.ledger.received(context_.tally, reader_.finish(), recipients_, size_, arrived_);
    }
    reset();
}

void ServerDialogue::reset() {
    mail_ = in_chunks_ = in_data_ = false;
    recipients_.clear();
}

}  // namespace angarium::bench

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

ServerDialogue::ServerDialogue(const SinkOptions& options, Ledger& ledger, Tally& tally, Random& random)
    : options_(options), ledger_(ledger), tally_(tally), random_(random), lines_(smtp::max_command_line) {}

void ServerDialogue::greet(std::string& out) const {
    out.append("220 ").append(hostname).append(" ESMTP angarium bench sink\r\n");
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
    const auto parsed = smtp::parse_command(line);
    if (!parsed) {
        parsed.error().append_to(out);
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
        case smtp::Verb::ehlo: {
            reset();
            greeted_ = true;
            smtp::Extensions offered;
            offered.pipelining = options_.pipelining;
            offered.chunking = options_.chunking;
            offered.eight_bit_mime = offered.smtputf8 = offered.dsn = offered.enhanced_status_codes = true;
            offered.size = true;
            offered.size_limit = options_.size_limit;
            smtp::append_ehlo_reply(out, hostname, offered);
            break;
        }
        case smtp::Verb::helo:
            reset();
            greeted_ = true;
            out.append("250 ").append(hostname).append("\r\n");
            break;
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
    return Step::more;
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
    mail_ = true;
    out += "250 2.1.0 Ok\r\n";
}

void ServerDialogue::rcpt(std::string_view argument, std::string& out) {
    const auto& script = options_.misbehaviour;
    if (!mail_ || in_chunks_) {
        out += "503 5.5.1 MAIL first\r\n";
        return;
    }
    const auto path = path_of(argument);
    const auto at = path ? path->rfind('@') : std::string_view::npos;
    if (!path || path->empty()) {
        out += "501 5.1.3 Bad recipient\r\n";
    } else if (recipients_.size() == most_recipients) {
        out += "452 4.5.3 Too many recipients\r\n";
    } else if (chance(script.reject_rcpt)) {
        tally_.rejected_recipients.add();
        out += "550 5.1.1 No such user, says the script\r\n";
    } else if (chance(script.defer_rcpt)) {
        tally_.deferred_recipients.add();
        out += "451 4.2.0 Try again later, says the script\r\n";
    } else {
        const auto domain =
            at == std::string_view::npos ? std::nullopt : ledger_.domains().number(path->substr(at + 1));
        recipients_.push_back({recipient_number(*path), domain.value_or(Ledger::other_domain)});
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
    begin_content();
    in_data_ = true;
    decoder_ = smtp::DataDecoder(limits_of(options_));
    out += "354 End data with <CR><LF>.<CR><LF>\r\n";
}

ServerDialogue::Step ServerDialogue::bdat(std::string_view argument, std::string& out) {
    const auto chunk = smtp::parse_bdat(argument);
    if (!chunk || !options_.chunking) {
        if (chunk) {
            out += "502 5.5.1 CHUNKING is not offered\r\n";
        } else {
            chunk.error().append_to(out);
        }
        return Step::close;  // nobody knows what follows
    }
    chunk_refused_ = !mail_ || recipients_.empty();
    if (!chunk_refused_ && !in_chunks_) begin_content();
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
    if (!chunk_refused_ && size_ <= options_.size_limit) reader_.feed(piece);
}

ServerDialogue::Step ServerDialogue::end_of_chunk(std::string& out) {
    if (chunk_refused_) {
        out += mail_ ? "554 5.5.1 No valid recipients\r\n" : "503 5.5.1 MAIL first\r\n";
        return Step::more;
    }
    if (last_chunk_) return end_of_message(out);
    out += "250 2.0.0 Ok\r\n";
    return Step::more;
}

ServerDialogue::Step ServerDialogue::end_of_message(std::string& out) {
    arrived_ = wall_microseconds();
    if (options_.misbehaviour.delay > Duration::zero()) return Step::pause;
    return answer(out) ? Step::more : Step::drop;
}

bool ServerDialogue::answer(std::string& out) {
    const auto& script = options_.misbehaviour;
    const bool too_large = size_ > options_.size_limit;
    const auto fault = in_chunks_ ? smtp::ContentError::none : decoder_.checker().error();
    if (chance(script.disconnect)) {
        tally_.disconnects.add();
        return false;
    }
    if (chance(script.defer_data)) {
        tally_.deferred_messages.add();
        out += "451 4.3.0 Try again later, says the script\r\n";
    } else if (too_large) {
        tally_.refused_messages.add();
        smtp::reply_for(smtp::ContentError::too_large).append_to(out);
    } else if (fault != smtp::ContentError::none) {
        tally_.refused_messages.add();
        smtp::reply_for(fault).append_to(out);
    } else {
        ++messages_;
        ledger_.received(tally_, reader_.finish(), recipients_, size_, arrived_);
        out += "250 2.0.0 Ok\r\n";
    }
    reset();
    return true;
}

void ServerDialogue::reset() {
    mail_ = in_chunks_ = in_data_ = false;
    recipients_.clear();
}

}  // namespace angarium::bench

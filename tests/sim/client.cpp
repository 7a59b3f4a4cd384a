#include "tests/sim/client.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace angarium::sim {

using runtime::Task;

namespace {

const Endpoint submission{IpAddress::v4(0x0a000001), 25};

// A line that begins with a dot gets another one; the end is a dot on a line of its own.
std::string stuffed(const std::string& content) {
    std::string out;
    bool at_start = true;
    for (const char c : content) {
        if (at_start && c == '.') out += '.';
        out += c;
        at_start = c == '\n';
    }
    return out + ".\r\n";
}

}  // namespace

struct Client::Session {
    Session(std::unique_ptr<runtime::Stream> stream_, Duration patience_)
        : stream(std::move(stream_)), lines(*stream), patience(patience_) {}
    std::unique_ptr<runtime::Stream> stream;
    LineSource lines;
    Duration patience;
    bool lazy = false;
    bool allowed = true, refused = false;  // may be said to a recipient: 250, 550
    bool over = false;
};

Judge::Mail Client::compose() {
    Judge::Mail mail;
    mail.token = fmt::format("c{}m{}", number_, ++sent_);
    mail.sender = settings_.senders[world_.below(settings_.senders.size())];
    const auto count = world_.chance(0.6) ? 1 : world_.between(2, world_.chance(0.1) ? 40 : 6);
    for (std::uint64_t i = 0; i < count; ++i)
        mail.recipients.push_back(fmt::format("r{}.{}@{}", i, mail.token,
                                              settings_.domains[world_.below(settings_.domains.size())]));
    auto& text = mail.content;
    text = fmt::format("From: {}\r\nX-Sim: {}\r\nSubject: simulated\r\n\r\n", mail.sender, mail.token);
    const auto size = world_.chance(settings_.bulky) ? 300'000 + world_.below(500'000)
                      : world_.chance(0.1)           ? world_.below(settings_.largest)
                                                     : world_.below(800);
    while (text.size() < size) {
        const auto length = world_.below(world_.chance(0.05) ? 900 : 78);
        if (world_.chance(0.1)) text += '.';
        text.append(length, static_cast<char>('a' + world_.below(26)));
        text += "\r\n";
    }
    return mail;
}

std::string Client::mail_from(const Judge::Mail& mail) {
    auto line = fmt::format("MAIL FROM:<{}>", mail.sender);
    if (world_.chance(0.5)) line += fmt::format(" SIZE={}", mail.content.size());
    return line + "\r\n";
}

bool Client::may_be(const Reply& reply, std::initializer_list<unsigned> codes, const char* to) {
    if (std::find(codes.begin(), codes.end(), reply.code) != codes.end()) return true;
    judge_.fault(fmt::format("untold: {} {} as reply to {}", reply.code, reply.text, to));
    return false;
}

bool Client::recipient_may_be(const Session& session, const Reply& reply, bool taken) {
    if (!taken) return may_be(reply, {503}, "RCPT without MAIL");
    if (session.allowed && session.refused) return may_be(reply, {250, 452, 550}, "RCPT around a reload");
    return session.allowed ? may_be(reply, {250, 452}, "RCPT") : may_be(reply, {550}, "RCPT, not allowed");
}

Task<std::optional<Client::Reply>> Client::reply(Session& session, const char* to) {
    Reply reply;
    if (session.lazy && world_.chance(0.2)) co_await shard_.sleep(world_.between(1ms, 40s));
    for (;;) {
        const auto line = co_await session.lines.line(shard_.now() + session.patience);
        if (!line) {
            session.over = true;
            co_return std::nullopt;
        }
        const bool fine = line->size() >= 4 && line->find_first_not_of("0123456789") == 3 &&
                          ((*line)[3] == ' ' || (*line)[3] == '-');
        if (!fine) {
            judge_.fault(fmt::format("untold: '{}' as reply to {}", *line, to));
            session.over = true;
            co_return std::nullopt;
        }
        reply.code = static_cast<unsigned>(std::stoul(line->substr(0, 3)));
        reply.text = line->substr(4);
        if ((*line)[3] == '-') continue;
        if (reply.code == 421) session.over = true;
        std::optional<Reply> result = std::move(reply);
        co_return result;
    }
}

Task<bool> Client::say(Session& session, std::string text) {
    while (!text.empty()) {
        auto piece = text;
        if (world_.chance(0.1)) piece = text.substr(0, 1 + world_.below(text.size()));
        text.erase(0, piece.size());
        const auto written = co_await session.stream->write(piece, shard_.now() + session.patience);
        if (!written) {
            session.over = true;
            co_return false;
        }
        if (!text.empty() && world_.chance(0.3)) co_await shard_.sleep(world_.latency(20ms));
    }
    co_return true;
}

Task<void> Client::run() {
    co_await shard_.sleep(world_.between(1ms, 10s));
    while (sent_ < settings_.messages) {
        const auto began = shard_.now();
        auto stream = co_await network_.connect(submission, std::nullopt, shard_.now() + 30s);
        if (!stream) {
            co_await shard_.sleep(world_.between(1s, 60s));
            continue;
        }
        Session session(std::move(*stream), world_.chance(0.05) ? Duration(5s) : Duration(400s));
        session.lazy = world_.chance(settings_.lazy);
        if (world_.chance(settings_.hostile))
            co_await misbehave(session);
        else
            co_await converse(session, began);
        session.stream->abort(world_.chance(0.2) ? IoError::reset : IoError::canceled);
        co_await shard_.sleep(world_.latency(settings_.pause));
    }
    done_ = true;
}

Task<void> Client::converse(Session& session, MonoTime began) {
    const auto greeting = co_await reply(session, "connecting");
    if (!greeting || session.over) co_return;
    const bool just_told = settings_.told + 1ms >= began;
    session.allowed = settings_.allowed || just_told;
    session.refused = !settings_.allowed || just_told;
    if (!may_be(*greeting, {220}, "connecting")) co_return;
    const bool said = co_await say(session, "EHLO client.test\r\n");
    if (!said) co_return;
    const auto hello = co_await reply(session, "EHLO");
    if (!hello || session.over || !may_be(*hello, {250}, "EHLO")) co_return;
    const auto until = sent_ + 1 + world_.below(8);
    while (sent_ < std::min<std::uint64_t>(until, settings_.messages) && !session.over) {
        const auto way = world_.below(3);
        bool on = false;
        if (way == 0)
            on = co_await one_by_one(session, compose());
        else if (way == 1)
            on = co_await pipelined(session, compose());
        else
            on = co_await burst(session);
        if (!on) co_return;
        if (world_.chance(0.3)) co_await shard_.sleep(world_.latency(settings_.pause));
    }
    if (session.over) co_return;
    const bool left = co_await say(session, "QUIT\r\n");
    if (!left) co_return;
    const auto bye = co_await reply(session, "QUIT");
    if (bye) may_be(*bye, {221, 421}, "QUIT");
}

// The reply to the end of a message decides.
Task<bool> Client::final_reply(Session& session, const std::string& token, std::size_t accepted) {
    const auto end = co_await reply(session, "the end of the message");
    if (!end) co_return false;  // nobody knows
    if (end->code == 250) {
        if (accepted == 0) judge_.fault("untold: 250 for a message without recipients: " + token);
        judge_.acknowledged(token);
        co_return true;
    }
    may_be(*end, {421, 452, 451, 503, 554}, "the end of the message");
    if ((end->code == 503 || end->code == 554) && accepted > 0)
        judge_.fault(fmt::format("untold: {} {} for {}", end->code, end->text, token));
    judge_.refused(token);
    co_return !session.over && end->code != 503;  // its transaction is still open
}

Task<bool> Client::one_by_one(Session& session, Judge::Mail mail) {
    bool said = co_await say(session, mail_from(mail));
    if (!said) co_return false;
    const auto sender = co_await reply(session, "MAIL");
    if (!sender || session.over || !may_be(*sender, {250, 452}, "MAIL")) co_return false;
    if (sender->code != 250) {
        --sent_;  // later
        co_await shard_.sleep(world_.between(1s, 20s));
        co_return true;
    }
    judge_.sending(mail);
    std::size_t accepted = 0;
    bool ended = false;
    for (const auto& recipient : mail.recipients) {
        said = co_await say(session, fmt::format("RCPT TO:<{}>\r\n", recipient));
        const auto answer = co_await reply(session, "RCPT");
        if (!said || !answer || session.over || !recipient_may_be(session, *answer, true)) {
            ended = true;
            break;
        }
        if (answer->code == 250)
            ++accepted;
        else
            judge_.not_accepted(mail.token, recipient);
    }
    if (!ended) {
        said = co_await say(session, "DATA\r\n");
        const auto ready = co_await reply(session, "DATA");
        ended = !said || !ready || session.over || !may_be(*ready, {354, 452, 503}, "DATA");
        if (!ended && ready->code != 354) {
            judge_.refused(mail.token);
            co_return ready->code != 503;
        }
    }
    if (ended) {  // its end was never sent
        judge_.refused(mail.token);
        co_return false;
    }
    auto wire = stuffed(mail.content);
    if (world_.chance(0.03)) {  // breaks off in the middle
        judge_.refused(mail.token);
        wire.resize(world_.below(wire.size() - 4));
        co_await say(session, wire);
        co_return false;
    }
    said = co_await say(session, wire);
    const bool on = co_await final_reply(session, mail.token, accepted);
    co_return said&& on;
}

// MAIL, all RCPT and DATA in one go.
Task<bool> Client::pipelined(Session& session, Judge::Mail mail) {
    auto commands = mail_from(mail);
    for (const auto& recipient : mail.recipients) commands += fmt::format("RCPT TO:<{}>\r\n", recipient);
    commands += "DATA\r\n";
    judge_.sending(mail);
    const bool said = co_await say(session, commands);
    const auto sender = co_await reply(session, "MAIL");
    bool lost = !said || !sender || session.over || !may_be(*sender, {250, 452}, "MAIL");
    const bool taken = !lost && sender->code == 250;
    std::size_t accepted = 0;
    bool open = false;  // the transaction, still
    for (std::size_t i = 0; !lost && i < mail.recipients.size(); ++i) {
        const auto answer = co_await reply(session, "RCPT");
        lost = !answer || session.over || !recipient_may_be(session, *answer, taken);
        if (lost) break;
        if (answer->code == 250)
            ++accepted;
        else
            judge_.not_accepted(mail.token, mail.recipients[i]);
    }
    if (!lost) {
        const auto ready = co_await reply(session, "DATA");
        lost = !ready || session.over || !may_be(*ready, {354, 452, 503}, "DATA");
        open = !lost && taken && ready->code == 503;
        if (!lost && ready->code == 354) {
            const bool all = co_await say(session, stuffed(mail.content));
            const bool on = co_await final_reply(session, mail.token, accepted);
            co_return all&& on;
        }
    }
    judge_.refused(mail.token);  // its content was never sent
    co_return !lost && !open;
}

// Several whole transactions with BDAT in one write, and all their replies afterwards, in order.
Task<bool> Client::burst(Session& session) {
    std::vector<Judge::Mail> mails;
    const auto count = session.refused ? 1 : 1 + world_.below(4);
    std::string wire;
    for (std::uint64_t n = 0; n < count && sent_ < settings_.messages; ++n) {
        mails.push_back(compose());
        const auto& mail = mails.back();
        judge_.sending(mail);
        wire += mail_from(mail);
        for (const auto& recipient : mail.recipients) wire += fmt::format("RCPT TO:<{}>\r\n", recipient);
        const auto first = world_.chance(0.3) ? world_.below(mail.content.size()) : 0;
        if (first > 0) wire += fmt::format("BDAT {}\r\n{}", first, mail.content.substr(0, first));
        wire += fmt::format("BDAT {} LAST\r\n{}", mail.content.size() - first, mail.content.substr(first));
        mails.back().content.resize(first);  // only its length matters from here on
    }
    // Both at once: else each side would wait for the other to read.
    bool written = false;
    const bool last = world_.chance(0.15);  // says that nothing more comes, and still wants to hear
    runtime::Gate writing;
    const auto write = [](Client& self, Session& at, std::string text, bool close, bool& done) -> Task<void> {
        done = co_await self.say(at, std::move(text));
        if (done && close) at.stream->half_close();
    };
    writing.hold(write(*this, session, std::move(wire), last, written));
    std::size_t answered = 0;
    for (; answered < mails.size(); ++answered) {
        const auto& mail = mails[answered];
        const auto sender = co_await reply(session, "MAIL");
        if (!sender || session.over || !may_be(*sender, {250, 452}, "MAIL")) break;
        const bool taken = sender->code == 250;
        std::size_t accepted = 0;
        bool lost = false;
        for (const auto& recipient : mail.recipients) {
            const auto answer = co_await reply(session, "RCPT");
            lost = !answer || session.over || !recipient_may_be(session, *answer, taken);
            if (lost) break;
            if (answer->code == 250)
                ++accepted;
            else
                judge_.not_accepted(mail.token, recipient);
        }
        if (lost) break;
        if (!mail.content.empty()) {  // there was a first chunk
            const auto chunk = co_await reply(session, "BDAT");
            if (!chunk || session.over || !may_be(*chunk, {250, 452, 451, 503}, "BDAT")) break;
            if (chunk->code != 250 && chunk->code != 503) {
                // The rest of the message is a BDAT without a transaction.
                judge_.refused(mail.token);
                const auto rest = co_await reply(session, "BDAT");
                if (!rest || session.over || !may_be(*rest, {503}, "BDAT without MAIL")) break;
                continue;
            }
        }
        const bool on = co_await final_reply(session, mail.token, accepted);
        if (!on) break;
    }
    const bool whole = answered == mails.size() && !session.over;
    if (!whole) session.stream->abort(IoError::canceled);
    co_await writing.closed();
    if (last) session.over = true;
    co_return whole&& written && !last;
}

// Nonsense, injections and silence: whatever it is, no message may come of it.
Task<void> Client::misbehave(Session& session) {
    constexpr std::string_view nonsense[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\n\r\n",
        "EHLO\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n",
        "MAIL FROM:<a@sender.test>\nRCPT TO:<r@good0.test>\nDATA\nx\n.\n",
        "BDAT 99999999999999999999 LAST\r\n",
        "EHLO x\r\n",
        "RCPT TO:<a@b\r\n",
        "MAIL FROM:<a@b> SIZE=99999999999999999999\r\n",
        "STARTTLS\r\n",
        "AUTH PLAIN\r\n",
        "DATA\r\n",
        "RSET\r\nNOOP\r\nVRFY x\r\nHELP\r\n",
        "BDAT -1\r\n",
        "BDAT 10\r\nabc"};
    const auto turns = world_.between(1, 12);
    for (std::uint64_t n = 0; n < turns && !session.over; ++n) {
        std::string text;
        if (world_.chance(0.2)) {
            for (auto i = world_.between(1, 3000); i > 0; --i) text += static_cast<char>(world_.below(256));
        } else {
            text = nonsense[world_.below(std::size(nonsense))];
        }
        const bool said = co_await say(session, text);
        if (!said) break;
        if (world_.chance(0.5)) co_await shard_.sleep(world_.latency(2s));
        if (world_.chance(0.1)) co_await shard_.sleep(400s);  // and silence
    }
}

}  // namespace angarium::sim

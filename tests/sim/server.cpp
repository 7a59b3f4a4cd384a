#include "tests/sim/server.hpp"

#include <fmt/format.h>

#include "tests/sim/connection.hpp"

namespace angarium::sim {

using runtime::Task;

namespace {

constexpr Duration patience = 20min;

// What is between < and >.
std::string path_of(const std::string& line) {
    const auto from = line.find('<'), to = line.find('>');
    return from == std::string::npos || to == std::string::npos ? std::string()
                                                                : line.substr(from + 1, to - from - 1);
}

std::string upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

}  // namespace

struct MailServer::Session {
    explicit Session(std::unique_ptr<runtime::Stream> stream_) : stream(std::move(stream_)), lines(*stream) {}
    std::unique_ptr<runtime::Stream> stream;
    LineSource lines;
    std::string replies;  // not yet written
    std::string sender, content;
    std::vector<std::string> recipients;
    bool mail = false, chunked = false;
    bool crazy = false;    // has talked nonsense: what it says from now on counts for nothing
    bool refused = false;  // the message being received will be refused
};

void MailServer::start() {
    auto bound = network_.listen(at_);
    ANGARIUM_ASSERT(bound);
    listener_ = std::move(*bound);
    shard_.gate().hold(accept());
}

Task<void> MailServer::accept() {
    for (;;) {
        auto stream = co_await listener_->accept();
        if (!stream) co_return;
        shard_.gate().hold(serve(std::move(*stream)));
    }
}

void MailServer::condemn(Session& session) {
    for (const auto& recipient : session.recipients) judge_.condemned(recipient);
}

std::string MailServer::mood(Session& session, bool concerns_all) {
    if (world_.chance(temper_.close)) {
        session.crazy = true;
        return "421 4.3.2 simulated: closing\r\n";
    }
    if (world_.chance(temper_.defer)) return "451 4.3.0 simulated: not now\r\n";
    if (world_.chance(concerns_all ? temper_.refuse_all : temper_.refuse)) {
        if (concerns_all) judge_.condemned_everybody();
        return "550 5.1.1 simulated: never\r\n";
    }
    if (world_.chance(temper_.nonsense)) {
        constexpr std::string_view nonsense[] = {
            "ok\r\n", "250-\r\n250-going on\r\n", "999 what\r\n", "\r\n", "2500 OK\r\n", "\xff\xfe\r\n"};
        session.crazy = true;
        judge_.condemned_everybody();  // the relay may give up for good; it must not take it for a success
        return std::string(nonsense[world_.below(std::size(nonsense))]);
    }
    if (world_.chance(temper_.inject)) {
        session.crazy = true;
        judge_.condemned_everybody();
        judge_.muddled();
        return "250 2.0.0 OK\r\n250 2.0.0 OK\r\n250 2.0.0 OK\r\n";
    }
    return {};
}

Task<bool> MailServer::flush(Session& session) {
    while (!session.replies.empty()) {
        auto piece = session.replies;
        if (world_.chance(0.05)) piece = piece.substr(0, 1 + world_.below(piece.size()));
        session.replies.erase(0, piece.size());
        const auto written = co_await session.stream->write(piece, shard_.now() + patience);
        if (!written) co_return false;
    }
    co_return true;
}

// Collects replies while commands are waiting, as servers with PIPELINING do.
Task<bool> MailServer::answer(Session& session, std::string text) {
    if (world_.chance(temper_.hang_up)) co_return false;
    if (world_.chance(temper_.slow)) {
        const bool flushed = co_await flush(session);
        if (!flushed) co_return false;
        co_await shard_.sleep(world_.between(1s, world_.chance(0.1) ? Duration(15min) : Duration(20s)));
    }
    const bool last = text.starts_with("421");
    session.replies += text;
    if (!last && offers_.pipelining && session.lines.has_line() && world_.chance(0.8)) co_return true;
    const bool flushed = co_await flush(session);
    co_return flushed && !last;
}

Task<void> MailServer::serve(std::unique_ptr<runtime::Stream> stream) {
    Session session(std::move(stream));
    auto text = mood(session, true);
    if (text.empty()) text = world_.chance(0.1) ? "220-simulated\r\n220 server\r\n" : "220 simulated\r\n";
    bool on = co_await answer(session, std::move(text));
    while (on) {
        const auto line = co_await session.lines.line(shard_.now() + patience);
        if (!line) break;
        on = co_await command(session, *line);
    }
    if (world_.chance(0.2)) {  // has no more to say, and listens for a while
        session.stream->half_close();
        const auto until = shard_.now() + world_.between(1s, 60s);
        for (bool more = true; more;) more = co_await session.lines.line(until) != std::nullopt;
    }
    session.stream->abort(world_.chance(0.3) ? IoError::reset : IoError::canceled);
}

Task<bool> MailServer::command(Session& session, const std::string& line) {
    const auto verb = upper(line.substr(0, 4));
    if (verb == "EHLO" || verb == "HELO") {
        session.mail = false;
        if (verb == "EHLO" && !offers_.ehlo) co_return co_await answer(session, "502 5.5.1 what\r\n");
        auto text = mood(session, true);
        if (text.empty() && verb == "EHLO") {
            text = "250-simulated\r\n";
            if (offers_.pipelining) text += "250-PIPELINING\r\n";
            if (offers_.chunking) text += "250-CHUNKING\r\n";
            if (offers_.size) text += "250-SIZE 10000000\r\n";
            if (offers_.eight_bit) text += "250-8BITMIME\r\n";
            text += "250 ENHANCEDSTATUSCODES\r\n";
        }
        if (text.empty()) text = "250 simulated\r\n";
        co_return co_await answer(session, std::move(text));
    }
    if (verb == "MAIL") {
        if (session.mail) {
            judge_.fault("untold: MAIL within a transaction");
            co_return false;
        }
        auto text = mood(session, true);
        if (text.empty()) {
            session.mail = true;
            session.chunked = session.refused = false;
            session.sender = path_of(line);
            session.recipients.clear();
            session.content.clear();
            text = "250 2.1.0 ok\r\n";
        }
        co_return co_await answer(session, std::move(text));
    }
    if (verb == "RCPT") {
        if (!session.mail) co_return co_await answer(session, "503 5.5.1 MAIL first\r\n");
        const auto recipient = path_of(line);
        auto text = mood(session, false);
        if (text.starts_with("5")) judge_.condemned(recipient);
        if (text.empty()) {
            session.recipients.push_back(recipient);
            text = "250 2.1.5 ok\r\n";
        }
        co_return co_await answer(session, std::move(text));
    }
    if (verb == "DATA") {
        if (!session.mail || session.recipients.empty())
            co_return co_await answer(session, "503 5.5.1 RCPT first\r\n");
        auto text = mood(session, false);
        if (!text.empty()) {
            if (text.starts_with("5")) condemn(session);
            session.mail = false;
            co_return co_await answer(session, std::move(text));
        }
        const bool told = co_await answer(session, "354 go on\r\n");
        if (!told) co_return false;
        const bool received = co_await content(session, false, 0, true);
        if (!received) co_return false;
        co_return co_await end_of_message(session);
    }
    if (verb == "BDAT") {
        const auto size = static_cast<std::size_t>(std::stoul(line.substr(5)));
        const bool last = upper(line).find("LAST") != std::string::npos;
        const bool ordered = session.mail && !session.recipients.empty();
        const bool received = co_await content(session, true, size, last);
        if (!received) co_return false;
        if (!ordered) {
            session.mail = session.mail && !last;
            co_return co_await answer(session, "503 5.5.1 RCPT first\r\n");
        }
        if (last) co_return co_await end_of_message(session);
        auto text = mood(session, false);
        if (text.starts_with("5")) condemn(session);
        if (text.empty())
            text = "250 2.0.0 chunk\r\n";
        else
            session.mail = false;
        co_return co_await answer(session, std::move(text));
    }
    if (verb == "RSET") {
        session.mail = false;
        co_return co_await answer(session, "250 2.0.0 ok\r\n");
    }
    if (verb == "QUIT") {
        co_await answer(session, "221 2.0.0 bye\r\n");
        co_return false;
    }
    judge_.fault("untold: the relay says '" + line + "'");
    co_return co_await answer(session, "500 5.5.2 what\r\n");
}

Task<bool> MailServer::content(Session& session, bool chunk, std::size_t size, bool) {
    if (chunk) {
        auto bytes = co_await session.lines.bytes(size, shard_.now() + patience);
        if (!bytes) co_return false;
        session.content += *bytes;
        co_return true;
    }
    for (;;) {
        const auto line = co_await session.lines.line(shard_.now() + patience);
        if (!line) co_return false;
        if (*line == ".") co_return true;
        if (line->find('\r') != std::string::npos || line->find('\n') != std::string::npos)
            judge_.fault("damaged: a bare CR or LF from the relay");
        session.content += line->starts_with('.') ? line->substr(1) : *line;
        session.content += "\r\n";
    }
}

Task<bool> MailServer::end_of_message(Session& session) {
    session.mail = false;
    auto text = mood(session, false);
    if (!text.empty()) {
        if (text.starts_with("5")) condemn(session);
        co_return co_await answer(session, std::move(text));
    }
    const bool echo = !static_cast<SimStream&>(*session.stream).peer_listens();
    const auto arrival = judge_.arrived(session.sender, session.recipients, session.content, echo);
    world_.tell(fmt::format("arrival {} of {} bytes for {} and {} more", arrival, session.content.size(),
                            session.recipients.front(), session.recipients.size() - 1));
    if (world_.chance(temper_.forget)) co_return false;
    const bool said = co_await answer(session, "250 2.0.0 taken\r\n");
    const bool out = co_await flush(session);
    if (said && out && !session.crazy)
        static_cast<SimStream&>(*session.stream).when_heard([&judge = judge_, arrival] {
            judge.heard(arrival);
        });
    co_return said&& out;
}

}  // namespace angarium::sim

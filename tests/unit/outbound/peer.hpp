// A server for the tests: it speaks SMTP over a memory stream, keeps what it is given, counts round trips, and misbehaves
// where the test says so.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/base64.hpp"
#include "engine/sasl/server.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/unit/outbound/tls_front.hpp"

namespace angarium::outbound::test {

// Words a behaviour may give instead of a reply.
inline const std::string close_it = "CLOSE", reset_it = "RESET", say_nothing = "SILENCE";
// A word may be followed by a reply that is sent first: "CLOSE 421 4.3.2 going away". After SILENCE nothing is said ever.

struct Received {
    bool secure = false;                  // by TLS
    std::string user;                     // who sent it
    std::string mail;                     // the whole MAIL line
    std::vector<std::string> recipients;  // the RCPT lines that were accepted
    std::string body;                     // un-stuffed
};

struct Behaviour {
    std::vector<std::string> extensions{"PIPELINING", "8BITMIME"};
    // Asked first, with "banner", "ehlo", "helo", "mail", "rcpt", "data", "end" (of data or of the last chunk), "chunk",
    // "rset", "quit" and the line; empty: behave well.
    std::function<std::string(std::string_view what, std::string_view line)> answer;
    // TLS: null: none. In the place of its part of the handshake `tls_trouble` is said: a word as above, or any bytes.
    std::shared_ptr<runtime::TlsContext> tls;
    bool implicit = false;  // from the start, rather than where EHLO offers STARTTLS
    std::string tls_trouble;
    std::vector<std::string> secure_extensions{"PIPELINING", "8BITMIME"};
    // Logins, where EHLO offers AUTH: by name and password.
    std::string user = "relay", password = "pencil";
    // The bytes of content after which an answer to "early" is given, while more is being sent.
    std::size_t early_after = static_cast<std::size_t>(-1);

    // What all servers of this behaviour saw.
    std::vector<Received> messages;
    std::vector<std::string> commands;
    unsigned connections = 0, open = 0, most_open = 0;
    unsigned full = 0, resumed = 0, failed = 0;  // handshakes
};

// Gives `word` at the n-th time (1-based) that `what` comes up.
inline std::function<std::string(std::string_view, std::string_view)> at(std::string what, std::string word,
                                                                         unsigned nth = 1) {
    auto seen = std::make_shared<unsigned>(0);
    return
        [what = std::move(what), word = std::move(word), nth, seen](std::string_view now, std::string_view) {
            return now == what && ++*seen == nth ? word : std::string();
        };
}
inline std::function<std::string(std::string_view, std::string_view)> always(std::string what,
                                                                             std::string word) {
    return [what = std::move(what), word = std::move(word)](std::string_view now, std::string_view) {
        return now == what ? word : std::string();
    };
}

class Peer {
  public:
    Peer(std::shared_ptr<support::Wire> wire, Behaviour& behaviour)
        : wire_(std::move(wire)), how_(behaviour) {
        ++how_.connections;
        how_.most_open = std::max(how_.most_open, ++how_.open);
        if (how_.implicit)
            begin_tls();
        else
            greet();
    }
    ~Peer() { end(); }
    // Lets go of all that runs; the shard must turn once more before it is gone.
    void end() {
        if (front_) front_->end();
    }

    // Reads and answers what has come. True when there was something.
    bool serve() {
        if (!left_ && (wire_->gone || wire_->aborted)) {
            left_ = true;
            if (!secure_) --how_.open;
            if (front_) front_->end();
            return true;
        }
        if (front_) {
            const bool carried = front_->carry(*wire_, read_);
            return inner_->serve() || carried;
        }
        if (closed_ || wire_->sent.size() == read_) return false;
        if (breaks_) {  // in answer to a ClientHello
            read_ = wire_->sent.size();
            say(how_.tls_trouble);
            flush();
            return true;
        }
        input_ += wire_->sent.substr(read_);
        read_ = wire_->sent.size();
        ++round_trips;
        while (!closed_ && step()) {
        }
        flush();
        return true;
    }
    bool closed() const { return closed_; }
    // Says it unasked.
    void blurt(const std::string& text) {
        if (inner_) return inner_->blurt(text);
        reply(text);
        flush();
    }
    support::Wire& wire() { return *wire_; }

    unsigned round_trips = 0;  // bursts of input that were answered at once
    std::string raw_content;   // everything between 354 and the end, as sent

  private:
    enum class Mode { command, login, data, chunk };

    // Inside TLS.
    Peer(std::shared_ptr<support::Wire> wire, Behaviour& behaviour, bool greets)
        : wire_(std::move(wire)), how_(behaviour), secure_(true) {
        if (greets) greet();
    }
    void greet() {
        answer("banner", "", "220 peer.example ESMTP");
        flush();
    }
    void begin_tls() {
        flush();
        if (!how_.tls_trouble.empty()) {
            breaks_ = true;
            return;
        }
        front_ = std::make_unique<TlsFront>(how_.tls, how_.full, how_.resumed, how_.failed);
        inner_.reset(new Peer(front_->inside(), how_, how_.implicit));
    }

    bool step() {
        if (mode_ == Mode::data) return data();
        if (mode_ == Mode::chunk) return chunk();
        const auto end = input_.find("\r\n");
        if (end == std::string::npos) return false;
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 2);
        if (mode_ == Mode::login) {
            mode_ = Mode::command;
            go_on(server_->take(decode_base64(line).value_or("?")));
            return true;
        }
        how_.commands.push_back(line);
        command(line);
        return true;
    }

    void command(const std::string& line) {
        const std::string verb = line.substr(0, 4);
        if (verb == "EHLO") {
            std::string reply = "250-peer.example";
            for (const auto& extension : secure_ ? how_.secure_extensions : how_.extensions)
                reply += "\r\n250-" + extension;
            reply += "\r\n250 HELP";
            answer("ehlo", line, reply);
        } else if (verb == "HELO") {
            answer("helo", line, "250 peer.example");
        } else if (verb == "STAR" && !secure_) {
            input_.clear();
            if (answer("starttls", line, "220 2.0.0 go", "220")) begin_tls();
        } else if (verb == "AUTH") {
            const auto space = line.find(' ', 5);
            const auto mechanism = sasl::parse_mechanism(line.substr(5, space - 5));
            if (!mechanism) return reply("504 5.5.4 no such mechanism");
            server_ = std::make_unique<sasl::Server>(*mechanism);
            if (space == std::string::npos) return go_on(server_->begin(std::nullopt));
            go_on(server_->begin(decode_base64(line.substr(space + 1)).value_or("?")));
        } else if (verb == "MAIL") {
            if (in_transaction_) return reply("503 5.5.1 nested MAIL");
            current_ = {};
            current_.secure = secure_;
            current_.user = user_;
            if (answer("mail", line, "250 2.1.0 ok")) {
                in_transaction_ = true;
                current_.mail = line;
            }
        } else if (verb == "RCPT") {
            if (!in_transaction_) return reply("503 5.5.1 no MAIL");
            if (answer("rcpt", line, "250 2.1.5 ok")) current_.recipients.push_back(line);
        } else if (verb == "DATA") {
            if (!in_transaction_ || (current_.recipients.empty() && !data_without_recipients))
                return reply("554 5.5.1 no valid recipients");
            if (answer("data", line, "354 go ahead", "354")) mode_ = Mode::data;
        } else if (verb == "BDAT") {
            chunk_left_ = static_cast<std::size_t>(std::atoll(line.c_str() + 5));
            chunk_last_ = line.ends_with(" LAST");
            mode_ = Mode::chunk;
        } else if (verb == "RSET") {
            if (answer("rset", line, "250 2.0.0 reset")) in_transaction_ = false;
        } else if (verb == "QUIT") {
            if (!answer("quit", line, "221 2.0.0 bye")) return;
            flush();
            shut();
        } else {
            reply("500 5.5.2 what?");
        }
    }

    void go_on(sasl::Server::Next next) {
        using Next = sasl::Server::Next;
        if (next == Next::verifier)
            next = server_->use(sasl::make_scram_verifier(how_.password, "salt", sasl::least_iterations));
        if (next == Next::challenge) {
            mode_ = Mode::login;
            return reply("334 " + base64(server_->challenge()));
        }
        const bool known =
            server_->user() == how_.user &&
            (next == Next::proven || (next == Next::password && server_->password() == how_.password));
        if (!known) return void(answer("auth", "", "535 5.7.8 who are you?"));
        if (answer("auth", "", "235 2.7.0 welcome")) user_ = server_->user();
    }

    bool early() {
        if (raw_content.size() + input_.size() < how_.early_after) return false;
        how_.early_after = static_cast<std::size_t>(-1);
        answer("early", "", "");
        return true;
    }

    bool data() {
        if (early()) return true;
        const auto end = input_.starts_with(".\r\n") ? 0 : input_.find("\r\n.\r\n");
        if (end == std::string::npos) return false;
        const std::string content = end == 0 && input_.starts_with(".\r\n") ? "" : input_.substr(0, end + 2);
        input_.erase(0, end == 0 && content.empty() ? 3 : end + 5);
        raw_content = content;
        for (std::size_t i = 0; i < content.size(); ++i) {
            const bool line_start = i == 0 || content[i - 1] == '\n';
            if (!(line_start && content[i] == '.')) current_.body += content[i];
        }
        mode_ = Mode::command;
        in_transaction_ = false;
        if (current_.recipients.empty()) return reply("554 5.5.1 no valid recipients"), true;
        if (answer("end", "", "250 2.0.0 queued")) how_.messages.push_back(current_);
        return true;
    }

    bool chunk() {
        const std::size_t take = std::min(chunk_left_, input_.size());
        current_.body += input_.substr(0, take);
        input_.erase(0, take);
        chunk_left_ -= take;
        if (chunk_left_ > 0) return false;
        mode_ = Mode::command;
        if (!in_transaction_ || current_.recipients.empty())
            return reply("503 5.5.1 no valid recipients"), true;
        if (!chunk_last_) {
            if (!answer("chunk", "", "250 2.0.0 chunk ok")) current_.recipients.clear();
            return true;
        }
        if (answer("end", "", "250 2.0.0 queued")) {
            how_.messages.push_back(current_);
            in_transaction_ = false;
        }
        return true;
    }

    // Says `usual` unless the behaviour wants something else. True: what was said is positive.
    bool answer(std::string_view what, std::string_view line, std::string usual,
                std::string_view good = "2") {
        std::string word = how_.answer ? how_.answer(what, line) : std::string();
        if (word.empty()) word = usual;
        return say(word) && word.starts_with(good);
    }
    // False: it was a word that ends all.
    bool say(const std::string& word) {
        for (const auto& special : {close_it, reset_it, say_nothing}) {
            if (!word.starts_with(special)) continue;
            const std::string rest = word.substr(special.size());
            if (!rest.empty()) reply(rest.substr(1));
            flush();
            if (special == close_it) shut();
            if (special == say_nothing) closed_ = true;  // from now on
            if (special == reset_it) {
                closed_ = true;
                wire_->reset();
            }
            return false;
        }
        if (!word.empty()) reply(word);
        return true;
    }
    void reply(const std::string& text) { output_ += text + "\r\n"; }
    void flush() {
        if (!output_.empty()) wire_->send(std::exchange(output_, {}));
    }
    void shut() {
        closed_ = true;
        wire_->close();
    }

  public:
    bool data_without_recipients = false;  // answers 354 though no recipient was accepted

  private:
    std::shared_ptr<support::Wire> wire_;
    Behaviour& how_;
    std::unique_ptr<sasl::Server> server_;
    std::string user_;
    const bool secure_ = false;
    bool breaks_ = false;
    std::unique_ptr<TlsFront> front_;
    std::unique_ptr<Peer> inner_;
    std::size_t read_ = 0;
    std::string input_, output_;
    Mode mode_ = Mode::command;
    bool in_transaction_ = false, closed_ = false, left_ = false;
    std::size_t chunk_left_ = 0;
    bool chunk_last_ = false;
    Received current_;
};

}  // namespace angarium::outbound::test

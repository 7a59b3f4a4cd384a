// Judges one inbound dialogue from outside: what a client sent, what it heard, what was committed. It reads both directions
// by the letter of RFC 5321 and 3030 and shares no code with the session. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/strict_data.hpp"

namespace angarium::fuzz {

struct Committed {
    std::string id, body;
};

struct HeardReply {
    unsigned code = 0;
    std::string text;  // of the last line, behind the code
};

// The replies in `output`; every line must be well-formed.
inline std::vector<HeardReply> replies_in(std::string_view output) {
    std::vector<HeardReply> replies;
    unsigned within = 0;  // the code of a reply whose last line is to come
    while (!output.empty()) {
        const auto end = output.find("\r\n");
        require(end != std::string_view::npos, "a reply line ends in CRLF");
        const auto line = output.substr(0, end);
        output.remove_prefix(end + 2);
        require(line.size() <= 510 && !has_control(line), "a reply line is short and clean");
        require(line.size() >= 4 && line[0] >= '2' && line[0] <= '5' && line[1] >= '0' && line[1] <= '5' &&
                    line[2] >= '0' && line[2] <= '9' && (line[3] == ' ' || line[3] == '-'),
                "a reply line has a code");
        const unsigned code =
            static_cast<unsigned>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
        require(within == 0 || within == code, "the lines of a reply agree");
        within = line[3] == '-' ? code : 0;
        if (within == 0) replies.push_back({code, std::string(line.substr(4))});
    }
    require(within == 0, "a reply has a last line");
    return replies;
}

class InboundJudge {
  public:
    InboundJudge(std::string_view input, std::string_view output, const std::vector<Committed>& committed,
                 std::size_t longest_line)
        : input_(input), replies_(replies_in(output)), committed_(committed), longest_line_(longest_line) {}

    // The number of messages that the client was told are taken.
    std::size_t judge() {
        if (replies_.empty()) return 0;
        require(replies_[0].code == 220 || replies_[0].code == 421, "a greeting comes first");
        next_ = 1;
        while (!over()) {
            const auto line = take_line();
            require(line.complete, "a reply answers a command");
            judge(line);
        }
        return accepted_;
    }

  private:
    struct Line {
        bool complete = false, bad = false;
        std::string_view text;
    };

    // No reply is left but a 421, which may come at any time and is the last.
    bool over() {
        if (next_ >= replies_.size()) return true;
        if (replies_[next_].code != 421) return false;
        end_here(++next_);
        return true;
    }
    // Behind the last word nothing comes, except that there were too many errors.
    void end_here(std::size_t next) const {
        const bool one_more = next + 1 == replies_.size() && replies_[next].code == 421;
        require(next == replies_.size() || one_more, "the last word is the last");
    }
    const HeardReply& reply() { return replies_[next_++]; }

    Line take_line() {
        const auto end = input_.find('\n');
        if (end == std::string_view::npos) return {};
        const bool crlf = end > 0 && input_[end - 1] == '\r';
        Line line{true, !crlf || tainted_ || end + 1 > longest_line_, input_.substr(0, crlf ? end - 1 : end)};
        tainted_ = !crlf;
        input_.remove_prefix(end + 1);
        return line;
    }

    void judge(const Line& line) {
        if (line.bad) return require(reply().code == 500, "a line that is none gets 500");
        const auto verb = upper(line.text.substr(0, line.text.find(' ')));
        if (verb == "BDAT") return chunk(line.text);
        const auto& said = reply();
        if (has_control(line.text)) return require(said.code >= 500, "controls are refused");
        if (verb == "DATA" && said.code == 354) return content();
        require(said.code != 354 && !said.text.starts_with("2.0.0 queued"), "only content is taken");
        if (verb == "QUIT" && said.code == 221) return end_here(next_);
        if (said.text.starts_with("5.5.0 Input before")) return end_here(next_);
        if (verb == "AUTH") return exchange(said.code);
        if ((verb == "RSET" || verb == "EHLO" || verb == "HELO") && said.code == 250) begin();
        if (verb == "MAIL" && said.code == 250) begin();
        if (verb == "RCPT" && said.code == 250) ++recipients_;
    }
    void begin() {
        recipients_ = 0;
        chunks_.clear();
    }

    void content() {
        require(recipients_ > 0, "content is for somebody");
        const auto read = read_strictly(input_);
        if (!read) {  // a limit or a timeout may end it
            if (over()) return;
            require(reply().code >= 500, "content without an end is not taken");
            return end_here(next_);
        }
        input_ = read->rest;
        begin();
        if (over()) return;
        const auto& said = reply();
        if (said.code != 250) return;
        require(!read->bare, "a bare CR or LF is not taken");
        taken(said, read->content);
    }

    void chunk(std::string_view line) {
        // BDAT 86 LAST
        const auto words = line.find_first_not_of(' ', 4);
        const auto number = words == std::string_view::npos
                                ? std::string_view()
                                : line.substr(words, line.find(' ', words) - words);
        const bool last = upper(line).ends_with(" LAST");
        const auto& said = reply();
        if (said.code == 521 || said.code == 500) return said.code == 521 ? end_here(next_) : void();
        require(!number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos,
                "a chunk has a size");
        std::uint64_t size = 0;
        for (const char c : number)
            size = std::min<std::uint64_t>(size * 10 + static_cast<std::uint64_t>(c - '0'), 1u << 30);
        const bool whole = size <= input_.size();
        const std::string_view bytes = input_.substr(0, size);
        input_.remove_prefix(bytes.size());
        if (said.code != 250) {
            if (!whole) end_here(next_);
            return begin();
        }
        require(whole, "a chunk is taken when it is there");
        require(recipients_ > 0, "content is for somebody");
        chunks_ += bytes;
        if (!last) return require(!said.text.starts_with("2.0.0 queued"), "more is to come");
        taken(said, chunks_);
        begin();
    }

    void exchange(unsigned code) {
        while (code == 334 && !over()) {
            const auto line = take_line();
            require(line.complete, "a response was asked for");
            code = reply().code;
            require(!line.bad || code >= 500, "a line that is none is no response");
        }
    }

    void taken(const HeardReply& said, std::string_view content) {
        constexpr std::string_view words = "2.0.0 queued as ";
        require(said.text.starts_with(words), "a message is taken with its id");
        const auto id = said.text.substr(words.size());
        const auto found = std::find_if(committed_.begin(), committed_.end(),
                                        [&](const Committed& one) { return one.id == id; });
        require(found != committed_.end(), "no 250 without a message committed");
        std::string_view body = found->body;
        require(body.starts_with("Received: "), "our field comes first");
        std::size_t end = 0;
        do end = body.find("\r\n", end) + 2;
        while (end < body.size() && body[end] == '\t');
        require(body.substr(end) == content, "what is committed is what was sent");
        for (std::size_t at = 0; at < body.size(); ++at) {
            require(body[at] != '\0', "no NUL is taken");
            require(body[at] != '\n' || (at > 0 && body[at - 1] == '\r'), "no bare LF is taken");
            require(body[at] != '\r' || (at + 1 < body.size() && body[at + 1] == '\n'),
                    "no bare CR is taken");
        }
        ++accepted_;
    }

    static std::string upper(std::string_view text) {
        std::string out(text);
        for (auto& c : out)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
        return out;
    }

    std::string_view input_;
    const std::vector<HeardReply> replies_;
    const std::vector<Committed>& committed_;
    const std::size_t longest_line_;
    std::size_t next_ = 0, recipients_ = 0, accepted_ = 0;
    bool tainted_ = false;
    std::string chunks_;
};

}  // namespace angarium::fuzz

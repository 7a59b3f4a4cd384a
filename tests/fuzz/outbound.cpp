// Our side of a dialogue, against a server that says whatever it likes. The input: an octet that sets it up (bits of Setup
// below; "@" is none of them but that nobody logs in), then a script (script.hpp) of what the server says. The session ends, every recipient has an outcome, and what we
// sent is read by a strict server: commands of this dialogue and the messages' bytes, nothing else, and "delivered" only where
// all of the message was sent.
#include "engine/outbound/client_session.hpp"
#include "queue/carrier.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/script.hpp"

namespace angarium::queue {
void Delivery::arrive() { fuzz::require(false, "a delivery stays here"); }  // the queue is not linked
}  // namespace angarium::queue

namespace angarium::fuzz {
namespace {

enum Setup : unsigned {
    in_parts = 1,
    no_pipelining = 2,
    no_chunking = 4,
    small_chunks = 8,
    silent_end = 16,
    broken_disk = 32,
    nobody = 64,  // logs in
    with_tls = 128,
};

// What is sent: two messages, told apart by their senders.
const std::vector<std::string> bodies[] = {{"Subject: hill\r\n\r\n.water\r\n"},
                                           {"Subject: pail\r\n\r\n..\r\n.\r\nno end"}};
const std::vector<std::string> long_bodies[] = {{"Subject: hill\r\n", ".\r\n\r\n.wa", "ter\r\n"},
                                                {"Subject: pail", "\r\n\r\n.\r", "\n.end"}};
const std::vector<std::string> recipients[] = {{"jill@hill.com"},
                                               {"jill@hill.com", "joe@hill.com", "\"j >\"@hill.com"}};

class Outlet final : public queue::Outlet {
  public:
    Outlet(const std::vector<std::string>* parts, bool broken) : parts_(parts), broken_(broken) {}
    void settle(std::unique_ptr<queue::Delivery>) override {}
    void put_back(std::unique_ptr<queue::Delivery>) override {}
    void fail(queue::ReadyQueue&, queue::Verdict, queue::Reason) override {}
    void reached(queue::ReadyQueue&) override {}
    runtime::Task<IoResult<queue::BlockRef>> fetch(const queue::Delivery& delivery,
                                                   std::uint32_t part) override {
        auto reading = runtime::Shard::current().sleep(1s);
        co_await reading;
        if (broken_ && part == 2) co_return std::unexpected(IoError::failed);
        co_return std::make_shared<const queue::Block>(parts_[delivery.facts.attempts].at(part), nullptr);
    }
    bool may_attempt() const override { return true; }

  private:
    const std::vector<std::string>* parts_;
    const bool broken_;
};

std::unique_ptr<queue::Delivery> delivery(std::uint32_t number, const std::vector<std::string>& parts,
                                          Random& random) {
    auto made = std::make_unique<queue::Delivery>();
    made->facts.id = MessageId::make(WallTime{}, 0, ShardId{0}, random);
    made->facts.sender = *smtp::ReversePath::parse("jack" + std::to_string(number) + "@town.com");
    for (const auto& one : recipients[number])
        made->facts.recipients.push_back({*smtp::Mailbox::parse(one), smtp::Notify::failure, {}});
    made->facts.options.envelope_id = smtp::Xtext::make("a=b");
    made->facts.domain = "hill.com";
    for (const auto& part : parts) made->facts.size += part.size();
    made->facts.parts = static_cast<std::uint32_t>(parts.size());
    made->facts.attempts = number;  // which one it is
    made->body = std::make_shared<queue::Block>(parts[0], nullptr);
    return made;
}

runtime::Task<void> converse(outbound::ClientSession& session, Outlet& outlet,
                             const std::vector<std::string>* parts, runtime::Shard& shard,
                             std::vector<std::unique_ptr<queue::Delivery>>& finished, bool& done) {
    co_await session.open();
    for (std::uint32_t number = 0; number < 2 && session.usable(); ++number) {
        outbound::Attempt attempt;
        attempt.begin(delivery(number, parts[number], shard.random()), shard.now());
        if (const auto obstacle = session.obstacle(attempt.facts())) attempt.end_rest(*obstacle);
        outbound::Content content{outlet, attempt.delivery(), attempt.delivery().body};
        while (session.usable() && attempt.next_batch(2)) co_await session.transact(attempt, content);
        if (session.loss()) attempt.end_rest(*session.loss());
        // Lost without a word, as by a refusal in the middle of the content: the rest would be tried elsewhere.
        if (!session.usable() && !session.loss())
            attempt.end_rest(outbound::judge(outbound::Stage::body, outbound::Fault::disconnected));
        finished.push_back(attempt.finish(shard.now()));
    }
    co_await session.close(true);
    done = true;
}

outbound::Security security_of(unsigned setup) {
    outbound::Security security;
    security.host = "mx.hill.com";
    security.auth_without_tls = true;
    if (!(setup & nobody))
        security.login = std::make_shared<outbound::Login>(outbound::Login{{"jack", "water"}});
    if (setup & with_tls) {
        static const auto context = *runtime::TlsContext::client({.authorities = "", .identity = {}});
        security.policy = outbound::TlsPolicy::opportunistic;
        security.tls = context;
    }
    return security;
}

// Reads what we sent, as a server that has agreed to everything.
class StrictServer {
  public:
    explicit StrictServer(std::string_view sent, const std::vector<std::string>* parts) : sent_(sent) {
        for (int i = 0; i < 2; ++i)
            for (const auto& part : parts[i]) whole_[i] += part;
    }
    void read() {
        while (!sent_.empty()) {
            const auto end = sent_.find("\r\n");
            require(end != std::string_view::npos, "a command ends in CRLF");
            const auto line = sent_.substr(0, end);
            sent_.remove_prefix(end + 2);
            require(!has_control(line) && line.size() <= 510, "a command is short and clean");
            command(line);
        }
    }
    bool complete(std::size_t number) const { return complete_[number]; }

  private:
    void command(std::string_view line) {
        require(!over_, "nothing comes behind QUIT");
        if (line == "EHLO fuzz.test" || line == "HELO fuzz.test")
            return require(message_ < 0, "EHLO comes first");
        if (line.starts_with("AUTH ")) return void(logging_in_ = true);
        if (logging_in_ && message_ < 0 &&
            (line == "*" ||
             line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
                 std::string_view::npos))
            return;                                       // a response
        if (line == "STARTTLS") return void(sent_ = {});  // then it is TLS
        if (line == "RSET") return;
        if (line == "QUIT") return void(over_ = true);
        if (line == "DATA") return content();
        if (line.starts_with("MAIL FROM:<jack0@town.com>")) return mail(0, line);
        if (line.starts_with("MAIL FROM:<jack1@town.com>")) return mail(1, line);
        if (line.starts_with("RCPT TO:<")) return recipient(line.substr(9));
        if (line.starts_with("BDAT ")) return chunk(line.substr(5));
        require(false, "a command that belongs here");
    }
    void mail(int number, std::string_view line) {
        require(number >= message_, "one message after the other");
        message_ = number;
        at_ = 0;
        line.remove_prefix(26);
        require(line.empty() || line.front() == ' ', "parameters are apart");
    }
    void recipient(std::string_view rest) {
        require(message_ >= 0, "MAIL comes before RCPT");
        for (const auto& one : recipients[message_])
            if (rest.starts_with(one + ">")) return;
        require(false, "a recipient of this message");
    }
    void content() {
        require(message_ >= 0, "MAIL comes before DATA");
        if (sent_.starts_with(".\r\n")) return sent_.remove_prefix(3);  // nobody is left
        std::string wire;
        const auto& whole = whole_[message_];
        for (std::size_t i = 0; i < whole.size(); ++i) {
            if (whole[i] == '.' && (i == 0 || whole[i - 1] == '\n')) wire += '.';
            wire += whole[i];
        }
        if (!wire.ends_with("\r\n")) wire += "\r\n";
        wire += ".\r\n";
        if (sent_.starts_with(wire)) {
            complete_[message_] = true;
            return sent_.remove_prefix(wire.size());
        }
        if (std::string_view(wire).starts_with(sent_)) sent_ = {};  // broken off
    }
    void chunk(std::string_view rest) {
        require(message_ >= 0, "MAIL comes before BDAT");
        const bool last = rest.ends_with(" LAST");
        if (last) rest.remove_suffix(5);
        require(!rest.empty() && rest.find_first_not_of("0123456789") == std::string_view::npos,
                "a chunk has a size");
        const auto size = std::stoul(std::string(rest));
        const auto& whole = whole_[message_];
        require(size <= whole.size() - at_ && sent_.starts_with(std::string_view(whole).substr(at_, size)),
                "a chunk is the message's");
        at_ += size;
        sent_.remove_prefix(size);
        require(last == (at_ == whole.size()), "the last chunk is the last");
        if (last) complete_[message_] = true;
    }

    std::string_view sent_;
    std::string whole_[2];
    int message_ = -1;
    std::size_t at_ = 0;
    bool over_ = false, logging_in_ = false, complete_[2] = {};
};

// `handed`: what was written may still wait in the network.
void check(const queue::Delivery& delivery, const StrictServer& server, bool handed) {
    const auto& outcome = delivery.outcome;
    require(outcome.results.size() == delivery.facts.recipients.size(), "every recipient has an outcome");
    for (std::size_t i = 0; i < outcome.results.size(); ++i) {
        require(outcome.results[i].recipient == i && outcome.results[i].reason < outcome.reasons.size(),
                "with its reason");
        require(outcome.results[i].verdict != queue::Verdict::delivered || handed ||
                    server.complete(delivery.facts.attempts),
                "delivered is what was sent to its end");
    }
    for (const auto& reason : outcome.reasons)
        require(reason.status && !has_control(reason.text) && reason.text.size() <= 512,
                "a reason is one line with a status");
}

void run(unsigned setup, std::string_view script) {
    support::ManualShard shard;
    metrics::Sheet sheet;
    outbound::Options options;
    options.hostname = "fuzz.test";
    options.pipelining = !(setup & no_pipelining);
    options.chunking = !(setup & no_chunking);
    if (setup & small_chunks) options.inline_chunk = 10;
    const auto* const parts = setup & in_parts ? long_bodies : bodies;
    Outlet outlet(parts, (setup & broken_disk) != 0);
    const auto wire = std::make_shared<support::Wire>();
    std::vector<std::unique_ptr<queue::Delivery>> finished;
    bool done = false, stalled = false;
    {
        outbound::ClientSession session(
            shard,
            std::make_unique<support::MemoryStream>(wire, *Endpoint::parse("192.0.2.1:25"),
                                                    *Endpoint::parse("192.0.2.7:4711")),
            options, sheet, security_of(setup));
        const auto conversation = converse(session, outlet, parts, shard, finished, done);
        const auto settle = [&] { shard.settle(); };
        settle();
        stalled = play(script, shard, *wire, [](char) { return false; }, settle).stalled;
        if (!(setup & silent_end) && !wire->gone) wire->close();
        settle();
        for (int i = 0; i < 100 && !done; ++i) shard.advance(60s);
        require(done, "a session ends");
        settle();
    }
    StrictServer server(wire->sent, parts);
    server.read();
    for (const auto& one : finished) check(*one, server, stalled);
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 0) angarium::fuzz::run(data[0], angarium::fuzz::text_of(data + 1, size - 1));
    return 0;
}

// The sink's side of one SMTP connection: bytes in, replies out, no I/O. It takes every address, keeps nothing of a
// message but its facts, and misbehaves as the script says. Owning thread: the shard's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/ledger.hpp"
#include "bench/message.hpp"
#include "bench/script.hpp"
#include "bench/sink.hpp"
#include "engine/base/random.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/data_decoder.hpp"
#include "engine/smtp/line_reader.hpp"

namespace angarium::bench {

// What all dialogues of a shard share; outlives them.
struct SinkContext {
    const SinkOptions& options;
    const Script& script;
    Ledger& ledger;
    Tally& tally;
    Random& random;
};

class ServerDialogue {
  public:
    // `local`: the address that the client has chosen.
    ServerDialogue(SinkContext& context, const IpAddress& local);

    enum class Step : std::uint8_t {
        more,    // all input was consumed; write what is in `out`, read on
        pause,   // write, wait for pause().delay, call resume() and feed() on
        stall,   // write, and then never again
        secure,  // the client has said STARTTLS: call begin_tls(), which says what comes next
        close,   // write, then close
        drop,    // close without writing
    };
    Step greet(std::string& out);
    // Consumes from the front of `input` and appends replies to `out`.
    Step feed(std::string_view& input, std::string& out);
    struct Pause {
        Duration delay{};
        Duration tarpit{};  // before each octet that resume() gives
    };
    const Pause& pause() const { return pause_; }
    // The reply that was paused for.
    Step resume(std::string& out);
    // The answer to STARTTLS. `alone`: nothing has come behind it, else somebody may have put that there, to be read as if
    // it came by TLS. secure: write, shake hands, call secured() and read on.
    Step begin_tls(bool alone, std::string& out) const;
    // TLS has begun: what was said before is forgotten (RFC 3207 section 4.2).
    void secured();
    // In the middle of a chunk: nobody waits for what is in `out`.
    bool within_chunk() const { return chunk_left_ > 0; }
    std::uint64_t messages() const { return messages_; }

  private:
    Step command(std::string_view line, std::string& out);
    void hello(bool extended, std::string& out);
    Step starttls(std::string& out);
    void mail(std::string_view argument, std::string& out);
    void rcpt(std::string_view argument, std::string& out);
    Step bdat(std::string_view argument, std::string& out);
    void data(std::string& out);
    void take_content(std::string_view& input);
    Step end_of_message(std::string& out);
    Step end_of_chunk(std::string& out);
    void settle();
    void begin_content();
    void reset();
    // Draws what the script does; true: it has answered (or never will), so the command has no effect.
    bool scripted(Stage stage, std::string_view domain, std::string& out);
    // What that asks for beyond the reply, which begins in `out` at `begin`.
    Step obey(std::size_t begin, std::string& out);

    SinkContext& context_;
    const IpAddress local_;
    smtp::LineReader lines_;
    std::uint64_t messages_ = 0;

    // The script's.
    const Rule* rule_ = nullptr;  // decides about the command that is being answered
    Pause pause_;
    std::string held_;               // the reply that is paused for,
    Step afterwards_ = Step::more;   // and what follows it
    bool turned_away_ = false;       // greeted with 4xx or 5xx: nothing but QUIT (RFC 5321 section 3.1)
    bool ends_after_pause_ = false;  // the pause is one of end-of-data

    // The transaction.
    bool secure_ = false;  // TLS has begun
    bool greeted_ = false;
    bool mail_ = false;
    std::vector<Ledger::Recipient> recipients_;
    std::string domain_;  // of the first recipient, for the script

    // Its content.
    bool in_data_ = false;
    bool in_chunks_ = false;      // between the first BDAT and the last
    bool last_chunk_ = false;     // the one being read
    bool chunk_refused_ = false;  // it is read and thrown away
    bool taken_ = false;          // answered 250, to be accounted for
    std::string refusal_;         // of the chunk, by the script
    std::uint64_t chunk_left_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t arrived_ = 0;  // microseconds since 1970
    smtp::DataDecoder decoder_;
    std::vector<std::string_view> pieces_;
    MessageReader reader_;
};

}  // namespace angarium::bench

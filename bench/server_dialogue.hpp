// The sink's side of one SMTP connection: bytes in, replies out, no I/O. It takes every address, keeps nothing of a
// message but its facts, and misbehaves as the script says. Owning thread: the shard's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/ledger.hpp"
#include "bench/message.hpp"
#include "bench/sink.hpp"
#include "engine/base/random.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/data_decoder.hpp"
#include "engine/smtp/line_reader.hpp"

namespace angarium::bench {

class ServerDialogue {
  public:
    ServerDialogue(const SinkOptions& options, Ledger& ledger, Tally& tally, Random& random);

    void greet(std::string& out) const;
    enum class Step : std::uint8_t {
        more,   // all input was consumed; write what is in `out`, read on
        pause,  // a message is complete: write, wait for the script's delay, then call answer() and feed() on
        close,  // write, then close
        drop,   // close without writing
    };
    // Consumes from the front of `input` and appends replies to `out`.
    Step feed(std::string_view& input, std::string& out);
    // The reply that was paused for. False: drop the connection instead.
    bool answer(std::string& out);
    // In the middle of a chunk: nobody waits for what is in `out`.
    bool within_chunk() const { return chunk_left_ > 0; }
    std::uint64_t messages() const { return messages_; }

  private:
    Step command(std::string_view line, std::string& out);
    void mail(std::string_view argument, std::string& out);
    void rcpt(std::string_view argument, std::string& out);
    Step bdat(std::string_view argument, std::string& out);
    void data(std::string& out);
    void take_content(std::string_view& input);
    Step end_of_message(std::string& out);
    Step end_of_chunk(std::string& out);
    void begin_content();
    void reset();
    bool chance(double probability) { return probability > 0 && random_.unit() < probability; }

    const SinkOptions& options_;
    Ledger& ledger_;
    Tally& tally_;
    Random& random_;
    smtp::LineReader lines_;
    std::uint64_t messages_ = 0;

    // The transaction.
    bool greeted_ = false;
    bool mail_ = false;
    std::vector<Ledger::Recipient> recipients_;

    // Its content.
    bool in_data_ = false;
    bool in_chunks_ = false;      // between the first BDAT and the last
    bool last_chunk_ = false;     // the one being read
    bool chunk_refused_ = false;  // it is read and thrown away
    std::uint64_t chunk_left_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t arrived_ = 0;  // microseconds since 1970
    smtp::DataDecoder decoder_;
    std::vector<std::string_view> pieces_;
    MessageReader reader_;
};

}  // namespace angarium::bench

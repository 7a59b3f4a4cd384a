// A generated message, written and read.
//
//   X-Angarium-Bench: <run, 16 hex>-<number, 10 digits> <sent, microseconds since 1970, 16 digits> <recipients, 4 digits>
//   X-Angarium-Check: <XXH3 of the body, 16 hex>
//   From, To, Subject, Date, Message-ID
//
//   a line that names run and number, so that no two bodies are alike
//   filler: lines of 76 octets, one in 64 beginning with a dot
//
// Everything has a fixed width: a message is exactly as long as asked for, and composing one patches digits in place.
// The body is what follows the empty line. The copy for recipient k (its address begins with "r<k>@") is number
// `number * recipients + k` of the run for those who count. Owning thread: whoever composes or reads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bench/domains.hpp"

struct XXH3_state_s;

namespace angarium::bench {

// XXH3 (64 bits) of bytes that come in pieces.
class Checksum {
  public:
    Checksum();
    ~Checksum();
    Checksum(const Checksum&) = delete;
    Checksum& operator=(const Checksum&) = delete;
    void reset();
    void add(std::string_view piece);
    std::uint64_t value() const;

  private:
    std::unique_ptr<XXH3_state_s, void (*)(XXH3_state_s*)> state_;
};

// What all messages of a run share. Immutable once made; any thread.
class MessageForm {
  public:
    // `size`: octets of a message; at least least_size().
    MessageForm(std::uint64_t run, std::uint64_t size, unsigned recipients, const std::string& from,
                const Domains& domains);
    std::uint64_t run() const { return run_; }
    unsigned recipients() const { return recipients_; }
    std::size_t least_size() const { return head_.size(); }
    std::size_t size() const { return head_.size() + plain_.size(); }

    // Header and first line of the body, to be copied and patched.
    const std::string& head() const { return head_; }
    // The rest, as it is and as it goes behind DATA (dots doubled, with the end of data).
    std::string_view plain() const { return plain_; }
    std::string_view stuffed() const { return stuffed_; }

  private:
    friend class Composer;
    std::uint64_t run_;
    unsigned recipients_;
    std::size_t number_at_, time_at_, check_at_, domain_at_, message_id_at_, body_at_, body_number_at_;
    std::string head_;
    std::string plain_, stuffed_;
};

// One session's message: composed again and again without allocating.
class Composer {
  public:
    Composer(const MessageForm& form, const Domains& domains);
    // `domain`: of the first recipient, for To:.
    void compose(std::uint64_t number, std::uint64_t sent_microseconds, unsigned domain);
    const MessageForm& form() const { return form_; }
    std::string_view head() const { return head_; }

  private:
    const MessageForm& form_;
    const Domains& domains_;
    std::string head_;
    Checksum checksum_;
};

// Reads a message as it arrives, in pieces of any size.
class MessageReader {
  public:
    struct Facts {
        bool generated = false;  // it has our header
        std::uint64_t run = 0, number = 0;
        std::uint64_t sent_microseconds = 0;
        unsigned recipients = 1;
        bool checked = false;  // it has a checksum
        bool damaged = false;  // which is wrong
    };
    void begin();
    void feed(std::string_view piece);
    Facts finish() const;

  private:
    void line(std::string_view text);
    static constexpr std::size_t most_partial =
        256;  // of a header line that came in pieces: ours are shorter

    bool in_header_ = true;
    std::string partial_;
    Facts facts_;
    std::uint64_t expected_ = 0;
    Checksum checksum_;
};

// "r12@d001.example.test" → 12; 0 for other addresses.
unsigned recipient_number(std::string_view address);

}  // namespace angarium::bench

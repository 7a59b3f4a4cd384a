// A message of a run, written and read.
//
//   X-Angarium-Bench: <run, 16 hex>-<number, 10 digits> <sent, microseconds since 1970, 16 digits> <recipients, 4 digits>
//   X-Angarium-Check: <XXH3 of the body, 16 hex>
//
// and then, in a generated one:
//
//   From, To, Subject, Date, Message-ID
//
//   filler: lines of 76 octets, one in 64 beginning with a dot
//   a line that names run and number, so that no two bodies are alike, and makes the message as long as asked for
//
// or a file as it is, with its own header. Everything that changes from message to message has a fixed width: composing
// one patches digits in place. The body is what follows the empty line; its checksum is known up to the last line before
// the run begins. The copy for recipient k (its address begins with "r<k>@") is number `number * recipients + k` of the
// run for those who count. Owning thread: whoever composes or reads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bench/domains.hpp"
#include "bench/mail_file.hpp"

struct XXH3_state_s;

namespace angarium::bench {

// XXH3 (64 bits) of bytes that come in pieces.
class Checksum {
  public:
    Checksum();
    ~Checksum();
    Checksum(const Checksum& other);
    Checksum& operator=(const Checksum& other);
    void reset();
    void add(std::string_view piece);
    std::uint64_t value() const;

  private:
    std::unique_ptr<XXH3_state_s, void (*)(XXH3_state_s*)> state_;
};

// The lines that generated bodies begin with, shared by all messages of a run. Immutable once made; any thread.
class Filler {
  public:
    static constexpr std::size_t line = 78;  // octets with CRLF
    explicit Filler(std::size_t lines);
    // The first `lines` of them, as they are and as they go behind DATA (dots doubled).
    std::string_view plain(std::size_t lines) const {
        return std::string_view(plain_).substr(0, lines * line);
    }
    std::string_view stuffed(std::size_t lines) const;

  private:
    std::string plain_, stuffed_;
};

// What is the same in all messages of a run.
struct RunFacts {
    std::uint64_t run = 0;
    unsigned recipients = 1;
    std::string from;
    std::string to;  // for To: of generated messages; empty: a generated address
};

// One kind of message: generated ones of one size, or a file. Immutable once made; any thread.
class MessageForm {
  public:
    // `size`: octets of a message; smaller than least_size() is as much. Filler and file outlive the form.
    MessageForm(const RunFacts& facts, const Domains& domains, std::uint64_t size, const Filler& filler);
    MessageForm(const RunFacts& facts, const MailFile& file);
    MessageForm(const MessageForm&) = delete;
    MessageForm& operator=(const MessageForm&) = delete;
    // Of a generated message.
    static std::size_t least_size(const RunFacts& facts, const Domains& domains);
    // Lines of filler that a generated message of `size` octets may need.
    static std::size_t filler_lines(std::uint64_t size) {
        return static_cast<std::size_t>(size / Filler::line);
    }

    std::size_t size() const { return head_.size() + plain_.size() + tail_.size(); }
    bool eight_bit() const { return eight_bit_; }
    bool generated() const { return last_number_at_ != 0; }
    // What stands between the composer's head() and tail(): as it is, and as it goes behind DATA.
    std::string_view plain() const { return plain_; }
    std::string_view stuffed() const { return stuffed_; }

  private:
    friend class Composer;
    void begin(const RunFacts& facts);
    void generated_header(const RunFacts& facts, const Domains& domains);
    void last_line(const RunFacts& facts);

    static constexpr std::size_t nowhere = ~std::size_t{0};
    std::size_t number_at_ = 0, time_at_ = 0, check_at_ = 0;  // in head_
    std::size_t domain_at_ = nowhere, message_id_at_ = 0;     // in head_, of a generated message
    std::size_t last_number_at_ = 0;                          // in tail_, of a generated message
    std::string head_, tail_;
    std::string_view plain_, stuffed_;
    std::string own_stuffed_;  // a file's that has dots to be doubled
    Checksum body_;            // of what plain_ has of it
    bool eight_bit_ = false;
};

// One session's message: composed again and again without allocating.
class Composer {
  public:
    explicit Composer(const Domains& domains) : domains_(domains) {}
    // `domain`: of the first recipient, for To:.
    void compose(const MessageForm& form, std::uint64_t number, std::uint64_t sent_microseconds,
                 unsigned domain);
    // The message is head, the form's plain() and tail(); behind DATA head, its stuffed(), and tail with the end of data.
    std::string_view head() const { return head_; }
    std::string_view tail() const {
        return std::string_view(tail_).substr(0, tail_.size() - end_of_data.size());
    }
    std::string_view tail_with_end() const { return tail_; }

  private:
    static constexpr std::string_view end_of_data = ".\r\n";
    const Domains& domains_;
    std::string head_, tail_;
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

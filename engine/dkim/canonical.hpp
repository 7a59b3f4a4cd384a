// Canonicalisation (RFC 6376 section 3.4): what a signature is computed over, so that it survives harmless changes on the
// way. Pure: bytes in, views out, nothing copied of a body. Any thread. No errors: every input has a canonical form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::dkim {

enum class Canonical : std::uint8_t { simple, relaxed };

// "simple" or "relaxed", as in c= and in the configuration.
std::string_view to_string(Canonical how);
// c= of header and body: "relaxed/simple"; without a slash the body is simple (RFC 6376 section 3.5).
struct CanonicalPair {
    Canonical header = Canonical::relaxed, body = Canonical::relaxed;
    static std::optional<CanonicalPair> parse(std::string_view text);
    friend bool operator==(const CanonicalPair&, const CanonicalPair&) = default;
};

// Appends a header field (sections 3.4.1 and 3.4.2) without a last CRLF. `field`: as it stands in the message, from its name to
// its end, without the last CRLF.
void append_field(std::string& out, std::string_view field, Canonical how);

// A body (sections 3.4.3 and 3.4.4) in pieces of any size. Every CR in it is followed by an LF.
class BodyCanonical {
  public:
    explicit BodyCanonical(Canonical how) : how_(how) {}

    // Appends what is certain by now: views of `piece` and of constants.
    void feed(std::string_view piece, std::vector<std::string_view>& out);
    // The body is complete.
    void finish(std::vector<std::string_view>& out);

  private:
    void feed_simple(std::string_view piece, std::vector<std::string_view>& out);
    void feed_relaxed(std::string_view piece, std::vector<std::string_view>& out);
    void release(std::vector<std::string_view>& out);

    const Canonical how_;
    // Not yet handed out, because the end may follow:
    std::uint64_t line_ends_ = 0;
    bool space_ = false;  // relaxed: white space behind them
    bool cr_ = false;     // simple: half a line end
    bool any_ = false;    // something was handed out
};

}  // namespace angarium::dkim

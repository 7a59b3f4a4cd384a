// Nearly all text is its own canonical form: what matters is to find quickly where it is not, and to hold back line ends
// that may be the last.
#include "engine/dkim/canonical.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/smtp/text.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace angarium::dkim {
namespace {

constexpr std::string_view line_ends =
    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }
constexpr bool ends_word(char c) { return is_space(c) || c == '\r'; }

// Where relaxed canonicalisation may change something or needs to know what follows: a tab, a space before white space or a line
// end, a line end before an empty line or before white space. A single space within a line is its own canonical form.
// text[from] is neither white space nor a line end; what is between it and the result is text that stays as it is.
std::size_t plain_end(std::string_view text, std::size_t from) {
    std::size_t at = from;
#if defined(__SSE2__)
    const __m128i space = _mm_set1_epi8(' '), tab = _mm_set1_epi8('\t'), cr = _mm_set1_epi8('\r');
    const auto load = [&](std::size_t place) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + place));
    };
    const auto word_ends = [&](__m128i octets) {
        return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(octets, space), _mm_cmpeq_epi8(octets, tab)),
                            _mm_cmpeq_epi8(octets, cr));
    };
    for (; at + 18 <= text.size(); at += 16) {
        const __m128i octets = load(at);
        const __m128i spaces = _mm_and_si128(_mm_cmpeq_epi8(octets, space), word_ends(load(at + 1)));
        const __m128i ends = _mm_and_si128(_mm_cmpeq_epi8(octets, cr), word_ends(load(at + 2)));
        const __m128i stops = _mm_or_si128(_mm_or_si128(spaces, ends), _mm_cmpeq_epi8(octets, tab));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(stops));
        if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
    }
#endif
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\t') break;
        if (c == ' ' && (at + 1 == text.size() || ends_word(text[at + 1]))) break;
        if (c == '\r' && (at + 2 >= text.size() || ends_word(text[at + 2]))) break;
    }
    return at;
}

}  // namespace

std::string_view to_string(Canonical how) { return how == Canonical::simple ? "simple" : "relaxed"; }

std::optional<CanonicalPair> CanonicalPair::parse(std::string_view text) {
    const auto one = [](std::string_view word) -> std::optional<Canonical> {
        if (word == "simple") return Canonical::simple;
        if (word == "relaxed") return Canonical::relaxed;
        return std::nullopt;
    };
    const auto slash = text.find('/');
    const auto header = one(text.substr(0, slash));
    const auto body = slash == std::string_view::npos ? Canonical::simple : one(text.substr(slash + 1));
    if (!header || !body) return std::nullopt;
    return CanonicalPair{*header, *body};
}

void append_field(std::string& out, std::string_view field, Canonical how) {
    const auto colon = field.find(':');
    if (how == Canonical::simple || colon == std::string_view::npos) {
        out.append(field);
        return;
    }
    for (const char c : smtp::trim(field.substr(0, colon))) out.push_back(smtp::to_lower(c));
    out.push_back(':');
    bool begun = false, space = false;
    for (const char c : field.substr(colon + 1)) {
        if (c == '\r' || c == '\n') continue;  // a fold: white space follows
        if (is_space(c)) {
            space = begun;
            continue;
        }
        if (space) out.push_back(' ');
        space = false;
        begun = true;
        out.push_back(c);
    }
}

void BodyCanonical::feed(std::string_view piece, std::vector<std::string_view>& out) {
    how_ == Canonical::simple ? feed_simple(piece, out) : feed_relaxed(piece, out);
}

// What is held back turned out not to be at the end.
void BodyCanonical::release(std::vector<std::string_view>& out) {
    while (line_ends_ > 0) {
        const auto some = std::min<std::uint64_t>(line_ends_, line_ends.size() / 2);
        out.push_back(line_ends.substr(0, 2 * some));
        line_ends_ -= some;
    }
    if (std::exchange(space_, false)) out.push_back(" ");
    any_ = true;
}

void BodyCanonical::feed_simple(std::string_view piece, std::vector<std::string_view>& out) {
    if (piece.empty()) return;
    if (std::exchange(cr_, false)) {  // this is its LF
        ++line_ends_;
        piece.remove_prefix(1);
    }
    if (piece.ends_with('\r')) {
        cr_ = true;
        piece.remove_suffix(1);
    }
    std::uint64_t last = 0;
    for (; piece.ends_with("\r\n"); piece.remove_suffix(2)) ++last;
    if (!piece.empty()) {
        release(out);
        out.push_back(piece);
    }
    line_ends_ += last;
}

void BodyCanonical::feed_relaxed(std::string_view piece, std::vector<std::string_view>& out) {
    for (std::size_t at = 0; at < piece.size();) {
        switch (piece[at]) {
            case '\r':
                ++at;
                break;
            case '\n':
                ++line_ends_;
                space_ = false;
                ++at;
                break;
            case ' ':
            case '\t':
                space_ = true;
                ++at;
                break;
            default: {
                release(out);
                const auto end = plain_end(piece, at);
                out.push_back(piece.substr(at, end - at));
                at = end;
            }
        }
    }
}

// One line end ends the text, whether there were none or many; an empty body is one line end if simple, nothing if relaxed.
void BodyCanonical::finish(std::vector<std::string_view>& out) {
    if (any_ || how_ == Canonical::simple) out.push_back(line_ends.substr(0, 2));
}

}  // namespace angarium::dkim

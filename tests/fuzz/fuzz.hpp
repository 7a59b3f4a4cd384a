// What the fuzz targets share. Each is one file with one libFuzzer entry; whatever it must hold is said with require(),
// which ends the process like a sanitizer's finding. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::fuzz {

inline void require(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "fuzz: does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// Cuts a text into pieces, of sizes that the text itself decides: the same input is always cut alike. With `most` 1, octet by
// octet; every piece is a copy of its own, so that a view kept too long is a use after free.
class Pieces {
  public:
    Pieces(std::string_view text, std::size_t most) : rest_(text), most_(most) {
        for (const char c : text) state_ = (state_ ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
    }
    bool empty() const { return rest_.empty(); }
    std::string next() {
        state_ = state_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
        const std::string piece(rest_.substr(0, 1 + (state_ >> 33) % most_));
        rest_.remove_prefix(piece.size());
        return piece;
    }

  private:
    std::string_view rest_;
    std::size_t most_;
    std::uint64_t state_ = 14'695'981'039'346'656'037u;
};

// A text in pieces through what takes a piece and hands out views that are good until the next: feed(piece, views), then
// finish(views). All that came out of it.
template <class Feed, class Finish>
std::string through(std::string_view text, std::size_t most, Feed feed, Finish finish) {
    std::string out;
    std::vector<std::string_view> views;
    const auto collect = [&] {
        for (const auto view : views) out += view;
        views.clear();
    };
    for (Pieces pieces(text, most); !pieces.empty();) {
        const auto piece = pieces.next();
        feed(std::string_view(piece), views);
        collect();
    }
    finish(views);
    collect();
    return out;
}

// The printable octets and UTF-8; what may stand in a log line or on another server's wire.
inline bool has_control(std::string_view text) {
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
    return false;
}

}  // namespace angarium::fuzz

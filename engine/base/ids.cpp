#include "engine/base/ids.hpp"

#include <bit>

#include "engine/base/assert.hpp"

namespace angarium {
namespace {
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
}

MessageId MessageId::make(WallTime now, std::uint8_t store, ShardId origin, Random& random) {
    MessageId id;
    const auto ms = static_cast<std::uint64_t>(now.time_since_epoch().count());
    for (int i = 0; i < 6; ++i) id.bytes_[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    id.bytes_[6] = store;
    id.bytes_[7] = static_cast<std::uint8_t>(index(origin));
    const std::uint64_t bits = random.next();
    std::memcpy(id.bytes_.data() + 8, &bits, 8);
    return id;
}

MessageId MessageId::from_bytes(std::string_view sixteen) {
    ANGARIUM_ASSERT(sixteen.size() == size);
    MessageId id;
    std::memcpy(id.bytes_.data(), sixteen.data(), size);
    return id;
}

std::string MessageId::text() const {
    std::string out(text_size, '0');
    put_text(out.data());
    return out;
}

void MessageId::put_text(char* to) const {
    // 128 bits in 26 digits of 5, from the last: twice twelve in words of 60 bits, then the top eight bits.
    const auto word_at = [this](std::size_t at) {
        std::uint64_t word;
        std::memcpy(&word, bytes_.data() + at, sizeof word);
        return std::endian::native == std::endian::big ? word : __builtin_bswap64(word);
    };
    const auto put = [](char* begin, unsigned digits, std::uint64_t word) {
        for (char* at = begin + digits; at != begin; word >>= 5) *--at = alphabet[word & 31];
    };
    const auto high = word_at(0), low = word_at(8);
    put(to + 14, 12, low);
    put(to + 2, 12, low >> 60 | high << 4);
    put(to, 2, high >> 56);
}

std::optional<MessageId> MessageId::parse(std::string_view text) {
    if (text.size() != text_size || text[0] > '7') return std::nullopt;
    unsigned __int128 value = 0;
    for (char c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        const auto digit = alphabet.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        value = value << 5 | digit;
    }
    MessageId id;
    for (std::size_t i = size; i-- > 0; value >>= 8) id.bytes_[i] = static_cast<std::uint8_t>(value);
    return id;
}

WallTime MessageId::accepted_at() const {
    std::int64_t ms = 0;
    for (int i = 0; i < 6; ++i) ms = ms << 8 | bytes_[i];
    return WallTime{std::chrono::milliseconds{ms}};
}

}  // namespace angarium

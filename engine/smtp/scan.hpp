// Looking through content many octets at a time: the only two searches that touch every octet of a message.
// Pure functions; SSE2 where the compiler has it (every x86-64), plain code elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace angarium::smtp {

// What 64 octets hold: bit i of a mask is octet i.
struct BlockMasks {
    std::uint64_t cr = 0;
    std::uint64_t lf = 0;
    bool nul = false;
    bool eight_bit = false;
};

inline constexpr std::size_t block_size = 64;

#if defined(__SSE2__)
inline BlockMasks scan_block(const char* block) {
    const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
    const auto* const octets = reinterpret_cast<const __m128i*>(block);
    const __m128i a = _mm_loadu_si128(octets), b = _mm_loadu_si128(octets + 1);
    const __m128i c = _mm_loadu_si128(octets + 2), d = _mm_loadu_si128(octets + 3);
    const auto where = [&](__m128i octet) {
        const auto mask = [octet](__m128i sixteen) {
            const int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, octet));
            return static_cast<std::uint64_t>(static_cast<unsigned>(bits));
        };
        return mask(a) | mask(b) << 16 | mask(c) << 32 | mask(d) << 48;
    };
    const __m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
    const __m128i all = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
    BlockMasks masks;
    masks.cr = where(cr);
    masks.lf = where(lf);
    masks.nul = _mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())) != 0;
    masks.eight_bit = _mm_movemask_epi8(all) != 0;
    return masks;
}
#else
inline BlockMasks scan_block(const char* block) {
    BlockMasks masks;
    for (std::size_t i = 0; i < block_size; ++i) {
        const auto c = static_cast<unsigned char>(block[i]);
        masks.cr |= std::uint64_t{c == '\r'} << i;
        masks.lf |= std::uint64_t{c == '\n'} << i;
        masks.nul |= c == 0;
        masks.eight_bit |= c >= 0x80;
    }
    return masks;
}
#endif

// The first LF at or behind `from` that is followed by a '.', or npos. Few lines begin with a dot, so this is one pass
// at the speed of memchr.
std::size_t find_newline_dot(std::string_view text, std::size_t from);

}  // namespace angarium::smtp

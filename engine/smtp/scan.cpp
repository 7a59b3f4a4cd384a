// Two compares at neighbouring offsets find an LF that is followed by a dot; 64 octets a step, then 16 to tell where.
#include "engine/smtp/scan.hpp"

#include <bit>

namespace angarium::smtp {

std::size_t find_newline_dot(std::string_view text, std::size_t from) {
    std::size_t i = from;
#if defined(__SSE2__)
    const __m128i lf = _mm_set1_epi8('\n'), dot = _mm_set1_epi8('.');
    const auto both = [&](std::size_t at) {
        const auto* here = reinterpret_cast<const __m128i*>(text.data() + at);
        const auto* next = reinterpret_cast<const __m128i*>(text.data() + at + 1);
        return _mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128(here), lf),
                             _mm_cmpeq_epi8(_mm_loadu_si128(next), dot));
    };
    for (; i + 65 <= text.size(); i += 64) {
        const __m128i any =
            _mm_or_si128(_mm_or_si128(both(i), both(i + 16)), _mm_or_si128(both(i + 32), both(i + 48)));
        if (_mm_movemask_epi8(any) != 0) break;
    }
    for (; i + 17 <= text.size(); i += 16) {
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(both(i)));
        if (mask != 0) return i + static_cast<std::size_t>(std::countr_zero(mask));
    }
#endif
    while (i < text.size()) {
        i = text.find('\n', i);
        if (i == std::string_view::npos || i + 1 >= text.size()) break;
        if (text[i + 1] == '.') return i;
        ++i;
    }
    return std::string_view::npos;
}

}  // namespace angarium::smtp

// Two compares at neighbouring offsets find an LF that is followed by a dot.
#include "engine/smtp/scan.hpp"

#include <bit>

namespace angarium::smtp {

std::size_t find_newline_dot(std::string_view text, std::size_t from) {
    std::size_t i = from;
#if defined(__SSE2__)
    const __m128i lf = _mm_set1_epi8('\n'), dot = _mm_set1_epi8('.');
    for (; i + 17 <= text.size(); i += 16) {
        const auto* here = reinterpret_cast<const __m128i*>(text.data() + i);
        const auto* next = reinterpret_cast<const __m128i*>(text.data() + i + 1);
        const __m128i both = _mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128(here), lf),
                                           _mm_cmpeq_epi8(_mm_loadu_si128(next), dot));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(both));
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

#include "engine/base/base64.hpp"

#include <array>
#include <cstdint>

namespace angarium {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_digit = 64;

constexpr std::array<std::uint8_t, 256> digits = [] {
    std::array<std::uint8_t, 256> made{};
    made.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        made[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return made;
}();

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = bytes.size() < 3 ? bytes.size() : 3;
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i) out += i <= count ? alphabet[group >> (18 - 6 * i) & 63] : '=';
        bytes.remove_prefix(count);
    }
}

std::string base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    append_base64(out, bytes);
    return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (; !text.empty(); text.remove_prefix(4)) {
        std::size_t padding = 0;
        if (text.size() == 4 && text[3] == '=') padding = text[2] == '=' ? 2 : 1;
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const auto digit = i < 4 - padding ? digits[static_cast<unsigned char>(text[i])] : 0u;
            if (digit == no_digit) return std::nullopt;
            group = group << 6 | digit;
        }
        if ((group & ((1u << 8 * padding) - 1)) != 0) return std::nullopt;  // bits that mean nothing
        for (std::size_t i = 0; i < 3 - padding; ++i) out += static_cast<char>(group >> (16 - 8 * i) & 0xff);
    }
    return out;
}

std::optional<std::string> decode_folded_base64(std::string_view text) {
    std::string whole(text);
    std::erase_if(whole, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    return decode_base64(whole);
}

}  // namespace angarium

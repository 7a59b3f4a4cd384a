// Dots on the way out: exact bytes, few pieces, and back through the decoder.
#include "engine/smtp/data_encoder.hpp"

#include <gtest/gtest.h>

#include "engine/base/random.hpp"
#include "engine/smtp/data_decoder.hpp"

namespace angarium::smtp {
namespace {

std::string encode(std::initializer_list<std::string_view> parts) {
    DataEncoder encoder;
    std::vector<std::string_view> pieces;
    for (const auto part : parts) encoder.add(part, pieces);
    encoder.finish(pieces);
    std::string out;
    for (const auto piece : pieces) out += piece;
    EXPECT_EQ(out.size(), total_size(pieces));
    return out;
}

void expect_encoded(std::string_view content, std::string_view wire) {
    for (std::size_t i = 0; i <= content.size(); ++i)
        EXPECT_EQ(encode({content.substr(0, i), content.substr(i)}), wire) << i;
}

TEST(DataEncoder, StuffsDotsAndEnds) {
    expect_encoded("", ".\r\n");
    expect_encoded("a\r\n", "a\r\n.\r\n");
    expect_encoded("a", "a\r\n.\r\n");
    expect_encoded(".", "..\r\n.\r\n");
    expect_encoded(".\r\n", "..\r\n.\r\n");
    expect_encoded("..a\r\n.\r\nb.c\r\n\r\n.", "...a\r\n..\r\nb.c\r\n\r\n..\r\n.\r\n");
}

TEST(DataEncoder, TakesAsManyPiecesAsDots) {
    std::string content;
    for (int i = 0; i < 1000; ++i) content += "a line of text\r\n";
    content += ".dot\r\n" + content;
    DataEncoder encoder;
    std::vector<std::string_view> pieces;
    encoder.add(content, pieces);
    encoder.finish(pieces);
    EXPECT_EQ(pieces.size(), 4u);  // before the dot, the dot, behind it, the end
}

TEST(DataEncoder, TheDecoderGivesTheContentBack) {
    Random random(3);
    for (int round = 0; round < 20000; ++round) {
        std::string content;
        const auto size = random.below(150);
        while (content.size() < size) {
            const auto kind = random.below(3);
            content += kind == 0 ? "." : kind == 1 ? "\r\n" : std::string(random.below(40), 'x');
        }
        content += "\r\n";
        auto split = random.below(content.size() + 1);
        const auto wire =
            encode({std::string_view(content).substr(0, split), std::string_view(content).substr(split)});
        DataDecoder decoder;
        std::string_view input = wire;
        std::vector<std::string_view> parts;
        ASSERT_TRUE(decoder.feed(input, parts));
        std::string back;
        for (const auto part : parts) back += part;
        ASSERT_EQ(back, content);
        ASSERT_TRUE(input.empty());
    }
}

}  // namespace
}  // namespace angarium::smtp

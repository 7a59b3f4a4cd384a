// Command lines: split at every place, bare line ends, long lines that are not buffered.
#include "engine/smtp/line_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace angarium::smtp {
namespace {

using namespace std::string_literals;
using Kind = LineReader::Kind;

// What comes out when `bytes` arrive in the given pieces: lines as they are, "<long>" and "<bad>" for the others.
std::vector<std::string> read(const std::vector<std::string_view>& pieces, std::size_t limit = 20) {
    LineReader reader(limit);
    std::vector<std::string> out;
    for (auto piece : pieces) {
        for (;;) {
            const auto result = reader.next(piece);
            if (result.kind == Kind::need_more) break;
            out.push_back(result.kind == Kind::line       ? std::string(result.text)
                          : result.kind == Kind::too_long ? "<long>"
                                                          : "<bad>");
        }
        EXPECT_TRUE(piece.empty());
    }
    return out;
}

// The same in one piece, octet by octet, and split in two at every place.
void expect_lines(std::string_view bytes, const std::vector<std::string>& lines) {
    EXPECT_EQ(read({bytes}), lines);
    std::vector<std::string_view> octets;
    for (std::size_t i = 0; i < bytes.size(); ++i) octets.push_back(bytes.substr(i, 1));
    EXPECT_EQ(read(octets), lines);
    for (std::size_t i = 0; i <= bytes.size(); ++i)
        EXPECT_EQ(read({bytes.substr(0, i), bytes.substr(i)}), lines) << i;
}

TEST(LineReader, SplitsAtCrlf) {
    expect_lines("EHLO a\r\n\r\nQUIT\r\nrest", {"EHLO a", "", "QUIT"});
    expect_lines("", {});
    expect_lines("\r\n", {""});
}

TEST(LineReader, KeepsBareCrAndNulInTheLine) {
    expect_lines("a\rb\r\n", {"a\rb"});
    expect_lines("a\r\r\n", {"a\r"});
    expect_lines("a\0b\r\n"s, {"a\0b"s});
}

TEST(LineReader, ABareLfSpoilsTheWholeLine) {
    expect_lines("NOOP\n", {"<bad>"});
    expect_lines("a\nRSET\r\nQUIT\r\n", {"<bad>", "<bad>", "QUIT"});
    expect_lines("a\nb\nc\r\nd\r\n", {"<bad>", "<bad>", "<bad>", "d"});
    expect_lines("\n\r\nx\r\n", {"<bad>", "<bad>", "x"});
    expect_lines("a\r\n\nb\r\nc\r\n", {"a", "<bad>", "<bad>", "c"});
}

TEST(LineReader, DiscardsLongLines) {
    const std::string exactly(18, 'x'), over(19, 'x'), far(5000, 'x');
    expect_lines(exactly + "\r\nb\r\n", {exactly, "b"});
    expect_lines(over + "\r\nb\r\n", {"<long>", "b"});
    EXPECT_EQ(read({far + "\r\nb\r\n"}), (std::vector<std::string>{"<long>", "b"}));
    expect_lines(over + "\nb\r\nc\r\n", {"<bad>", "<bad>", "c"});
    expect_lines(over + over + "\r\r\nc\r\n", {"<long>", "c"});
}

TEST(LineReader, DoesNotBufferWhatItDiscards) {
    LineReader reader(20);
    const std::string block(1000, 'x');
    for (int i = 0; i < 1000; ++i) {
        std::string_view input = block;
        EXPECT_EQ(reader.next(input).kind, Kind::need_more);
        EXPECT_TRUE(reader.within_line());
    }
    std::string_view end = "\r\n";
    EXPECT_EQ(reader.next(end).kind, Kind::too_long);
    EXPECT_FALSE(reader.within_line());
}

TEST(LineReader, KnowsWhetherALineHasBegun) {
    LineReader reader(20);
    EXPECT_FALSE(reader.within_line());
    std::string_view input = "QU";
    reader.next(input);
    EXPECT_TRUE(reader.within_line());
    input = "IT\r\n";
    EXPECT_EQ(reader.next(input).text, "QUIT");
    EXPECT_FALSE(reader.within_line());
    reader.release();
    input = "\r";
    reader.next(input);
    EXPECT_TRUE(reader.within_line());
    reader.release();  // keeps what has arrived
    input = "\n";
    EXPECT_EQ(reader.next(input).kind, Kind::line);
}

}  // namespace
}  // namespace angarium::smtp

#include "engine/base/base64.hpp"

#include <gtest/gtest.h>

namespace angarium {
namespace {

// RFC 4648 section 10.
TEST(Base64, KeepsToTheVectors) {
    for (const auto& [bytes, text] : {std::pair{"", ""},
                                      {"f", "Zg=="},
                                      {"fo", "Zm8="},
                                      {"foo", "Zm9v"},
                                      {"foob", "Zm9vYg=="},
                                      {"fooba", "Zm9vYmE="},
                                      {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
}

TEST(Base64, EveryOctetComesBack) {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    for (std::size_t from = 0; from < 4; ++from)
        for (std::size_t size = 0; from + size <= all.size(); ++size) {
            const auto piece = all.substr(from, size);
            ASSERT_EQ(decode_base64(base64(piece)), piece);
        }
}

TEST(Base64, IsStrict) {
    using namespace std::string_view_literals;
    for (const auto bad :
         {"Zg"sv, "Zg="sv, "Zg==="sv, "Z==="sv, "===="sv, "Zg==Zg=="sv, "Zm9v\n"sv, " Zm9v"sv, "Zm9v===="sv,
          "Zm 9v"sv, "Zm9-"sv, "Zm9_"sv, "Zm\0v"sv, "Zm9\xff"sv, "Zh=="sv, "Zm9="sv, "Zg=v"sv, "="sv, "*"sv})
        EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
}

TEST(Base64, WhiteSpaceCountsNothingWhereItIsFolded) {
    EXPECT_EQ(decode_folded_base64(" YW\r\n\tJj "), "abc");
    for (const auto* wrong : {"YQ", "YQ=", "Y!==", "YWJjx"})
        EXPECT_FALSE(decode_folded_base64(wrong)) << wrong;
}

}  // namespace
}  // namespace angarium

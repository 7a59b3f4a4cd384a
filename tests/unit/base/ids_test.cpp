// Message identities: order, text, and what they carry.
#include "engine/base/ids.hpp"

#include <gtest/gtest.h>

#include <set>

namespace angarium {
namespace {

constexpr WallTime noon{std::chrono::milliseconds{1'800'000'000'123}};

TEST(MessageId, CarriesTimeStoreAndOrigin) {
    Random random(1);
    const auto id = MessageId::make(noon, 3, ShardId{17}, random);
    EXPECT_EQ(id.accepted_at(), noon);
    EXPECT_EQ(id.store(), 3);
    EXPECT_EQ(id.origin(), ShardId{17});
}

TEST(MessageId, BytesAndTextGoThereAndBack) {
    Random random(2);
    for (int i = 0; i < 1'000; ++i) {
        const WallTime time{std::chrono::milliseconds{static_cast<std::int64_t>(random.next() >> 16)}};
        const auto id =
            MessageId::make(time, static_cast<std::uint8_t>(i), static_cast<ShardId>(i % 64), random);
        EXPECT_EQ(MessageId::from_bytes(id.bytes()), id);
        const auto text = id.text();
        EXPECT_EQ(text.size(), MessageId::text_size);
        EXPECT_EQ(MessageId::parse(text), id);
    }
}

TEST(MessageId, OrderIsTimeOrderInBytesAndText) {
    Random random(3);
    for (int i = 0; i < 1'000; ++i) {
        const auto earlier = MessageId::make(noon + std::chrono::milliseconds{i}, 0, ShardId{63}, random);
        const auto later = MessageId::make(noon + std::chrono::milliseconds{i + 1}, 0, ShardId{0}, random);
        EXPECT_LT(earlier, later);
        EXPECT_LT(earlier.bytes(), later.bytes());
        EXPECT_LT(earlier.text(), later.text());
    }
}

TEST(MessageId, AreUniqueWithinOneMillisecond) {
    Random random(4);
    std::set<MessageId> seen;
    for (int i = 0; i < 10'000; ++i) seen.insert(MessageId::make(noon, 0, ShardId{0}, random));
    EXPECT_EQ(seen.size(), 10'000u);
}

TEST(MessageId, ParseTakesLowerCaseAndRefusesTheRest) {
    Random random(5);
    const auto id = MessageId::make(noon, 0, ShardId{0}, random);
    auto text = id.text();
    for (auto& c : text)
        if (c >= 'A') c = static_cast<char>(c - 'A' + 'a');
    EXPECT_EQ(MessageId::parse(text), id);
    EXPECT_FALSE(MessageId::parse(""));
    EXPECT_FALSE(MessageId::parse(id.text().substr(1)));
    EXPECT_FALSE(MessageId::parse(id.text() + "0"));
    EXPECT_FALSE(MessageId::parse("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"));  // more than 128 bits
    EXPECT_TRUE(MessageId::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
    for (const char wrong : {'I', 'L', 'O', 'U', '-', ' ', '\0'}) {
        text = id.text();
        text[10] = wrong;
        EXPECT_FALSE(MessageId::parse(text)) << wrong;
    }
}

}  // namespace
}  // namespace angarium

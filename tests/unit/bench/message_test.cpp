#include "bench/message.hpp"

#include <gtest/gtest.h>

#include "engine/smtp/data_decoder.hpp"

namespace angarium::bench {
namespace {

constexpr std::uint64_t run = 0x0123456789abcdef;

struct Sample {
    explicit Sample(std::uint64_t size, unsigned recipients = 1)
        : domains(100, "example.test"),
          form(run, size, recipients, "a@sender.test", domains),
          composer(form, domains) {}
    std::string compose(std::uint64_t number) {
        composer.compose(number, 1'700'000'000'123'456, 42);
        return std::string(composer.head()).append(form.plain());
    }
    Domains domains;
    MessageForm form;
    Composer composer;
};

MessageReader::Facts read(std::string_view message, std::size_t piece = ~std::size_t{0}) {
    MessageReader reader;
    reader.begin();
    for (; !message.empty(); message.remove_prefix(std::min(piece, message.size())))
        reader.feed(message.substr(0, piece));
    return reader.finish();
}

TEST(Message, IsExactlyAsLongAsAskedFor) {
    const auto least = Sample(0).form.least_size();
    for (std::uint64_t size = least; size < least + 200; ++size) {
        Sample sample(size);
        EXPECT_EQ(sample.compose(1).size(), size);
        EXPECT_EQ(sample.form.size(), size);
    }
    EXPECT_EQ(Sample(32768).compose(12345).size(), 32768u);
}

TEST(Message, TellsTheReaderWhatItIs) {
    Sample sample(4096, 3);
    const auto message = sample.compose(77);
    EXPECT_NE(message.find("\r\nTo: <r0@d042.example.test>\r\n"), std::string::npos);
    const auto facts = read(message);
    EXPECT_TRUE(facts.generated);
    EXPECT_EQ(facts.run, run);
    EXPECT_EQ(facts.number, 77u);
    EXPECT_EQ(facts.recipients, 3u);
    EXPECT_EQ(facts.sent_microseconds, 1'700'000'000'123'456u);
    EXPECT_TRUE(facts.checked);
    EXPECT_FALSE(facts.damaged);
}

TEST(Message, IsReadInPiecesOfAnySize) {
    Sample sample(1500);
    const auto message = "Received: from a by b;\r\n\tsome day\r\n" + sample.compose(5);
    for (std::size_t piece = 1; piece < 300; ++piece) {
        const auto facts = read(message, piece);
        EXPECT_TRUE(facts.generated && facts.checked && !facts.damaged) << piece;
        EXPECT_EQ(facts.number, 5u);
    }
}

TEST(Message, ShowsEveryKindOfDamage) {
    Sample sample(4096);
    const auto whole = sample.compose(1);
    auto changed = whole;
    changed[3000] ^= 1;
    EXPECT_TRUE(read(changed).damaged);
    EXPECT_TRUE(read(whole.substr(0, whole.size() - 2)).damaged);
    EXPECT_TRUE(read(whole + "\r\n").damaged);
    auto other = sample.compose(2);  // another message's body behind this one's header
    const auto body = whole.find("\r\n\r\n");
    EXPECT_TRUE(read(whole.substr(0, body) + other.substr(other.find("\r\n\r\n"))).damaged);
}

TEST(Message, OfSomebodyElseIsNotGenerated) {
    for (const char* text :
         {"Subject: x\r\n\r\nhello\r\n", "X-Angarium-Bench: nonsense\r\n\r\n",
          "X-Angarium-Bench: 1-2 3\r\n\r\n", "X-Angarium-Bench: 1-2 3 0\r\n\r\n", "no end", ""}) {
        EXPECT_FALSE(read(text).generated) << text;
        EXPECT_FALSE(read(text).damaged) << text;
    }
}

// What goes out behind DATA comes back as it was, and obeys the rules of content.
TEST(Message, SurvivesTheDots) {
    const auto least = Sample(0).form.least_size();
    for (const std::uint64_t size :
         {std::uint64_t{least}, std::uint64_t{least + 1}, std::uint64_t{4096}, std::uint64_t{20000}}) {
        Sample sample(size);
        const auto message = sample.compose(9);
        const auto wire = std::string(sample.composer.head()).append(sample.form.stuffed()) + "QUIT\r\n";
        smtp::DataDecoder decoder;
        std::vector<std::string_view> pieces;
        std::string_view input = wire;
        ASSERT_TRUE(decoder.feed(input, pieces)) << size;
        EXPECT_EQ(input, "QUIT\r\n");
        EXPECT_TRUE(decoder.checker().ok());
        std::string content;
        for (const auto piece : pieces) content += piece;
        // Without a line end of its own the content gets one on the way.
        EXPECT_TRUE(content == message || content == message + "\r\n") << size;
        EXPECT_TRUE(size < 4096 || message.find("\r\n.") != std::string::npos);
    }
}

TEST(Message, NumbersItsRecipients) {
    EXPECT_EQ(recipient_number("r12@d001.example.test"), 12u);
    EXPECT_EQ(recipient_number("r0@x"), 0u);
    for (const char* other : {"jill@hill.com", "r@x", "r5", "rx5@x", "", "r99999999999@x"})
        EXPECT_EQ(recipient_number(other), 0u) << other;
}

}  // namespace
}  // namespace angarium::bench

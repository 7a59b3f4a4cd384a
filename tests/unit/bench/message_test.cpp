#include "bench/message.hpp"

#include <gtest/gtest.h>

#include "engine/smtp/data_decoder.hpp"

namespace angarium::bench {
namespace {

constexpr std::uint64_t run = 0x0123456789abcdef;

struct Sample {
    explicit Sample(std::uint64_t size, unsigned recipients = 1)
        : domains(100, "example.test"),
          filler(MessageForm::filler_lines(size)),
          form(RunFacts{run, recipients, "a@sender.test", {}}, domains, size, filler),
          composer(domains) {}
    std::string compose(std::uint64_t number) {
        composer.compose(form, number, 1'700'000'000'123'456, 42);
        return std::string(composer.head()).append(form.plain()).append(composer.tail());
    }
    // The same behind DATA.
    std::string wire() const {
        return std::string(composer.head()).append(form.stuffed()).append(composer.tail_with_end());
    }
    static std::size_t least_size() {
        return MessageForm::least_size(RunFacts{run, 1, "a@sender.test", {}}, Domains(100, "example.test"));
    }
    Domains domains;
    Filler filler;
    MessageForm form;
    Composer composer;
};

// What arrives when `wire` is sent behind DATA.
std::string arrived(const std::string& wire) {
    smtp::DataDecoder decoder;
    std::vector<std::string_view> pieces;
    const auto sent = wire + "QUIT\r\n";
    std::string_view input = sent;
    EXPECT_TRUE(decoder.feed(input, pieces));
    EXPECT_EQ(input, "QUIT\r\n");
    EXPECT_TRUE(decoder.checker().ok());
    std::string content;
    for (const auto piece : pieces) content += piece;
    return content;
}

MessageReader::Facts read(std::string_view message, std::size_t piece = ~std::size_t{0}) {
    MessageReader reader;
    reader.begin();
    for (; !message.empty(); message.remove_prefix(std::min(piece, message.size())))
        reader.feed(message.substr(0, piece));
    return reader.finish();
}

TEST(Message, IsExactlyAsLongAsAskedFor) {
    const auto least = Sample::least_size();
    EXPECT_EQ(Sample(1).form.size(), least);
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
    const auto least = Sample::least_size();
    for (const std::size_t size : {least, least + 1, least + 78 * 3, std::size_t{4096}, std::size_t{20000}}) {
        Sample sample(size);
        const auto message = sample.compose(9);
        EXPECT_EQ(arrived(sample.wire()), message) << size;
        EXPECT_EQ(size >= least + 78 * 3, message.find("\r\n.") != std::string::npos) << size;
    }
}

// One composer serves messages of all sizes, one after the other.
TEST(Message, ChangesItsSize) {
    Sample large(20000), small(1000);
    for (const Sample* sample : {&large, &small, &large}) {
        large.composer.compose(sample->form, 3, 1, 5);
        const auto message =
            std::string(large.composer.head()).append(sample->form.plain()).append(large.composer.tail());
        EXPECT_EQ(message.size(), sample->form.size());
        EXPECT_TRUE(read(message).checked);
        EXPECT_FALSE(read(message).damaged);
    }
}

TEST(Message, OfAFileKeepsItsContent) {
    const auto file = MailFile::parse("Subject: x\nX-Angarium-Bench: 1-2 3 4\n\n.dots\n\n..more\nend", "f");
    ASSERT_TRUE(file.has_value());
    const Domains domains(1, "example.test");
    const MessageForm form(RunFacts{run, 2, "a@sender.test", {}}, *file);
    Composer composer(domains);
    for (const std::uint64_t number : {7u, 8u}) {
        composer.compose(form, number, 1'700'000'000'123'456, 0);
        EXPECT_EQ(composer.tail(), "");
        const auto message = std::string(composer.head()).append(form.plain());
        EXPECT_EQ(message.size(), form.size());
        EXPECT_TRUE(message.ends_with("Subject: x\r\n\r\n.dots\r\n\r\n..more\r\nend\r\n")) << message;
        EXPECT_EQ(
            arrived(std::string(composer.head()).append(form.stuffed()).append(composer.tail_with_end())),
            message);
        const auto facts = read(message);
        EXPECT_TRUE(facts.generated && facts.checked && !facts.damaged);
        EXPECT_EQ(facts.run, run);
        EXPECT_EQ(facts.number, number);
        EXPECT_EQ(facts.recipients, 2u);
        auto changed = message;
        changed[changed.size() - 4] ^= 1;
        EXPECT_TRUE(read(changed).damaged);
    }
}

TEST(Message, GoesToAGivenAddress) {
    const Domains domains(1, "example.test");
    const MessageForm form(RunFacts{run, 1, "a@sender.test", "jill@hill.test"}, domains, 1000, Filler(10));
    Composer composer(domains);
    composer.compose(form, 1, 1, 0);
    EXPECT_NE(composer.head().find("\r\nTo: <jill@hill.test>\r\n"), std::string::npos);
}

TEST(Message, NumbersItsRecipients) {
    EXPECT_EQ(recipient_number("r12@d001.example.test"), 12u);
    EXPECT_EQ(recipient_number("r0@x"), 0u);
    for (const char* other : {"jill@hill.com", "r@x", "r5", "rx5@x", "", "r99999999999@x"})
        EXPECT_EQ(recipient_number(other), 0u) << other;
}

}  // namespace
}  // namespace angarium::bench

// Content by DATA and BDAT: faults, sizes, smuggling, waiting for room.
#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

using namespace std::string_literals;

std::string status(const std::string& reply) { return reply.substr(0, 9); }

// Sends content behind a 354 and returns the status; the session must be in step afterwards.
std::string data(Dialogue& d, std::string_view content) {
    d.ready_for_data();
    EXPECT_EQ(d.codes("DATA\r\n"), "354");
    const auto reply = d.say(content);
    EXPECT_EQ(d.codes("NOOP\r\n"), "250");
    return status(reply);
}

TEST(Data, FaultsAreAnsweredAtTheTrueEnd) {
    Dialogue d(Dialogue::Setup{.limits = {.message_size = 100'000, .hops = 3}});
    EXPECT_EQ(data(d, "a\nb\r\n.\r\n"), "550 5.5.2");
    EXPECT_EQ(data(d, "a\rb\r\n.\r\n"), "550 5.5.2");
    EXPECT_EQ(data(d, "a\0b\r\n.\r\n"s), "550 5.6.0");
    EXPECT_EQ(data(d, std::string(999, 'x') + "\r\n.\r\n"), "500 5.2.3");
    EXPECT_EQ(data(d, "Received: a\r\nReceived: a\r\nReceived: a\r\nReceived: a\r\n\r\n.\r\n"), "554 5.4.6");
    std::string large;
    while (large.size() <= 100'000) large += "line\r\n";
    EXPECT_EQ(data(d, large + ".\r\n"), "552 5.3.4");
    EXPECT_EQ(d.intake.messages.size(), 0u);
    EXPECT_EQ(d.intake.open_messages, 0u);
    EXPECT_EQ(d.count(metrics::Count::rejected_content), 4u);
    EXPECT_EQ(d.count(metrics::Count::rejected_loop), 1u);
    EXPECT_EQ(d.count(metrics::Count::rejected_size), 1u);
    EXPECT_EQ(d.rejections.size(), 6u);
    EXPECT_EQ(data(d, std::string(998, 'x') + "\r\n.\r\n"), "250 2.0.0");
}

TEST(Data, NothingIsSmuggled) {
    for (const auto& end : {"\n.\n"s, "\r\n.\n"s, "\n.\r\n"s, "\r.\r"s, "\r\n.\r"s, "\r.\r\n"s, "\n\n.\r\n"s,
                            "\r\n\0.\r\n"s, "\r\r\n.\r\r\n"s}) {
        Dialogue d;
        const auto reply =
            data(d, "Subject: outer\r\n\r\ntext" + end +
                        "MAIL FROM:<evil@source.test>\r\nRCPT TO:<victim@d>\r\nDATA\r\nboo\r\n.\r\n");
        EXPECT_EQ(reply.substr(0, 3), "550") << testing::PrintToString(end);
        EXPECT_TRUE(d.intake.messages.empty());
    }
}

TEST(Data, EndlessRefusedContentEndsTheSession) {
    Dialogue d(Dialogue::Setup{.limits = {.message_size = 1000}});
    d.ready_for_data();
    d.codes("DATA\r\n");
    const std::string block(1 << 20, 'x');
    std::string reply;
    for (int i = 0; i < 10 && reply.empty(); ++i) reply = d.say(block);
    EXPECT_EQ(status(reply), "552 5.3.4");
    EXPECT_TRUE(d.ended());
}

TEST(Data, WaitsForRoom) {
    Dialogue d;
    d.intake.room = 1000;
    d.ready_for_data();
    d.codes("DATA\r\n");
    std::string content;
    for (int i = 0; i < 1000; ++i) content += "a line\r\n" + (i % 10 == 0 ? ".dot\r\n"s : ""s);
    std::string stuffed;
    for (std::size_t i = 0; i < content.size(); ++i)
        stuffed += (content[i] == '.' ? ".." : std::string(1, content[i]));
    for (std::size_t i = 0; i < stuffed.size(); i += 777)
        d.wire->send(stuffed.substr(i, 777)), d.shard.settle();
    d.wire->send(".\r\n");
    d.shard.advance(10s);
    EXPECT_EQ(d.codes(""), "250");
    EXPECT_GT(d.intake.waits, 3u);
    ASSERT_EQ(d.intake.messages.size(), 1u);
    EXPECT_TRUE(d.intake.messages[0].body.ends_with(content));
}

TEST(Data, ARefusalOnTheWayIsAnsweredAtTheEnd) {
    Dialogue d;
    d.intake.room = 1000;
    d.intake.refuse_room = queue::Refusal::storage;
    d.ready_for_data();
    d.codes("DATA\r\n");
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(d.say(std::string(100, 'x') + "\r\n"), "");
        d.shard.advance(2ms);
    }
    EXPECT_EQ(status(d.say(".\r\n")), "452 4.3.1");
    d.ready_for_data();
    d.codes("DATA\r\n");
    d.intake.refuse_room = queue::Refusal::journal_failed;
    d.say(std::string(998, 'x') + "\r\n" + std::string(998, 'x') + "\r\n");
    d.shard.advance(2ms);
    EXPECT_EQ(d.say(".\r\n"), "");  // nobody knows what became of it
    EXPECT_TRUE(d.wire->aborted);
}

TEST(Bdat, ChunksMakeOneMessage) {
    Dialogue d;
    d.ready_for_data();
    EXPECT_EQ(d.codes("BDAT 9\r\nSubject: "), "250");
    EXPECT_EQ(d.codes("BDAT 10\r\nx\r\n\r\n.\r\n.\r"), "250");
    EXPECT_EQ(d.codes("MAIL FROM:<a@b>\r\n"), "503");
    EXPECT_EQ(d.codes("RCPT TO:<a@b>\r\n"), "503");
    EXPECT_EQ(d.codes("DATA\r\n"), "503");
    EXPECT_EQ(d.codes("BDAT 1\r\n\nBDAT 0 LAST\r\nNOOP\r\n"), "250 250 250");
    ASSERT_EQ(d.intake.messages.size(), 1u);
    EXPECT_TRUE(d.intake.messages[0].body.ends_with("Subject: x\r\n\r\n.\r\n.\r\n"));
}

TEST(Bdat, MalformedClosesTheSession) {
    for (const auto* argument : {"", " twelve", " -1", " 5 FIRST", " 99999999999999999999"}) {
        Dialogue d;
        d.ready_for_data();
        EXPECT_EQ(status(d.say("BDAT"s + argument + "\r\nNOOP\r\n")), "521 5.5.4") << argument;
        EXPECT_TRUE(d.wire->half_closed);
    }
}

TEST(Bdat, OutOfSequenceIsSwallowed) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    EXPECT_EQ(d.codes("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), "503 250");
    d.codes("MAIL FROM:<a@b>\r\n");
    EXPECT_EQ(d.codes("BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"), "503 503");
    d.ready_for_data();
    EXPECT_EQ(d.codes("BDAT 3\r\nabcRSET\r\nBDAT 3 LAST\r\nabc"), "250 250 503");
    EXPECT_TRUE(d.intake.messages.empty());
    EXPECT_EQ(d.intake.open_messages, 0u);
}

TEST(Bdat, OversizeIsSwallowed) {
    Dialogue d(Dialogue::Setup{.limits = {.message_size = 10}});
    d.ready_for_data();
    EXPECT_EQ(status(d.say("BDAT 11 LAST\r\n0123456789\n")), "552 5.3.4");
    d.ready_for_data();
    EXPECT_EQ(d.codes("BDAT 6\r\n012345"), "250");
    EXPECT_EQ(status(d.say("BDAT 5\r\n01234")), "552 5.3.4");
    d.ready_for_data();
    EXPECT_EQ(status(d.say("BDAT 18446744073709551615 LAST\r\n")), "552 5.3.4");  // nobody waits for that
    EXPECT_TRUE(d.ended());
}

TEST(Bdat, ContentIsCheckedAsThatOfData) {
    const std::pair<std::string, const char*> faults[] = {{"a\nb", "550 5.5.2"},
                                                          {"a\rb", "550 5.5.2"},
                                                          {"a\0b"s, "550 5.6.0"},
                                                          {std::string(998, 'x'), "250 2.0.0"},
                                                          {std::string(999, 'x'), "500 5.2.3"}};
    for (const auto& [content, expected] : faults) {
        Dialogue d;
        d.ready_for_data();
        EXPECT_EQ(status(d.say("BDAT " + std::to_string(content.size()) + " LAST\r\n" + content)), expected);
        EXPECT_EQ(d.codes("NOOP\r\n"), "250");
    }
    Dialogue d;
    d.ready_for_data();
    EXPECT_EQ(d.codes("BDAT 2\r\na\r"), "250");
    EXPECT_EQ(d.codes("BDAT 2 LAST\r\nb\r"), "550");
    EXPECT_EQ(d.codes("BDAT 2 LAST\r\nb\r"), "503");
    d.ready_for_data();
    EXPECT_EQ(d.codes("BDAT 2 LAST\r\na\r"), "550");  // a CR at the very end
}

TEST(Bdat, IsPipelinedThroughout) {
    Dialogue d;
    d.codes("EHLO c\r\n");
    const std::string one = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6 LAST\r\nhello\n";
    const std::string good = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 7 LAST\r\nhello\r\n";
    EXPECT_EQ(d.codes(good + one + good), "250 250 250 250 250 550 250 250 250");
    EXPECT_EQ(d.intake.messages.size(), 2u);
}

TEST(Bdat, ARefusedOpeningSwallowsTheChunk) {
    Dialogue d;
    d.ready_for_data();
    d.intake.refuse_open = queue::Refusal::memory;
    EXPECT_EQ(d.codes("BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), "452 503 250");
}

}  // namespace
}  // namespace angarium::inbound

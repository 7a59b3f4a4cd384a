// Whatever bytes come, in whatever pieces, with whatever the queue does meanwhile: every session stays within its rules and
// ends; every accepted message is what the client sent. Random, but the same at every run.
#include "tests/unit/inbound/dialogue.hpp"

namespace angarium::inbound {
namespace {

using namespace std::string_literals;

std::string random_fragment(Random& random) {
    static const std::string fragments[] = {"EHLO c\r\n",
                                            "HELO c\r\n",
                                            "MAIL FROM:<a@b>\r\n",
                                            "MAIL FROM:<>\r\n",
                                            "RCPT TO:<c@d>\r\n",
                                            "RCPT TO:<e@f> NOTIFY=NEVER\r\n",
                                            "DATA\r\n",
                                            "BDAT 5\r\nabc\r\n",
                                            "BDAT 3 LAST\r\na\r\n",
                                            "BDAT 0 LAST\r\n",
                                            "BDAT 10\r\n",
                                            "RSET\r\n",
                                            "NOOP\r\n",
                                            "VRFY x\r\n",
                                            "QUIT\r\n",
                                            "STARTTLS\r\n",
                                            "AUTH PLAIN x\r\n",
                                            ".\r\n",
                                            "..\r\n",
                                            "\r\n.\r\n",
                                            "\r\n",
                                            "\n",
                                            "\r",
                                            "\0"s,
                                            "\n.\n",
                                            "\r\n.\n",
                                            ".",
                                            "text\r\n",
                                            "Received: x\r\n",
                                            "\xff\xfe",
                                            "MAIL FROM:<a@b> SIZE=99999999\r\n",
                                            "BDAT 99999999 LAST\r\n",
                                            "BDAT x\r\n"};
    constexpr auto count = std::size(fragments);
    const auto pick = random.below(count + 2);
    if (pick < count) return fragments[pick];
    return std::string(random.below(3000), pick == count ? 'x' : '\r');
}

// Valid mail more often than not, so that the deep states are reached.
std::string random_flight(Random& random) {
    switch (random.below(6)) {
        case 0:
            return "EHLO c\r\n";
        case 1:
            return "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
        case 2:
            return "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6 LAST\r\nabcd\r\n";
        case 3:
            return "line\r\n..\r\n.\r\n";
        default:
            return random_fragment(random);
    }
}

void check_replies(std::string_view answer) {
    while (!answer.empty()) {
        const auto end = answer.find("\r\n");
        ASSERT_NE(end, std::string_view::npos);
        const auto line = answer.substr(0, end);
        ASSERT_GE(line.size(), 4u);
        ASSERT_TRUE(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-')) << line;
        ASSERT_EQ(line.find('\n'), std::string_view::npos);
        answer.remove_prefix(end + 2);
    }
}

void one_session(std::uint64_t seed, std::uint64_t& accepted) {
    Random random(seed);
    Limits limits;
    limits.message_size = 2000;
    limits.reply_backlog = 500;
    Dialogue d(Dialogue::Setup{.relay = random.below(8) != 0, .limits = limits});
    d.intake.room = 200;
    std::string answer;
    for (int step = 0; step < 60; ++step) {
        auto flight = random_flight(random);
        for (std::string_view rest = flight; !rest.empty();) {
            const auto piece = rest.substr(0, 1 + random.below(random.below(3) == 0 ? 3 : 5000));
            rest.remove_prefix(piece.size());
            answer += d.say(piece);
        }
        switch (random.below(40)) {
            case 0:
                d.intake.hold = true;
                break;
            case 1:
                d.intake.refuse_commit = queue::Refusal::storage;
                break;
            case 2:
                d.intake.refuse_commit.reset();
                break;
            case 3:
                d.intake.refuse_room = queue::Refusal::memory;
                break;
            case 4:
                d.intake.refuse_open = queue::Refusal::storage;
                break;
            case 5:
                d.wire->stalled = true;
                break;
            case 6:
                d.session().drain();
                break;
            case 7:
                d.shard.advance(400s);
                break;
            case 8:
                d.wire->close();
                break;
            case 9:
                d.wire->reset();
                break;
            case 10:
                d.session().abort();
                break;
            default:
                break;
        }
        if (random.below(3) == 0) d.shard.advance(5ms);
        if (random.below(6) == 0) d.intake.release(), d.wire->unstall();
        if (random.below(6) == 0) d.intake.refuse_open.reset(), d.intake.refuse_room.reset();
        d.shard.settle();
        answer += d.take();
    }
    d.intake.release();
    d.wire->unstall();
    d.shard.advance(10s);
    answer += d.take();
    check_replies(answer);
    std::size_t queued = 0;
    for (std::size_t at = answer.find("queued as "); at != std::string::npos;
         at = answer.find("queued as ", at + 1))
        ++queued;
    EXPECT_LE(queued, d.intake.messages.size()) << "a 250 without a message";
    EXPECT_EQ(d.count(metrics::Count::messages_received), d.intake.messages.size());
    EXPECT_LE(d.intake.most_committing, 1u);
    for (const auto& message : d.intake.messages) {
        const auto content = message.body.substr(message.body.find("+0000\r\n") + 7);
        EXPECT_LE(content.size(), 2000u);
        EXPECT_FALSE(message.envelope.recipients.empty());
        for (std::size_t i = 0; i < content.size(); ++i) {
            EXPECT_NE(content[i], '\0');
            if (content[i] == '\n') {
                EXPECT_TRUE(i > 0 && content[i - 1] == '\r') << seed;
            }
            if (content[i] == '\r') {
                EXPECT_TRUE(i + 1 < content.size() && content[i + 1] == '\n') << seed;
            }
        }
    }
    accepted += d.intake.messages.size();
}

TEST(HostileClient, NeverBreaksTheRules) {
    std::uint64_t accepted = 0;
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) one_session(seed, accepted);
    EXPECT_GT(accepted, 1000u);  // the deep states were reached
}

}  // namespace
}  // namespace angarium::inbound

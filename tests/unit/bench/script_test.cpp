#include "bench/script.hpp"

#include <gtest/gtest.h>

#include "bench/address_range.hpp"

namespace angarium::bench {
namespace {

const IpAddress here = *IpAddress::parse("127.0.1.2");

Rule rule(std::string_view text) {
    auto parsed = Rule::parse(text);
    EXPECT_TRUE(parsed.has_value()) << parsed.error().text;
    return parsed.value_or(Rule{});
}

std::string error(std::string_view text) {
    const auto parsed = Rule::parse(text);
    return parsed ? "no error" : parsed.error().text;
}

TEST(Script, ReadsRules) {
    const auto deferring = rule("rcpt: 451 4.2.0 try later @0.1");
    EXPECT_EQ(deferring.stage, Stage::rcpt);
    EXPECT_EQ(deferring.outcome, Outcome::reply);
    EXPECT_EQ(deferring.reply, "451 4.2.0 try later\r\n");
    EXPECT_EQ(deferring.probability, 0.1);
    EXPECT_TRUE(deferring.everywhere());
    EXPECT_FALSE(deferring.slow());

    const auto slow =
        rule("end-of-data d000-d049, 10%, other.test: delay 10ms-1.5s tarpit 250us 550 no @ home");
    EXPECT_EQ(slow.stage, Stage::end_of_data);
    ASSERT_EQ(slow.numbers.size(), 1u);
    EXPECT_EQ(slow.numbers[0].last, 49u);
    EXPECT_EQ(slow.share, 0.1);
    EXPECT_EQ(slow.domains, std::vector<std::string>{"other.test"});
    EXPECT_EQ(slow.delay, 10ms);
    EXPECT_EQ(slow.longest_delay, 1500ms);
    EXPECT_EQ(slow.tarpit, 250us);
    EXPECT_EQ(slow.reply, "550 no @ home\r\n");
    EXPECT_EQ(slow.probability, 1);

    EXPECT_EQ(rule("connect 127.0.1.1-127.0.1.3: stall").addresses.size(), 3u);
    EXPECT_EQ(rule("connect ::1: disconnect @0.5").addresses.at(0).text(), "::1");
    EXPECT_EQ(rule("mail: 421").reply, "421 4.0.0 Says the script\r\n");
    EXPECT_EQ(rule("dns 5%: nxdomain").outcome, Outcome::nxdomain);
    EXPECT_EQ(rule("dns: delay 1ms truncate").outcome, Outcome::truncate);
    EXPECT_EQ(rule("ehlo: delay 2s").outcome, Outcome::normal);
}

TEST(Script, SaysWhatIsWrong) {
    const auto expect = [](std::string_view text, std::string_view words) {
        EXPECT_NE(error(text).find(words), std::string::npos) << text << ": " << error(text);
        EXPECT_NE(error(text).find(text), std::string::npos) << error(text);
    };
    expect("rcpt 451", "as in 'rcpt: 451 4.2.0 try later @0.1'");
    expect("rctp: 451", "'rctp' is no stage; there are connect, ehlo, mail, rcpt");
    expect("rcpt: 250 ok", "250 is no reply that defers (4xx) or rejects (5xx)");
    expect("rcpt: fail", "'fail' is no reply");
    expect("rcpt: ", "does nothing");
    expect("rcpt: @0.5", "does nothing");
    expect("rcpt: 451 @2", "'@2' is no probability");
    expect("rcpt: 451 @often", "'@often' is no probability");
    expect("rcpt: delay 5", "'5' is no delay, as in 50ms or 10ms-1s");
    expect("rcpt: delay 5s-1s", "'5s-1s' is no delay");
    expect("rcpt: tarpit slow", "'slow' is no time");
    expect("rcpt somewhere: 451", "'somewhere' is neither a domain");
    expect("rcpt 0%: 451", "no share");
    expect("rcpt d009-d001: 451", "backwards");
    expect("connect d001: stall", "choose by the address");
    expect("mail 10%: 451", "choose by the address");
    expect("dns: 451", "dns can servfail");
    expect("dns: tarpit 1s", "tarpit is for SMTP");
    expect("rcpt: servfail", "is no reply");
    expect("rcpt: 451 a\r\n250 b", "control characters");
}

TEST(Script, TheFirstRuleThatAppliesDecides) {
    const Script script(
        {rule("rcpt d003: 550 one"), rule("rcpt 10%: 451 two"), rule("rcpt OTHER.test: 551 three"),
         rule("rcpt 127.0.1.9: 552 four"), rule("end-of-data: stall")},
        Domains(100, "example.test"));
    Random random(1);
    const auto decides = [&](std::string_view domain, const IpAddress& local = here) -> std::string {
        const Rule* const found = script.draw(Stage::rcpt, domain, local, random);
        return found == nullptr ? "" : found->reply;
    };
    EXPECT_EQ(decides("d003.example.test"), "550 one\r\n");
    EXPECT_EQ(decides("D009.Example.test"), "451 two\r\n");
    EXPECT_EQ(decides("d010.example.test"), "");
    EXPECT_EQ(decides("other.TEST"), "551 three\r\n");
    EXPECT_EQ(decides("d050.example.test", *IpAddress::parse("127.0.1.9")), "552 four\r\n");
    EXPECT_EQ(script.draw(Stage::mail, "", here, random), nullptr);
    EXPECT_FALSE(script.empty());
    EXPECT_TRUE(Script({}, Domains(1, "x")).empty());
}

TEST(Script, DrawsDelaysBetweenTheirBounds) {
    const auto range = rule("rcpt: delay 10ms-20ms");
    Random random(3);
    Duration least = 1s, most{};
    for (int i = 0; i < 1000; ++i) {
        const auto delay = Script::delay(range, random);
        least = std::min(least, delay);
        most = std::max(most, delay);
    }
    EXPECT_GE(least, 10ms);
    EXPECT_LT(least, 11ms);
    EXPECT_LE(most, 20ms);
    EXPECT_GT(most, 19ms);
    EXPECT_EQ(Script::delay(rule("rcpt: delay 7ms"), random), 7ms);
}

TEST(AddressRange, ReadsOneOrMany) {
    const auto many = parse_endpoints("127.0.1.254-127.0.2.1:25");
    ASSERT_TRUE(many.has_value());
    ASSERT_EQ(many->size(), 4u);
    EXPECT_EQ(many->front().text(), "127.0.1.254:25");
    EXPECT_EQ(many->back().text(), "127.0.2.1:25");
    EXPECT_EQ(parse_endpoints("[::1]:25")->at(0).text(), "[::1]:25");
    EXPECT_EQ(parse_addresses("127.0.0.1")->size(), 1u);
    for (const char* bad : {"127.0.0.1", "127.0.0.2-127.0.0.1:25", "127.0.0.1-127.0.0.2", "127.0.0.1-9:25",
                            "::1-::2:25", "127.0.0.1-128.0.0.1:25", "-:25", ""})
        EXPECT_FALSE(parse_endpoints(bad).has_value()) << bad;
}

}  // namespace
}  // namespace angarium::bench

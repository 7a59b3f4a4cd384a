// The delivery log: every line is JSON, no line is lost over failures and restarts, a repeated one has the same number.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/runtime/ring_shard.hpp"
#include "queue/delivery_log.hpp"
#include "queue/event_line.hpp"
#include "tests/unit/queue/memory_files.hpp"
#include "tests/unit/queue/place.hpp"
#include "tests/unit/queue/samples.hpp"

namespace angarium::queue {
namespace {

using namespace samples;
using nlohmann::json;

struct StillClock final : Clock {
    MonoTime now{1h};
    MonoTime mono() override { return now; }
    WallTime wall() override { return at_ms(1'700'000'000'000); }
};

class QuietShard final : public runtime::Shard {
  public:
    explicit QuietShard(Clock& clock) : Shard(ShardId{0}, 1, clock, Random(1)) { enter(); }
    ~QuietShard() override { leave(); }
    void send(ShardId, std::unique_ptr<runtime::Letter>) override {}
    bool congested(ShardId) const override { return false; }
    void settle() {
        while (turn(1)) {
        }
    }
};

std::vector<json> lines_of(const std::string& bytes) {
    std::vector<json> lines;
    for (std::size_t begin = 0; begin < bytes.size();) {
        const auto end = bytes.find('\n', begin);
        if (end == std::string::npos) break;
        auto line = json::parse(bytes.substr(begin, end - begin), nullptr, false);
        EXPECT_FALSE(line.is_discarded()) << bytes.substr(begin, end - begin);
        lines.push_back(std::move(line));
        begin = end + 1;
    }
    return lines;
}

AcceptRecord accepted(std::uint64_t number) {
    AcceptRecord record;
    record.id = id(number);
    record.envelope.sender = smtp::ReversePath(mailbox("jack@town.com"));
    record.envelope.recipients = {recipient("jill@hill.com"), recipient("bob@hill.com")};
    record.trace = {"192.0.2.1:4321", "client.example", "ESMTP"};
    record.size = 4321;
    return record;
}

OutcomeRecord ended(std::uint64_t number) {
    auto record = outcome(facts(id(number), {"jill@hill.com", "bob@hill.com"}), {}, Verdict::delivered);
    record.outcome.reasons[0] = {250, {2, 0, 0}, "ok"};
    record.outcome.site = "hill.com";
    record.outcome.host = "mx.hill.com";
    record.outcome.peer = "192.0.2.25:25";
    record.outcome.connect_us = 1500;
    record.outcome.attempt_us = 2'250'000;
    return record;
}

class DeliveryLogTest : public ::testing::Test {
  protected:
    static constexpr const char* path = "logs/deliveries-00.jsonl";

    void TearDown() override {
        if (log_) close();
    }
    void open(Lsn synced = 0) {
        auto opened = DeliveryLog::open(files_, "logs", ShardId{0}, synced);
        ASSERT_TRUE(opened) << opened.error().text;
        log_ = std::move(*opened);
    }
    void close() {
        auto closing = log_->close();
        shard_.settle();
        ASSERT_TRUE(closing.done());
        log_.reset();
    }
    IoResult<void> sync() {
        auto syncing = log_->sync();
        shard_.settle();
        EXPECT_TRUE(syncing.done());
        return syncing.operator co_await().await_resume();
    }
    std::vector<json> lines() { return lines_of(files_.content[path].bytes); }
    std::size_t line_count() {
        return static_cast<std::size_t>(std::ranges::count(files_.content[path].bytes, '\n'));
    }

    MemoryFiles files_;
    StillClock clock_;
    QuietShard shard_{clock_};
    std::unique_ptr<DeliveryLog> log_;
};

TEST_F(DeliveryLogTest, ASecureReceptionSaysHow) {
    open();
    auto record = accepted(1);
    record.trace.tls = "TLSv1.3";
    record.trace.cipher = "TLS_AES_128_GCM_SHA256";
    record.trace.identity = "shop";
    log_->reception(record, 100);
    log_->rejection({"192.0.2.1:4321", "", "", "", 0, "TLS handshake: no shared cipher"}, at_ms(0));
    ASSERT_TRUE(sync());
    const auto got = lines();
    EXPECT_EQ(got[0]["tls"], "TLSv1.3");
    EXPECT_EQ(got[0]["cipher"], "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(got[0]["identity"], "shop");
    EXPECT_FALSE(got[1]["response"].contains("code"));
    EXPECT_EQ(got[1]["response"]["text"], "TLS handshake: no shared cipher");
}

TEST_F(DeliveryLogTest, LinesTellTheWholeStory) {
    open();
    log_->reception(accepted(1), 100);
    auto mixed = ended(1);
    mixed.next_due = at_ms(1'700'000'300'000);
    mixed.outcome.reasons.push_back({0, {4, 4, 1}, "connection refused"});
    mixed.outcome.results[1] = {1, Verdict::deferred, 1};
    mixed.outcome.tls = runtime::TlsSummary{0x0304, 0x1301, 10};
    log_->outcome(mixed, 200);
    auto failing = outcome(facts(id(1), {"bob@hill.com"}), Place{at_ms(1'700'000'300'000)}, Verdict::failed);
    failing.expired = true;
    failing.outcome.tls.emplace();
    log_->outcome(failing, 300);
    AcceptRecord bounce;
    bounce.id = id(2);
    bounce.envelope.recipients = {recipient("jack@town.com")};
    bounce.bounce = true;
    bounce.about = id(1);
    bounce.size = 999;
    log_->bounce(bounce, 400);
    log_->rejection({"192.0.2.9:1", "spam.example", "a@b.c", "x@y.z", 550, "5.7.1 no relaying"},
                    at_ms(1'700'000'000'123));
    shard_.settle();

    const auto got = lines();
    ASSERT_EQ(got.size(), 6u);
    EXPECT_EQ(got[0]["event"], "0-100-0");
    EXPECT_EQ(got[0]["type"], "reception");
    EXPECT_EQ(got[0]["time"], "2023-11-14T22:13:20.001Z");
    EXPECT_EQ(got[0]["id"], id(1).text());
    EXPECT_EQ(got[0]["sender"], "jack@town.com");
    EXPECT_EQ(got[0]["recipients"], json::array({"jill@hill.com", "bob@hill.com"}));
    EXPECT_EQ(got[0]["recipient_count"], 2);
    EXPECT_EQ(got[0]["stream"], "default");
    EXPECT_EQ(got[0]["peer"]["address"], "192.0.2.1:4321");
    EXPECT_EQ(got[0]["peer"]["name"], "client.example");
    EXPECT_EQ(got[0]["protocol"], "ESMTP");
    EXPECT_FALSE(got[0].contains("tls") || got[0].contains("cipher") || got[0].contains("identity"));
    EXPECT_EQ(got[0]["size"], 4321);

    EXPECT_EQ(got[1]["event"], "0-200-0");
    EXPECT_EQ(got[1]["type"], "delivery");
    EXPECT_EQ(got[1]["recipient"], "jill@hill.com");
    EXPECT_EQ(got[1]["destination"], "hill.com");
    EXPECT_EQ(got[1]["site"], "hill.com");
    EXPECT_EQ(got[1]["peer"]["name"], "mx.hill.com");
    EXPECT_EQ(got[1]["peer"]["address"], "192.0.2.25:25");
    EXPECT_EQ(got[1]["response"], json({{"code", 250}, {"status", "2.0.0"}, {"text", "ok"}}));
    EXPECT_EQ(got[1]["attempt"], 1);
    EXPECT_EQ(got[1]["queued_seconds"], 2.0);
    EXPECT_EQ(got[1]["connect_seconds"], 0.0015);
    EXPECT_EQ(got[1]["attempt_seconds"], 2.25);
    EXPECT_FALSE(got[1].contains("next_attempt"));
    EXPECT_EQ(got[1]["tls"], "TLSv1.3");
    EXPECT_EQ(got[1]["cipher"], "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(got[1]["verification"], "certificate has expired");

    EXPECT_EQ(got[2]["event"], "0-200-1");
    EXPECT_EQ(got[2]["type"], "transient_failure");
    EXPECT_EQ(got[2]["recipient"], "bob@hill.com");
    EXPECT_FALSE(got[2]["response"].contains("code"));
    EXPECT_EQ(got[2]["response"]["status"], "4.4.1");
    EXPECT_EQ(got[2]["next_attempt"], "2023-11-14T22:18:20.000Z");

    EXPECT_EQ(got[3]["type"], "expiration");
    EXPECT_EQ(got[3]["tls"], "none");
    EXPECT_FALSE(got[3].contains("cipher") || got[3].contains("verification"));
    EXPECT_EQ(got[4]["type"], "bounce");
    EXPECT_EQ(got[4]["sender"], "");
    EXPECT_EQ(got[4]["about"], id(1).text());
    EXPECT_EQ(got[4]["recipient"], "jack@town.com");
    EXPECT_EQ(got[5]["after"], "0-400-0");
    EXPECT_EQ(got[5]["type"], "rejection");
    EXPECT_EQ(got[5]["time"], "2023-11-14T22:13:20.123Z");
    EXPECT_EQ(got[5]["response"]["code"], 550);
    EXPECT_EQ(log_->last(), (EventNumber{400, 0}));
    EXPECT_EQ(log_->counts().lines, 6u);
    EXPECT_EQ(log_->counts().waiting, 0u);
}

TEST_F(DeliveryLogTest, TheLinesOfATurnShareAWrite) {
    metrics::Sheet sheet;
    open();
    log_->report_to(sheet);
    for (Lsn lsn = 1; lsn <= 500; ++lsn) log_->reception(accepted(lsn), lsn);
    EXPECT_EQ(files_.writes, 0);
    EXPECT_EQ(sheet.value(metrics::Level::log_lag), 500);
    EXPECT_EQ(log_->counts().waiting, 500u);
    shard_.settle();
    EXPECT_EQ(files_.writes, 1);
    EXPECT_EQ(lines().size(), 500u);
    EXPECT_EQ(files_.syncs, 0);
    EXPECT_EQ(sheet.value(metrics::Level::log_lag), 0);
    EXPECT_EQ(sheet.value(metrics::Count::log_lines), 500u);
    close();  // before the sheet goes
}

TEST_F(DeliveryLogTest, SyncCoversWhatWasLoggedBefore) {
    open();
    log_->reception(accepted(1), 1);
    auto first = log_->sync();        // the write begins at once
    log_->reception(accepted(2), 2);  // gathers meanwhile
    auto second = log_->sync();
    shard_.settle();
    ASSERT_TRUE(first.done() && second.done());
    EXPECT_EQ(lines_of(files_.content[path].synced).size(), 2u);
    EXPECT_EQ(files_.writes, 2);
    EXPECT_TRUE(sync());  // nothing new: still true
}

TEST_F(DeliveryLogTest, FindsItsPlaceAndSkipsWhatItHas) {
    open();
    log_->reception(accepted(1), 100);
    log_->outcome(ended(1), 200);
    close();
    open();
    EXPECT_EQ(log_->last(), (EventNumber{200, 1}));
    log_->reception(accepted(1), 100);  // replayed
    log_->outcome(ended(1), 200);
    log_->outcome(ended(2), 300);  // new
    close();
    const auto got = lines();
    ASSERT_EQ(got.size(), 5u);
    EXPECT_EQ(got[3]["event"], "0-300-0");
}

TEST_F(DeliveryLogTest, HalfARecordIsCompletedLineByLine) {
    open();
    log_->outcome(ended(1), 200);
    close();
    auto& bytes = files_.content[path].bytes;
    bytes.resize(bytes.rfind('\n', bytes.size() - 2) + 1 + 20);  // the second line is torn
    open();
    EXPECT_EQ(log_->last(), (EventNumber{200, 0}));
    log_->outcome(ended(1), 200);
    close();
    const auto got = lines();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0]["event"], "0-200-0");
    EXPECT_EQ(got[1]["event"], "0-200-1");
}

// A power cut keeps later pages of what was not synced and loses an earlier one.
TEST_F(DeliveryLogTest, ALostPageIsWrittenAgainWithAllBehindIt) {
    for (const Lsn synced : {Lsn{0}, Lsn{5000}, Lsn{10'000}}) {
        files_.content.clear();
        open();
        for (Lsn lsn = 1; lsn <= 20'000; ++lsn) log_->reception(accepted(lsn), lsn);
        close();
        auto& bytes = files_.content[path].bytes;
        ASSERT_GT(bytes.size(), 4u << 20);
        const auto hole = bytes.size() / 4 * 3 / 4096 * 4096;
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(hole), 4096, '\0');
        open(synced);
        const auto last = log_->last().lsn;
        EXPECT_GT(last, 14'000u);
        EXPECT_LT(last, 16'000u);
        EXPECT_EQ(bytes.find('\0'), std::string::npos);
        for (Lsn lsn = synced + 1; lsn <= 20'000; ++lsn) log_->reception(accepted(lsn), lsn);
        close();
        ASSERT_EQ(line_count(), 20'000u);
        std::istringstream text(files_.content[path].bytes);
        std::string line;
        for (std::size_t number = 1; std::getline(text, line); ++number)
            ASSERT_TRUE(line.starts_with(fmt::format("{{\"event\":\"0-{}-0\",", number)) &&
                        line.ends_with('}'))
                << line;
    }
}

TEST_F(DeliveryLogTest, ATornLineIsCutOff) {
    open();
    log_->reception(accepted(1), 100);
    close();
    files_.content[path].bytes +=
        "{\"event\":\"0-101-0\",\"junk\":\"" + std::string(5000, 'j') + std::string(3, '\0');
    open();
    EXPECT_EQ(log_->last(), (EventNumber{100, 0}));
    log_->reception(accepted(2), 101);
    close();
    auto got = lines();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(files_.content[path].bytes.back(), '\n');
    EXPECT_EQ(got[1]["event"], "0-101-0");
    open();
    EXPECT_EQ(log_->last(), (EventNumber{101, 0}));
}

TEST_F(DeliveryLogTest, RejectionsKeepThePlace) {
    open();
    log_->reception(accepted(1), 777);
    for (int i = 0; i < 20'000; ++i)
        log_->rejection({"192.0.2.9:1", "spam.example", "a@b.c", "x@y.z", 550, "5.7.1 no"}, at_ms(0));
    close();
    open();
    EXPECT_EQ(log_->last(), (EventNumber{777, 0}));
}

TEST_F(DeliveryLogTest, AForeignFileIsRefused) {
    files_.content[path].bytes.assign(3 << 20, 'x');
    const auto opened = DeliveryLog::open(files_, "logs", ShardId{0}, 0);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text.find("move it away"), std::string::npos);
}

TEST_F(DeliveryLogTest, LinesThatFollowSoonShareALaterWrite) {
    open();
    for (int i = 1; i <= 3; ++i) {
        log_->reception(accepted(i), i);
        shard_.settle();
    }
    EXPECT_EQ(files_.writes, 1);  // the first at once
    EXPECT_EQ(log_->counts().waiting, 2u);
    clock_.now += 1s;
    shard_.settle();
    EXPECT_EQ(files_.writes, 2);
    EXPECT_EQ(log_->counts().waiting, 0u);
    EXPECT_EQ(lines().size(), 3u);
}

TEST_F(DeliveryLogTest, FailedWritesAreRepeatedAtTheirPlace) {
    open();
    log_->reception(accepted(1), 1);
    shard_.settle();
    files_.fail_writes = 2;
    clock_.now += 1s;
    log_->reception(accepted(2), 2);
    shard_.settle();
    EXPECT_EQ(log_->counts().failures, 1u);
    EXPECT_EQ(log_->counts().waiting, 1u);
    log_->reception(accepted(3), 3);  // does not try again by itself
    shard_.settle();
    EXPECT_EQ(sync().error(), IoError::no_space);
    EXPECT_EQ(files_.syncs, 0);
    EXPECT_TRUE(sync());
    const auto got = lines_of(files_.content[path].synced);
    ASSERT_EQ(got.size(), 3u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(got[i]["event"], "0-" + std::to_string(i + 1) + "-0");
    EXPECT_EQ(log_->counts().waiting, 0u);
}

TEST_F(DeliveryLogTest, ManyWaitingLinesAreSaidAndTriedAgain) {
    open();
    files_.fail_writes = 1'000'000;
    Lsn lsn = 0;
    while (!log_->behind()) {
        log_->reception(accepted(1), ++lsn);
        shard_.settle();
        ASSERT_LT(lsn, 100'000u);
    }
    EXPECT_GT(files_.writes, 20);  // it tries now and then
    EXPECT_LT(files_.writes, 400);
    files_.fail_writes = 0;
    EXPECT_TRUE(sync());
    EXPECT_FALSE(log_->behind());
    EXPECT_EQ(line_count(), lsn);
}

TEST_F(DeliveryLogTest, AFailedWriteIsTriedAgainByItself) {
    open();
    unsigned tries = 0;
    log_->on_written = [&tries] { ++tries; };
    files_.fail_writes = 1;
    log_->reception(accepted(1), 1);
    shard_.settle();
    EXPECT_EQ(tries, 1u);
    EXPECT_TRUE(log_->failing());
    EXPECT_EQ(log_->counts().waiting, 1u);
    clock_.now += 999ms;
    shard_.settle();
    EXPECT_EQ(tries, 1u);
    clock_.now += 2ms;
    shard_.settle();
    EXPECT_EQ(tries, 2u);
    EXPECT_FALSE(log_->failing());
    EXPECT_EQ(log_->counts().waiting, 0u);
    EXPECT_EQ(lines().size(), 1u);
}

TEST_F(DeliveryLogTest, RejectionsDoNotFillTheMemory) {
    open();
    files_.fail_writes = 1'000'000;
    const Rejection rejection{"192.0.2.1:1", "client.test", "a@b.test", "c@d.test", 550, "5.7.1 no"};
    for (int i = 0; i < 100'000 && !log_->behind(); ++i) log_->rejection(rejection, WallTime{});
    ASSERT_TRUE(log_->behind());
    const auto waiting = log_->counts().waiting, failures = log_->counts().failures;
    log_->rejection(rejection, WallTime{});
    EXPECT_EQ(log_->counts().waiting, waiting);
    EXPECT_EQ(log_->counts().failures, failures + 1);
    log_->reception(accepted(1), 1);  // an event is never left out
    EXPECT_EQ(log_->counts().waiting, waiting + 1);
    files_.fail_writes = 0;
    EXPECT_TRUE(sync());
    EXPECT_EQ(line_count(), waiting + 1);
}

TEST_F(DeliveryLogTest, AFailedSyncIsFinal) {
    open();
    log_->reception(accepted(1), 1);
    files_.fail_syncs = 1;
    EXPECT_FALSE(sync());
    EXPECT_FALSE(sync());
    EXPECT_EQ(files_.syncs, 1);
}

TEST_F(DeliveryLogTest, MayGoBeforeItsTurnCame) {
    open();
    log_->reception(accepted(1), 1);
    log_.reset();  // an error at start-up: the line comes again from the journal
    shard_.settle();
    EXPECT_EQ(files_.writes, 0);
}

TEST_F(DeliveryLogTest, HostileTextsStayJson) {
    open();
    Random random(5);
    for (Lsn lsn = 1; lsn <= 2000; ++lsn) {
        auto record = ended(1);
        std::string text(random.below(700), ' ');
        for (auto& c : text) c = static_cast<char>(random.next());
        record.outcome.reasons[0].text = text;
        record.outcome.host = text.substr(0, 50);
        log_->outcome(record, lsn);
        log_->rejection({text, text, text, text, 550, text}, at_ms(1));
        shard_.settle();
    }
    clock_.now += 1s;
    shard_.settle();
    EXPECT_EQ(lines().size(), 6000u);
}

TEST(JsonText, EscapesAndCuts) {
    const auto text = [](std::string_view from, std::size_t most = 100) {
        std::string out(json_growth * from.size(), 'X');
        char* const end = put_json_text(out.data(), from, most);
        return out.substr(0, static_cast<std::size_t>(end - out.data()));
    };
    EXPECT_EQ(text("plain"), "plain");
    EXPECT_EQ(text("a\"b\\c\r\n\t\x7f"), "a\\\"b\\\\c\\u000d\\u000a\\u0009\\u007f");
    EXPECT_EQ(text("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(text("\xc2\x9b!"), "\\u009b!");
    EXPECT_EQ(text("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(text("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
    EXPECT_EQ(text("abc\xf0\x9f\x93\xa7", 6), "abc");                         // not cut inside a character
    EXPECT_EQ(text("abc\xf0\x9f\x93\xa7", 7), "abc\xf0\x9f\x93\xa7");
    EXPECT_EQ(text("abcdef", 3), "abc");
    for (unsigned c = 0; c < 0x80; ++c)  // at every place, whatever stands around it
        for (std::size_t at = 0; at < 20; ++at) {
            std::string from(20, '~');
            from[at] = static_cast<char>(c);
            const auto read = json::parse('"' + text(from) + '"', nullptr, false);
            ASSERT_TRUE(read.is_string()) << c;
            EXPECT_EQ(read.get<std::string>(), from) << c;
        }
    EXPECT_EQ(text("01234567 !]^\x7f"
                   "01234567"),
              "01234567 !]^\\u007f"
              "01234567");
}

TEST(TimeTextTest, Formats) {
    TimeText times;
    std::string out(3 * TimeText::size, 'X');
    times.put(times.put(times.put(out.data(), at_ms(0)), at_ms(1'709'210'096'007)), at_ms(1'709'210'096'999));
    EXPECT_EQ(out, "1970-01-01T00:00:00.000Z2024-02-29T12:34:56.007Z2024-02-29T12:34:56.999Z");
}

runtime::Task<void> log_on_ring(runtime::FileSystem& files, std::string directory) {
    auto opened = DeliveryLog::open(files, directory, ShardId{0}, 0);
    EXPECT_TRUE(opened);
    if (!opened) co_return;
    auto log = std::move(*opened);
    const auto from = log->last().lsn;
    for (Lsn lsn = from + 1; lsn <= from + 3000; ++lsn) {
        log->outcome(ended(1), lsn);
        if (lsn % 1000 == 0) {
            const auto synced = co_await log->sync();
            EXPECT_TRUE(synced);
        }
    }
    co_await log->close();
}

TEST(DeliveryLogOnDisk, WritesThroughTheRing) {
    TestPlace place;
    for (int run = 1; run <= 2; ++run) {
        runtime::SystemClock clock;
        auto set = runtime::ShardSet::create(1, clock, {}, false);
        ASSERT_TRUE(set) << set.error().text;
        (*set)->run([&](runtime::RingShard&) { return log_on_ring((*set)->files(), place.path("logs")); });
        std::string bytes(place.bytes(), '\0');
        const auto read = (*set)->files().read_blocking(place.path("logs/deliveries-00.jsonl"), 0,
                                                        std::as_writable_bytes(std::span(bytes)));
        ASSERT_TRUE(read);
        const auto got = lines_of(bytes);
        ASSERT_EQ(got.size(), run * 6000u);
        for (std::size_t i = 0; i < got.size(); ++i)
            ASSERT_EQ(got[i]["event"], "0-" + std::to_string(i / 2 + 1) + "-" + std::to_string(i % 2));
    }
}

}  // namespace
}  // namespace angarium::queue

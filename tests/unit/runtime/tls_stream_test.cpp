// Bytes through TLS: both ways at once, in pieces, to every kind of end.
#include "engine/runtime/tls_stream.hpp"

#include "tests/unit/runtime/tls_fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

Task<void> send_then_close(Stream& stream, const std::string& bytes, std::size_t step) {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const auto written = co_await stream.write(std::string_view(bytes).substr(at, step), after(30s));
        EXPECT_TRUE(written.has_value());
    }
    stream.half_close();
}

// --- transfers, over loopback ---

// Both ends write everything before either has read it all: only full duplex ends.
Task<void> duplex(RingShard& shard, TlsVersion newest, std::size_t step) {
    Sides sides;
    sides.client = client_context(newest);
    auto pair = co_await tls_pair(shard, sides);
    const auto up = pattern(8 << 20, 1), down = pattern(8 << 20, 2);
    auto sending_up = send_then_close(*pair.client, up, step);
    auto sending_down = send_then_close(*pair.server, down, step);
    auto reading_up = read_all(*pair.server);
    const auto got_down = co_await read_all(*pair.client);
    const auto got_up = co_await reading_up;
    co_await sending_up;
    co_await sending_down;
    EXPECT_TRUE(got_up == up);
    EXPECT_TRUE(got_down == down);
    EXPECT_FALSE(pair.client->truncated());
    EXPECT_FALSE(pair.server->truncated());
}
TEST(TlsStream, FullDuplexVersion13) {
    on_shard([](RingShard& s) { return duplex(s, TlsVersion::v1_3, 8 << 20); });
}
TEST(TlsStream, FullDuplexVersion12) {
    on_shard([](RingShard& s) { return duplex(s, TlsVersion::v1_2, 8 << 20); });
}
TEST(TlsStream, FullDuplexInSmallWrites) {
    on_shard([](RingShard& s) { return duplex(s, TlsVersion::v1_3, 40'009); });
}
TEST(TlsStream, FullDuplexWithTwoTinyBuffers) {
    RingOptions options;
    options.receive_buffers = 2;
    options.receive_buffer_size = 512;
    on_shard([](RingShard& s) { return duplex(s, TlsVersion::v1_3, 1 << 20); }, options);
}

Task<void> gathered(RingShard& shard) {
    Sides sides;
    auto pair = co_await tls_pair(shard, sides);
    const auto sent = pattern(300'000);
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0, step = 0; at < sent.size(); at += step, step = (step * 7 + 1) % 40'000)
        pieces.push_back(std::string_view(sent).substr(at, step));
    auto reading = read_all(*pair.server);
    const auto written = co_await pair.client->write(pieces, after(30s));
    EXPECT_TRUE(written.has_value());
    const auto nothing = co_await pair.client->write(std::string_view(), after(1s));
    EXPECT_TRUE(nothing.has_value());
    pair.client->half_close();
    const auto received = co_await reading;
    EXPECT_TRUE(received == sent);
    const auto late = co_await pair.client->write("x", after(1s));
    EXPECT_EQ(error_of(late), IoError::canceled);
    // The other direction still works, until that end lets go.
    const auto answered = co_await pair.server->write("answer", after(1s));
    EXPECT_TRUE(answered.has_value());
    pair.server.reset();
    const auto answer = co_await read_all(*pair.client);
    EXPECT_EQ(answer, "answer");
    const auto again = co_await pair.client->read(after(1s));
    EXPECT_EQ(error_of(again), IoError::end_of_stream);
    EXPECT_FALSE(pair.client->truncated());
}
TEST(TlsStream, GatheredWriteAndHalfClose) { on_shard(gathered); }

Task<void> write_until_stuck(Stream& stream, std::size_t& sent, bool& stop) {
    const std::string piece(100'000, 'x');
    while (!stop) {
        const auto written = co_await stream.write(piece, after(30s));
        if (!written) co_return;
        sent += piece.size();
    }
    stream.half_close();
}
Task<void> slow_reader(RingShard& shard) {
    Sides sides;
    auto pair = co_await tls_pair(shard, sides);
    std::size_t sent = 0, received = 0;
    bool stop = false;
    auto writing = write_until_stuck(*pair.client, sent, stop);
    const auto first = co_await pair.server->read(after(5s));
    received += first.value_or("").size();
    std::size_t before = 0;
    do {  // until the writer is held back
        before = sent;
        co_await shard.sleep(200ms);
    } while (sent != before && sent < 64u << 20);
    EXPECT_LT(sent, 32u << 20);  // by the kernel's buffers and a bounded number of ours
    stop = true;
    const auto rest = co_await read_all(*pair.server);
    received += rest.size();
    co_await writing;
    EXPECT_EQ(received, sent);
}
TEST(TlsStream, ASlowReaderHoldsItsWriterBack) { on_shard(slow_reader); }

Task<void> deadlines(RingShard& shard) {
    Sides sides;
    auto pair = co_await tls_pair(shard, sides);
    const auto late = co_await pair.server->read(after(20ms));
    EXPECT_EQ(error_of(late), IoError::timed_out);
    const auto sent = co_await pair.client->write("still here", after(1s));
    EXPECT_TRUE(sent.has_value());
    const auto got = co_await pair.server->read(after(1s));
    EXPECT_EQ(got.value_or(""), "still here");
    const std::string much(64 << 20, 'x');  // nobody reads it
    const auto stuck = co_await pair.client->write(much, after(50ms));
    EXPECT_EQ(error_of(stuck), IoError::timed_out);
    const auto again = co_await pair.client->write("x", after(1s));
    EXPECT_EQ(error_of(again), IoError::timed_out);
}
TEST(TlsStream, Deadlines) { on_shard(deadlines); }

Task<void> expect_read_error(Stream& stream, IoError expected) {
    const auto read = co_await stream.read(after(30s));
    EXPECT_EQ(error_of(read), expected);
}
Task<void> expect_write_error(Stream& stream, const std::string& bytes, IoError expected) {
    const auto written = co_await stream.write(bytes, after(30s));
    EXPECT_EQ(error_of(written), expected);
}
Task<void> abort_under_way(RingShard& shard) {
    Sides sides;
    auto pair = co_await tls_pair(shard, sides);
    const std::string much(64 << 20, 'x');
    auto reading = expect_read_error(*pair.client, IoError::canceled);
    auto writing = expect_write_error(*pair.client, much, IoError::canceled);
    co_await shard.sleep(10ms);
    pair.client->abort(IoError::canceled);
    co_await reading;
    co_await writing;
    co_await expect_read_error(*pair.client, IoError::canceled);
    co_await expect_write_error(*pair.client, "x", IoError::canceled);
    pair.client.reset();
    while (true) {  // what had been written, then an end without a farewell
        const auto read = co_await pair.server->read(after(5s));
        if (read) continue;
        EXPECT_EQ(read.error(), IoError::reset);
        break;
    }
    EXPECT_TRUE(pair.server->truncated());
}
TEST(TlsStream, AbortWhileReadingAndWriting) { on_shard(abort_under_way); }

// Many connections come and go without any further word.
Task<void> drop_at_once(RingShard& shard) {
    Sides sides;
    for (int i = 0; i < 20; ++i) {
        auto pair = co_await tls_pair(shard, sides);
        if (i % 2 == 0)
            pair.client.reset();
        else
            pair.server.reset();
        auto& other = i % 2 == 0 ? pair.server : pair.client;
        co_await expect_read_error(*other, IoError::end_of_stream);
    }
}
TEST(TlsStream, LetGoWithoutAWord) { on_shard(drop_at_once); }

// --- in memory, byte by byte ---

Task<void> read_into(Stream& stream, MonoTime deadline, IoResult<std::string>& out) {
    const auto got = co_await stream.read(deadline);
    out = got ? IoResult<std::string>(std::string(*got)) : std::unexpected(got.error());
}
Task<void> write_into(Stream& stream, const std::string& bytes, MonoTime deadline, IoResult<void>& out) {
    out = co_await stream.write(bytes, deadline);
}

struct Connected {
    support::ManualShard shard;
    Sides sides;
    MemoryPair pair;
    IoResult<std::string> got{std::unexpected(IoError::failed)};

    explicit Connected(TlsVersion newest = TlsVersion::v1_3) : sides(with(newest)), pair(sides) {
        TlsResult client, server;
        auto serving = shake_into(*pair.server, after(10s), server);
        auto asking = shake_into(*pair.client, after(10s), client);
        pair.carry(shard);
        EXPECT_TRUE(client.has_value());
        say(*pair.client, "EHLO");
        pair.carry(shard);
        EXPECT_TRUE(serving.done() && server.has_value());
        EXPECT_EQ(hear(*pair.server), "EHLO");
        say(*pair.server, "250");
        pair.carry(shard);
        EXPECT_EQ(hear(*pair.client), "250");
    }
    static Sides with(TlsVersion newest) {
        Sides sides;
        sides.client = client_context(newest);
        return sides;
    }
    void say(Stream& stream, const std::string& bytes) {
        IoResult<void> done;
        auto writing = write_into(stream, bytes, no_deadline, done);
        shard.settle();
        EXPECT_TRUE(writing.done() && done.has_value());
    }
    // What has come, or the text of an error.
    std::string hear(Stream& stream) {
        auto reading = read_into(stream, after(1s), got);
        shard.settle();
        if (!reading.done()) shard.advance(2s);
        EXPECT_TRUE(reading.done());
        return got ? *got : std::string(to_string(got.error()));
    }
};

TEST(TlsStream, RecordsInPieces) {
    Connected c;
    const auto sent = pattern(70'000);
    std::string received;
    const auto collect = [](Stream& stream, std::string& into, std::size_t until) -> Task<void> {
        while (into.size() < until) {
            const auto got = co_await stream.read(no_deadline);
            if (!got) co_return;
            into += *got;
        }
    };
    auto collecting = collect(*c.pair.server, received, sent.size());
    c.say(*c.pair.client, sent);
    EXPECT_GT(c.pair.client_wire->writes, 4u);  // bounded: two records a send
    c.pair.carry(c.shard, 7);
    EXPECT_TRUE(collecting.done());
    EXPECT_TRUE(received == sent);
}

TEST(TlsStream, SmallRecordsAreReadTogether) {
    Connected c;
    for (const char* word : {"MAIL ", "RCPT ", "DATA"}) c.say(*c.pair.client, word);
    c.pair.carry(c.shard);
    EXPECT_TRUE(c.pair.server->has_input());
    EXPECT_EQ(c.hear(*c.pair.server), "MAIL RCPT DATA");
    EXPECT_FALSE(c.pair.server->has_input());
}

TEST(TlsStream, PartOfARecordIsNoInput) {
    Connected c;
    c.say(*c.pair.client, "NOOP");
    const auto record = std::exchange(c.pair.client_wire->sent, {});
    c.pair.server_wire->send(record.substr(0, 10));
    EXPECT_FALSE(c.pair.server->has_input());
    c.pair.server_wire->send(record.substr(10));
    EXPECT_TRUE(c.pair.server->has_input());
    EXPECT_EQ(c.hear(*c.pair.server), "NOOP");
}

// A view stays valid while it is looked at, whatever comes meanwhile.
TEST(TlsStream, AViewSurvivesWhatComes) {
    Connected c;
    std::string_view view;
    const auto look = [](Stream& stream, std::string_view& out) -> Task<void> {
        const auto got = co_await stream.read(no_deadline);
        out = got.value_or("");
    };
    auto looking = look(*c.pair.server, view);
    c.say(*c.pair.client, "first");
    c.pair.carry(c.shard);
    EXPECT_TRUE(looking.done());
    c.say(*c.pair.client, "second");
    c.pair.carry(c.shard);
    EXPECT_TRUE(c.pair.server->has_input());
    c.say(*c.pair.server, "answer");
    EXPECT_EQ(view, "first");
    EXPECT_EQ(c.hear(*c.pair.server), "second");
}

TEST(TlsStream, AnEndWithoutCloseNotifyIsACut) {
    Connected c;
    c.say(*c.pair.client, "250 o");
    c.pair.carry(c.shard);
    c.pair.server_wire->close();
    EXPECT_EQ(c.hear(*c.pair.server), "250 o");
    EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::reset));
    EXPECT_TRUE(c.pair.server->truncated());
    EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::reset));
}

TEST(TlsStream, AnEndInsideARecordIsACut) {
    Connected c;
    c.say(*c.pair.client, "250 ok");
    const auto record = std::exchange(c.pair.client_wire->sent, {});
    c.pair.server_wire->send(record.substr(0, record.size() - 1));
    c.pair.server_wire->close();
    EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::reset));
    EXPECT_TRUE(c.pair.server->truncated());
}

TEST(TlsStream, CloseNotifyIsAnEnd) {
    Connected c;
    c.say(*c.pair.client, "QUIT");
    c.pair.client->half_close();
    EXPECT_TRUE(c.pair.client_wire->half_closed);
    c.pair.carry(c.shard);
    c.pair.server_wire->close();
    EXPECT_EQ(c.hear(*c.pair.server), "QUIT");
    EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::end_of_stream));
    EXPECT_FALSE(c.pair.server->truncated());
    c.say(*c.pair.server, "221");  // it may still answer
    c.pair.carry(c.shard);
    EXPECT_EQ(c.hear(*c.pair.client), "221");
}

TEST(TlsStream, LettingGoSaysCloseNotify) {
    Connected c;
    c.pair.client.reset();
    EXPECT_TRUE(c.pair.client_wire->gone);
    c.pair.carry(c.shard);
    EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::end_of_stream));
}

TEST(TlsStream, TheFarewellWaitsForItsTurnButNotForEver) {
    Connected c;
    c.pair.client_wire->stalled = true;
    c.pair.client.reset();
    c.shard.settle();
    EXPECT_FALSE(c.pair.client_wire->gone);
    EXPECT_EQ(c.shard.gate().inside(), 1u);
    c.shard.advance(5s);
    EXPECT_TRUE(c.pair.client_wire->gone);
    EXPECT_EQ(c.shard.gate().inside(), 0u);
}

TEST(TlsStream, ADamagedRecordFailsBothDirections) {
    for (const auto version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
        Connected c(version);
        c.say(*c.pair.client, "250 ok");
        auto record = std::exchange(c.pair.client_wire->sent, {});
        record.back() ^= 1;
        c.pair.server_wire->send(record);
        EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::failed));
        EXPECT_NE(c.pair.server->trouble(), "");
        IoResult<void> written;
        auto writing = write_into(*c.pair.server, "x", no_deadline, written);
        EXPECT_EQ(error_of(written), IoError::failed);
        c.pair.carry(c.shard);  // the alert
        EXPECT_EQ(c.hear(*c.pair.client), to_string(IoError::failed));
        EXPECT_NE(c.pair.client->trouble().find("alert"), std::string::npos) << c.pair.client->trouble();
    }
}

TEST(TlsStream, PlainTextInsideFails) {
    Connected c;
    c.pair.server_wire->send("MAIL FROM:<injected@example.test>\r\n");
    EXPECT_EQ(c.hear(*c.pair.server), to_string(IoError::failed));
}

TEST(TlsStream, AWriteThatIsHeldUpKeepsItsDeadline) {
    Connected c;
    IoResult<void> first, second;
    c.pair.client_wire->stalled = true;
    const std::string bytes(100, 'x');
    auto writing = write_into(*c.pair.client, bytes, after(500ms), first);
    c.shard.settle();
    EXPECT_FALSE(writing.done());
    c.shard.advance(1s);
    ASSERT_TRUE(writing.done());
    EXPECT_EQ(error_of(first), IoError::timed_out);
    auto again = write_into(*c.pair.client, bytes, after(500ms), second);
    EXPECT_EQ(error_of(second), IoError::timed_out);
}

}  // namespace
}  // namespace angarium::runtime

// The edges of a TCP stream: ends, resets, deadlines, aborts and back-pressure.
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

// --- ends ---

Task<void> half_close_round(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto asked = co_await pair.client->write("question", after(1s));
    EXPECT_TRUE(asked.has_value());
    pair.client->half_close();
    const auto question = co_await read_all(*pair.server);
    EXPECT_EQ(question, "question");
    const auto answered =
        co_await pair.server->write("answer", after(1s));  // the other direction still works
    EXPECT_TRUE(answered.has_value());
    pair.server.reset();
    const auto answer = co_await read_all(*pair.client);
    EXPECT_EQ(answer, "answer");
    const auto again = co_await pair.client->read(after(1s));
    EXPECT_EQ(error_of(again), IoError::end_of_stream);  // reported by every later read
    const auto late = co_await pair.client->write("more", after(1s));
    EXPECT_FALSE(late.has_value());
}
TEST(Stream, HalfClose) { on_shard(half_close_round); }

Task<void> peer_reset(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    pair.server->abort(IoError::reset);
    pair.server.reset();
    const auto read = co_await pair.client->read(after(5s));
    EXPECT_EQ(error_of(read), IoError::reset);
    const auto written = co_await pair.client->write("x", after(5s));
    EXPECT_FALSE(written.has_value());
}
TEST(Stream, PeerResets) { on_shard(peer_reset); }

Task<void> addresses(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    EXPECT_EQ(pair.client->peer(), pair.server->local());
    EXPECT_EQ(pair.server->peer(), pair.client->local());
    EXPECT_EQ(pair.client->peer().address.text(), "127.0.0.1");
}
TEST(Stream, KnowsBothAddresses) { on_shard(addresses); }

// --- deadlines ---

Task<void> read_deadline(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto begin = SystemClock().mono();
    const auto late = co_await pair.client->read(after(30ms));
    const auto took = SystemClock().mono() - begin;
    EXPECT_EQ(error_of(late), IoError::timed_out);
    EXPECT_GE(took, 29ms);
    EXPECT_LT(took, 30s);
    const auto written = co_await pair.server->write("still here", after(1s));
    EXPECT_TRUE(written.has_value());
    const auto read = co_await pair.client->read(after(1s));  // nothing was lost
    EXPECT_EQ(read.value_or(""), "still here");
}
TEST(Stream, ReadDeadline) { on_shard(read_deadline); }

// A short deadline after a long one, and the other way round: the timer is moved lazily.
Task<void> changing_deadlines(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto fed = co_await pair.server->write("a", after(1s));
    EXPECT_TRUE(fed.has_value());
    const auto quick = co_await pair.client->read(after(10s));
    EXPECT_TRUE(quick.has_value());
    auto begin = SystemClock().mono();
    const auto late = co_await pair.client->read(after(20ms));
    EXPECT_EQ(error_of(late), IoError::timed_out);
    EXPECT_LT(SystemClock().mono() - begin, 8s);
    begin = SystemClock().mono();
    const auto later = co_await pair.client->read(after(80ms));
    EXPECT_EQ(error_of(later), IoError::timed_out);
    EXPECT_GE(SystemClock().mono() - begin, 79ms);
}
TEST(Stream, DeadlinesThatChange) { on_shard(changing_deadlines); }

Task<void> past_deadline(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto late = co_await pair.client->read(shard.now() - 1s);
    EXPECT_EQ(error_of(late), IoError::timed_out);
}
TEST(Stream, ADeadlineInThePast) { on_shard(past_deadline); }

Task<void> write_deadline(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const std::string much(64 << 20, 'x');  // nobody reads it
    const auto written = co_await pair.client->write(much, after(50ms));
    EXPECT_EQ(error_of(written), IoError::timed_out);
    const auto again = co_await pair.client->write("x", after(1s));  // the stream of bytes has a hole now
    EXPECT_EQ(error_of(again), IoError::timed_out);
}
TEST(Stream, WriteDeadline) { on_shard(write_deadline); }

// --- aborts ---

Task<void> expect_read_error(Stream& stream, IoError expected) {
    const auto read = co_await stream.read(after(30s));
    EXPECT_EQ(error_of(read), expected);
}
Task<void> expect_write_error(Stream& stream, const std::string& bytes, IoError expected) {
    const auto written = co_await stream.write(bytes, after(30s));
    EXPECT_EQ(error_of(written), expected);
}

Task<void> abort_under_way(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
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
}
TEST(Stream, AbortWhileReadingAndWriting) { on_shard(abort_under_way); }

Task<void> abort_delivers_what_was_written(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    auto reading = expect_read_error(*pair.server, IoError::timed_out);
    const auto written = co_await pair.server->write("421 closing\r\n", after(1s));
    EXPECT_TRUE(written.has_value());
    pair.server->abort(IoError::timed_out);
    co_await reading;
    pair.server.reset();
    const auto farewell = co_await read_all(*pair.client);
    EXPECT_EQ(farewell, "421 closing\r\n");
}
TEST(Stream, AnAbortStillDeliversWhatWasWritten) { on_shard(abort_delivers_what_was_written); }

Task<void> drop_idle(RingShard& shard) {
    for (int i = 0; i < 50; ++i) {
        auto pair = co_await connected_pair(shard);
        const auto late = co_await pair.client->read(after(1ms));  // arms the receive
        EXPECT_EQ(error_of(late), IoError::timed_out);
        pair.client.reset();  // the kernel still holds the receive
        co_await expect_read_error(*pair.server, IoError::end_of_stream);
    }
}
TEST(Stream, DroppedWithAReceiveInTheKernel) { on_shard(drop_idle); }

// --- back-pressure ---

Task<void> write_until_stuck(Stream& stream, std::size_t& sent, bool& stop) {
    const std::string piece(100'000, 'x');
    while (!stop) {
        const auto written = co_await stream.write(piece, after(30s));
        if (!written) co_return;
        sent += piece.size();
    }
}

Task<void> slow_reader(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    std::size_t sent = 0, received = 0;
    bool stop = false;
    auto writing = write_until_stuck(*pair.client, sent, stop);
    const auto first = co_await pair.server->read(after(1s));
    received += first.value_or("").size();
    std::size_t before = 0;
    do {  // until the writer is held back
        before = sent;
        co_await shard.sleep(200ms);
    } while (sent != before && sent < 64u << 20);
    EXPECT_LT(sent, 32u << 20);  // by the kernel's buffers and a bounded number of ours
    stop = true;
    while (received < sent || !writing.done()) {
        const auto piece = co_await pair.server->read(after(5s));
        EXPECT_TRUE(piece.has_value());
        if (!piece) break;
        received += piece->size();
    }
    co_await writing;
    EXPECT_EQ(received, sent);
}
TEST(Stream, ASlowReaderHoldsItsWriterBack) { on_shard(slow_reader); }

// Readers that never read do not keep a busy connection from its buffers.
Task<void> progress_beside_sleepers(RingShard& shard) {
    std::vector<Pair> sleepers;
    for (int i = 0; i < 20; ++i) {
        auto pair = co_await connected_pair(shard);
        const auto late = co_await pair.server->read(after(1ms));  // arms the receive, then never reads again
        EXPECT_FALSE(late.has_value());
        const auto fed = co_await pair.client->write(std::string_view("unread, unread, unread"), after(1s));
        EXPECT_TRUE(fed.has_value());
        sleepers.push_back(std::move(pair));
    }
    auto busy = co_await connected_pair(shard);
    const auto bytes = pattern(1 << 20);
    auto reading = read_all(*busy.server);
    const auto written = co_await busy.client->write(bytes, after(10s));
    EXPECT_TRUE(written.has_value());
    busy.client->half_close();
    const auto received = co_await reading;
    EXPECT_TRUE(received == bytes);
    for (auto& sleeper : sleepers) {
        const auto late = co_await sleeper.server->read(after(1s));
        EXPECT_EQ(late.value_or(""), "unread, unread, unread");
    }
}
TEST(Stream, ProgressBesideReadersThatSleep) {
    RingOptions options;
    options.receive_buffers = 4;
    options.receive_buffer_size = 1024;
    on_shard(progress_beside_sleepers, options);
}

Task<void> has_input_round(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto late = co_await pair.server->read(after(1ms));
    EXPECT_FALSE(late.has_value());
    EXPECT_FALSE(pair.server->has_input());
    const auto fed = co_await pair.client->write("x", after(1s));
    EXPECT_TRUE(fed.has_value());
    for (const auto deadline = after(5s); !pair.server->has_input() && shard.now() < deadline;)
        co_await shard.sleep(1ms);
    EXPECT_TRUE(pair.server->has_input());
    const auto read = co_await pair.server->read(after(1s));
    EXPECT_TRUE(read.has_value());
    EXPECT_FALSE(pair.server->has_input());
}
TEST(Stream, HasInput) { on_shard(has_input_round); }

}  // namespace
}  // namespace angarium::runtime

// A loopback TCP stream carries bytes both ways, in order, whole, at the same time.
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

Task<void> echo(Stream& stream) {
    while (true) {
        const auto piece = co_await stream.read(after(30s));
        if (!piece) break;
        const auto written = co_await stream.write(*piece, after(30s));
        EXPECT_TRUE(written.has_value());
    }
    stream.half_close();
}

Task<void> send_then_close(Stream& stream, const std::string& bytes, std::size_t step) {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        const auto written = co_await stream.write(std::string_view(bytes).substr(at, step), after(30s));
        EXPECT_TRUE(written.has_value());
    }
    stream.half_close();
}

Task<void> echo_round(RingShard& shard, std::size_t size, std::size_t step) {
    auto pair = co_await connected_pair(shard);
    const auto sent = pattern(size);
    auto echoing = echo(*pair.server);
    auto sending = send_then_close(*pair.client, sent, step);
    const auto received = co_await read_all(*pair.client);
    co_await sending;
    co_await echoing;
    EXPECT_EQ(received.size(), sent.size());
    EXPECT_TRUE(received == sent);
}

TEST(StreamEcho, OneSmallMessage) {
    on_shard([](RingShard& shard) { return echo_round(shard, 5, 5); });
}
TEST(StreamEcho, LargeTransferInOneWrite) {
    on_shard([](RingShard& shard) { return echo_round(shard, 64 << 20, 64 << 20); });
}
TEST(StreamEcho, ManySmallWrites) {
    on_shard([](RingShard& shard) { return echo_round(shard, 200'000, 17); });
}
TEST(StreamEcho, WithTwoTinyBuffers) {
    RingOptions options;
    options.receive_buffers = 2;
    options.receive_buffer_size = 64;
    on_shard([](RingShard& shard) { return echo_round(shard, 1 << 20, 100'000); }, options);
}

// Both ends write everything before either has read it all: only full duplex ends.
Task<void> duplex_round(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto up = pattern(16 << 20, 1), down = pattern(16 << 20, 2);
    auto sending_up = send_then_close(*pair.client, up, up.size());
    auto sending_down = send_then_close(*pair.server, down, down.size());
    auto reading_up = read_all(*pair.server);
    const auto got_down = co_await read_all(*pair.client);
    const auto got_up = co_await reading_up;
    co_await sending_up;
    co_await sending_down;
    EXPECT_TRUE(got_up == up);
    EXPECT_TRUE(got_down == down);
}
TEST(StreamEcho, FullDuplex) { on_shard(duplex_round); }

// A gathered write of more pieces than one send takes, some of them empty.
Task<void> gathered_round(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto sent = pattern(100'000);
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0, step = 0; at < sent.size(); at += step, step = (step * 7 + 1) % 1999)
        pieces.push_back(std::string_view(sent).substr(at, step));
    auto reading = read_all(*pair.server);
    const auto written = co_await pair.client->write(pieces, after(30s));
    EXPECT_TRUE(written.has_value());
    pair.client->half_close();
    const auto received = co_await reading;
    EXPECT_TRUE(received == sent);
}
TEST(StreamEcho, GatheredWrite) { on_shard(gathered_round); }

Task<void> empty_write(RingShard& shard) {
    auto pair = co_await connected_pair(shard);
    const auto written = co_await pair.client->write(std::string_view(), after(1s));
    EXPECT_TRUE(written.has_value());
    pair.client->half_close();
    const auto received = co_await read_all(*pair.server);
    EXPECT_EQ(received, "");
}
TEST(StreamEcho, EmptyWrite) { on_shard(empty_write); }

// Many connections at once, each echoing.
Task<void> serve_one(std::unique_ptr<Stream> stream) { co_await echo(*stream); }
Task<void> serve_all(Listener& listener, unsigned count, Gate& gate) {
    for (unsigned i = 0; i < count; ++i) {
        auto accepted = co_await listener.accept();
        EXPECT_TRUE(accepted.has_value());
        if (accepted) gate.hold(serve_one(std::move(*accepted)));
    }
}
Task<void> ask_one(RingShard& shard, const Listener& listener, unsigned number, std::size_t size) {
    auto client = co_await shard.network().connect(listener.local(), std::nullopt, after(30s));
    EXPECT_TRUE(client.has_value());
    if (!client) co_return;
    const auto sent = pattern(size, number + 1);
    auto sending = send_then_close(**client, sent, 50'000);
    const auto received = co_await read_all(**client);
    co_await sending;
    EXPECT_TRUE(received == sent) << "connection " << number;
}
Task<void> many_connections(RingShard& shard) {
    constexpr unsigned count = 200;
    auto listener = shard.network().listen(Endpoint{IpAddress::v4(0x7F000001), 0});
    Gate gate;
    auto serving = serve_all(**listener, count, gate);
    for (unsigned i = 0; i < count; ++i) gate.hold(ask_one(shard, **listener, i, 150'000));
    co_await serving;
    co_await gate.closed();
}
TEST(StreamEcho, ManyConnections) { on_shard(many_connections); }
TEST(StreamEcho, ManyConnectionsWithFewBuffers) {
    RingOptions options;
    options.receive_buffers = 8;
    options.receive_buffer_size = 4096;
    on_shard(many_connections, options);
}

}  // namespace
}  // namespace angarium::runtime

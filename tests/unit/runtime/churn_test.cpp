// Connections that come and go in every way at once: writes cut short, reads that time out, aborts, resets, half-closes,
// drops. Whatever happens, nothing hangs, and afterwards every buffer is back and every descriptor closed.
#include "engine/runtime/context.hpp"
#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

Duration up_to(Random& random, Duration most) {
    return Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most.count()))));
}

Task<void> read_for_a_while(Stream& stream, int times) {
    Random& random = Shard::current().random();
    for (int i = 0; i < times; ++i) {
        const auto piece = co_await stream.read(after(up_to(random, 20ms)));
        if (!piece && piece.error() != IoError::timed_out) co_return;
        if (random.below(8) == 0) co_await Shard::current().sleep(up_to(random, 10ms));
    }
}

Task<void> write_for_a_while(Stream& stream, const std::string& bytes, int times) {
    Random& random = Shard::current().random();
    for (int i = 0; i < times; ++i) {
        const std::string_view pieces[] = {std::string_view(bytes).substr(0, random.below(64)),
                                           std::string_view(bytes).substr(0, random.below(bytes.size()))};
        const auto written = co_await stream.write(pieces, after(up_to(random, 40ms)));
        if (!written) co_return;
    }
    stream.half_close();
}

Task<void> disturb(Stream& stream) {
    Random& random = Shard::current().random();
    co_await Shard::current().sleep(up_to(random, 60ms));
    const auto kind = random.below(4);
    if (kind == 0) stream.abort(IoError::reset);
    if (kind == 1) stream.abort(IoError::canceled);
}

Task<void> one_end(std::unique_ptr<Stream> stream, const std::string& bytes) {
    Random& random = Shard::current().random();
    auto reading = read_for_a_while(*stream, static_cast<int>(random.below(40)));
    auto writing = write_for_a_while(*stream, bytes, static_cast<int>(random.below(20)));
    auto disturbing = disturb(*stream);
    co_await reading;
    co_await disturbing;
    co_await writing;
}

Task<void> accept_all(Listener& listener, Gate& gate, const std::string& bytes) {
    while (true) {
        auto accepted = co_await listener.accept();
        if (!accepted) co_return;
        gate.hold(one_end(std::move(*accepted), bytes));
    }
}

Task<void> come_and_go(RingShard& shard, Endpoint to, const std::string& bytes) {
    co_await shard.sleep(up_to(shard.random(), 300ms));
    auto connected = co_await shard.network().connect(to, std::nullopt, after(up_to(shard.random(), 50ms)));
    if (!connected) co_return;
    co_await one_end(std::move(*connected), bytes);
}

Task<void> churn(RingShard& shard, int connections) {
    const auto bytes = pattern(300'000);
    {
        auto listener = shard.network().listen(Endpoint{IpAddress::v4(0x7F000001), 0});
        Gate gate;
        auto accepting = accept_all(**listener, gate, bytes);
        for (int i = 0; i < connections; ++i) gate.hold(come_and_go(shard, (*listener)->local(), bytes));
        co_await shard.sleep(350ms);
        (*listener)->close();
        co_await accepting;
        co_await gate.closed();
    }
    auto& context = IoContext::current();
    for (int i = 0; i < 100 && (context.open_sockets > 0 || context.ring.in_flight() > 1); ++i)
        co_await shard.sleep(10ms);
    EXPECT_EQ(context.open_sockets, 0u);
    EXPECT_EQ(context.buffers.idle(), context.buffers.count());
    EXPECT_EQ(context.ring.in_flight(), 1u);  // the read that wakes the shard
}

TEST(Churn, WithManyBuffers) {
    on_shard([](RingShard& shard) { return churn(shard, 300); });
}
TEST(Churn, WithFewBuffers) {
    RingOptions options;
    options.receive_buffers = 4;
    options.receive_buffer_size = 2048;
    on_shard([](RingShard& shard) { return churn(shard, 300); }, options);
}
TEST(Churn, WithAShortQueue) {
    RingOptions options;
    options.entries = 4;
    options.receive_buffers = 16;
    on_shards(2, [](RingShard& shard) { return churn(shard, 150); }, options);
}

}  // namespace
}  // namespace angarium::runtime

// What the runtime's tests share: a shard without a kernel behind it, real shards for the length of a call, and pairs of
// connected streams.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/runtime/ring_shard.hpp"

namespace angarium::runtime::testing {

// A clock that moves when told.
class ManualClock final : public Clock {
  public:
    MonoTime mono() override { return now; }
    WallTime wall() override {
        return WallTime{duration_cast<std::chrono::milliseconds>(now.time_since_epoch())};
    }
    MonoTime now{1h};
};

// Turns when told; letters go nowhere.
class ManualShard final : public Shard {
  public:
    explicit ManualShard(ManualClock& clock) : Shard(ShardId{0}, 1, clock, Random(1)), clock_(clock) {
        enter();
    }
    ~ManualShard() override { leave(); }
    void send(ShardId, std::unique_ptr<Letter>) override {}
    bool congested(ShardId) const override { return false; }
    // Turns until nothing is ready, then lets time pass and turns again.
    void settle(Duration pass = 0s) {
        while (turn(1)) {
        }
        clock_.now += pass;
        while (turn(1)) {
        }
    }

  private:
    ManualClock& clock_;
};

// Runs `main` on real shards until it and all gates are done.
inline void on_shards(unsigned shards, std::function<Task<void>(RingShard&)> main, RingOptions options = {}) {
    static SystemClock clock;
    auto set = ShardSet::create(shards, clock, options, false);
    ASSERT_TRUE(set.has_value()) << set.error().text;
    (*set)->run(std::move(main));
}
inline void on_shard(std::function<Task<void>(RingShard&)> main, RingOptions options = {}) {
    on_shards(1, std::move(main), options);
}

inline MonoTime after(Duration duration) { return Shard::current().now() + duration; }

// The error of a result that must be one.
template <class T>
IoError error_of(const IoResult<T>& result) {
    EXPECT_FALSE(result.has_value());
    return result ? IoError{255} : result.error();
}

struct Pair {
    std::unique_ptr<Stream> client, server;
};

inline Task<void> accept_into(Listener& listener, std::unique_ptr<Stream>& out) {
    auto accepted = co_await listener.accept();
    EXPECT_TRUE(accepted.has_value());
    if (accepted) out = std::move(*accepted);
}

// Two ends of one TCP connection over loopback.
inline Task<Pair> connected_pair(RingShard& shard) {
    auto listener = shard.network().listen(Endpoint{IpAddress::v4(0x7F000001), 0});
    EXPECT_TRUE(listener.has_value());
    Pair pair;
    auto accepting = accept_into(**listener, pair.server);
    auto connected = co_await shard.network().connect((*listener)->local(), std::nullopt, after(5s));
    EXPECT_TRUE(connected.has_value());
    co_await accepting;
    if (connected) pair.client = std::move(*connected);
    co_return pair;
}

// Everything up to the end of the stream.
inline Task<std::string> read_all(Stream& stream) {
    std::string all;
    while (true) {
        const auto piece = co_await stream.read(after(30s));
        if (!piece) {
            EXPECT_EQ(piece.error(), IoError::end_of_stream);
            co_return all;
        }
        all += *piece;
    }
}

// Bytes that differ everywhere, so that a lost, doubled or swapped piece shows.
inline std::string pattern(std::size_t size, std::uint64_t seed = 1) {
    Random random(seed);
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; i += 8) {
        const auto word = random.next();
        for (std::size_t j = i; j < std::min(size, i + 8); ++j)
            bytes[j] = static_cast<char>(word >> (8 * (j - i)));
    }
    return bytes;
}

}  // namespace angarium::runtime::testing

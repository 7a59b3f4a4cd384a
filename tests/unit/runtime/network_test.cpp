// Listening and connecting.
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "tests/unit/runtime/fixture.hpp"

namespace angarium::runtime {
namespace {
using namespace testing;

const Endpoint any_port{IpAddress::v4(0x7F000001), 0};

Task<void> refused(RingShard& shard) {
    auto listener = shard.network().listen(any_port);
    const auto nobody = (*listener)->local();
    listener->reset();
    co_await shard.sleep(10ms);
    const auto connected = co_await shard.network().connect(nobody, std::nullopt, after(5s));
    EXPECT_EQ(error_of(connected), IoError::refused);
}
TEST(Network, ConnectionRefused) { on_shard(refused); }

Task<void> from_source(RingShard& shard) {
    auto listener = shard.network().listen(any_port);
    std::unique_ptr<Stream> server;
    auto accepting = accept_into(**listener, server);
    const auto source = IpAddress::v4(0x7F000005);
    auto client = co_await shard.network().connect((*listener)->local(), source, after(5s));
    co_await accepting;
    EXPECT_TRUE(client.has_value());
    if (client) {
        EXPECT_EQ((*client)->local().address, source);
    }
    EXPECT_EQ(server->peer().address, source);
    const auto foreign =
        co_await shard.network().connect((*listener)->local(), IpAddress::v4(0xC0000201), after(5s));
    EXPECT_EQ(error_of(foreign), IoError::unreachable);
}
TEST(Network, ConnectsFromAGivenSource) { on_shard(from_source); }

// A listener whose backlog is full answers nothing: the deadline ends the attempt.
Task<void> connect_deadline(RingShard& shard) {
    auto listener = shard.network().listen(any_port);
    // Too late before it began: the cancel may meet the connect at any point, but never hangs.
    const auto connected =
        co_await shard.network().connect((*listener)->local(), std::nullopt, shard.now() - 1s);
    if (!connected) {
        EXPECT_EQ(error_of(connected), IoError::timed_out);
    }
}
TEST(Network, ConnectDeadlineInThePast) { on_shard(connect_deadline); }

Task<void> over_v6(RingShard& shard) {
    auto listener = shard.network().listen(*Endpoint::parse("[::1]:0"));
    if (!listener) co_return;  // no IPv6 here
    std::unique_ptr<Stream> server;
    auto accepting = accept_into(**listener, server);
    auto client = co_await shard.network().connect((*listener)->local(), std::nullopt, after(5s));
    co_await accepting;
    EXPECT_TRUE(client.has_value());
    EXPECT_EQ(server->peer().address.text(), "::1");
}
TEST(Network, Ipv6) { on_shard(over_v6); }

Task<void> expect_canceled(Listener& listener) {
    const auto accepted = co_await listener.accept();
    EXPECT_EQ(error_of(accepted), IoError::canceled);
}

Task<void> close_while_accepting(RingShard& shard) {
    auto listener = shard.network().listen(any_port);
    auto accepting = expect_canceled(**listener);
    co_await shard.sleep(5ms);
    (*listener)->close();
    co_await accepting;
    co_await expect_canceled(**listener);  // and from then on
    const auto connected = co_await shard.network().connect((*listener)->local(), std::nullopt, after(1s));
    EXPECT_FALSE(connected.has_value());
}
TEST(Network, CloseWhileAccepting) { on_shard(close_while_accepting); }

// More connections than are kept waiting: the accept pauses and goes on.
Task<void> connect_and_keep(RingShard& shard, Endpoint to, std::vector<std::unique_ptr<Stream>>& kept) {
    auto connected = co_await shard.network().connect(to, std::nullopt, after(20s));
    EXPECT_TRUE(connected.has_value());
    if (connected) kept.push_back(std::move(*connected));
}
Task<void> burst(RingShard& shard) {
    constexpr std::size_t count = 300;
    auto listener = shard.network().listen(any_port);
    std::vector<std::unique_ptr<Stream>> clients, servers;
    Gate gate;
    // The first accept arms it; the others come while nobody asks.
    for (std::size_t i = 0; i < count; ++i) gate.hold(connect_and_keep(shard, (*listener)->local(), clients));
    std::unique_ptr<Stream> first;
    co_await accept_into(**listener, first);
    servers.push_back(std::move(first));
    co_await shard.sleep(50ms);
    while (servers.size() < count) {
        std::unique_ptr<Stream> next;
        co_await accept_into(**listener, next);
        servers.push_back(std::move(next));
    }
    co_await gate.closed();
    EXPECT_EQ(clients.size(), count);
}
TEST(Network, ABurstOfConnections) { on_shard(burst); }

// Out of descriptors: accept says so, and works again when there are some.
Task<void> no_descriptors(RingShard& shard) {
    auto listener = shard.network().listen(any_port);
    std::vector<std::unique_ptr<Stream>> clients;
    Gate gate;
    co_await connect_and_keep(shard, (*listener)->local(), clients);
    co_await connect_and_keep(shard, (*listener)->local(), clients);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto accepted = co_await (*listener)->accept();
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(error_of(accepted), IoError::no_descriptors);
    std::unique_ptr<Stream> server;
    co_await accept_into(**listener, server);
    EXPECT_NE(server, nullptr);
}
TEST(Network, OutOfDescriptors) { on_shard(no_descriptors); }

// Several shards on one port: every connection reaches one of them.
struct Shared {
    std::atomic<unsigned> port{0};
    std::atomic<unsigned> served{0};
    std::atomic<unsigned> listening{0};
};
Task<void> serve_until_closed(Listener& listener, Shared& shared) {
    while (true) {
        auto accepted = co_await listener.accept();
        if (!accepted) co_return;
        ++shared.served;
    }
}
Task<void> shared_port(Shared& shared, RingShard& shard) {
    constexpr unsigned count = 100;
    while (index(shard.id()) != 0 && shared.port == 0) co_await shard.sleep(1ms);
    const Endpoint endpoint{IpAddress::v4(0x7F000001), static_cast<std::uint16_t>(shared.port.load())};
    auto listener = shard.network().listen(endpoint);
    EXPECT_TRUE(listener.has_value());
    shared.port = (*listener)->local().port;
    ++shared.listening;
    auto serving = serve_until_closed(**listener, shared);
    while (shared.listening < shard.shards()) co_await shard.sleep(1ms);
    if (index(shard.id()) == 0) {
        std::vector<std::unique_ptr<Stream>> clients;
        for (unsigned i = 0; i < count; ++i) co_await connect_and_keep(shard, (*listener)->local(), clients);
    }
    while (shared.served < count) co_await shard.sleep(1ms);
    (*listener)->close();
    co_await serving;
}
TEST(Network, ShardsShareAPort) {
    Shared shared;
    on_shards(3, [&shared](RingShard& shard) { return shared_port(shared, shard); });
    EXPECT_EQ(shared.served, 100u);
}

// Another process of the same user could join our port: the first listener finds it out.
Task<void> listen_beside(Endpoint taken, RingShard& shard) {
    const auto listener = shard.network().listen(taken);
    EXPECT_FALSE(listener.has_value());
    if (!listener) {
        EXPECT_NE(listener.error().text.find("another program listens there"), std::string::npos);
    }
    co_return;
}
Task<void> two_sets_on_one_port(RingShard& shard) {
    auto listener = shard.network().listen(any_port);
    const auto taken = (*listener)->local();
    auto again = shard.network().listen(taken);  // this process's own shards may
    EXPECT_TRUE(again.has_value());
    std::thread([taken] {
        on_shard([taken](RingShard& other) { return listen_beside(taken, other); });
    }).join();
    co_return;
}
TEST(Network, AnotherProgramOnThePort) { on_shard(two_sets_on_one_port); }

TEST(Network, ListenErrorsNameTheRemedy) {
    on_shard([](RingShard& shard) -> Task<void> {
        const auto foreign = shard.network().listen(*Endpoint::parse("192.0.2.1:25"));
        EXPECT_FALSE(foreign.has_value());
        if (!foreign) {
            EXPECT_NE(foreign.error().text.find("no interface has this address"), std::string::npos);
        }
        co_return;
    });
}

}  // namespace
}  // namespace angarium::runtime

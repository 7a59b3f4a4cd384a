// c-ares on the ring against a name server that misbehaves as the test wants.
#include "dns/cares_lookup.hpp"

#include <chrono>
#include <deque>
#include <thread>

#include "tests/unit/dns/fake_server.hpp"
#include "tests/unit/dns/on_shard.hpp"
#include "tests/unit/dns/peers.hpp"

namespace angarium::dns {
namespace {

using runtime::Task;
using test::ask;
using test::FakeServer;
using test::Message;
using test::Octets;
using test::on_shard;
using test::Query;
using test::Real;
using Replies = std::vector<Octets>;

// A timeout is only short where one is meant to pass: on a busy machine a server that answers takes its time.
Options options_for(std::vector<Endpoint> servers, Duration timeout = 10s) {
    Options options;
    options.lookup.servers = std::move(servers);
    options.lookup.timeout = timeout;
    options.lookup.tries = 2;
    return options;
}

TEST(CaresLookup, BringsRecordsWithTheirTtl) {
    FakeServer server([](const Query& query) { return Replies{query.address({192, 0, 2, 1}, 77)}; });
    on_shard(options_for({server.endpoint()}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        const Answer answer = co_await asking;
        EXPECT_EQ(answer.failure, Failure::none);
        EXPECT_EQ(answer.addresses.at(0).text(), "192.0.2.1");
        EXPECT_EQ(answer.ttl, std::chrono::seconds(77));
    });
    EXPECT_EQ(server.queries(), 1u);
}

TEST(CaresLookup, ATruncatedReplyIsAskedAgainOverTcp) {
    FakeServer server([](const Query& query) {
        if (!query.tcp) return Replies{query.reply(Message::reply | 0x0200).octets()};
        auto message = query.reply();
        for (unsigned i = 0; i < 90; ++i)
            message.record(Message::answer, test::pointer(12), RecordType::a, 60,
                           {10, 0, 0, static_cast<std::uint8_t>(i)});
        return Replies{message.octets()};
    });
    on_shard(options_for({server.endpoint()}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        const Answer answer = co_await asking;
        EXPECT_EQ(answer.addresses.size(), 90u);
    });
    EXPECT_EQ(server.over_tcp(), 1u);
}

TEST(CaresLookup, AsksForLargeRepliesAndDoesWithoutWhereAServerCannot) {
    FakeServer server([](const Query& query) {
        if (query.has_edns()) return Replies{query.reply(Message::reply | 1).octets()};
        return Replies{query.address({192, 0, 2, 1})};
    });
    on_shard(options_for({server.endpoint()}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        const Answer answer = co_await asking;
        EXPECT_EQ(answer.failure, Failure::none);
    });
    EXPECT_EQ(server.queries(), 2u);
}

TEST(CaresLookup, ErrorCodesAreToldApart) {
    FakeServer server([](const Query& query) {
        const unsigned code = query.type() == RecordType::a ? 2 : query.type() == RecordType::mx ? 5 : 3;
        return Replies{query.reply(Message::reply | code).octets()};
    });
    on_shard(options_for({server.endpoint()}), [](Real& real) -> Task<void> {
        auto failed = ask(real, "host.example", RecordType::a);
        auto refused = ask(real, "host.example", RecordType::mx);
        auto gone = ask(real, "host.example", RecordType::aaaa);
        EXPECT_EQ((co_await failed).failure, Failure::server_failed);
        EXPECT_EQ((co_await refused).failure, Failure::refused);
        EXPECT_EQ((co_await gone).failure, Failure::no_such_domain);
    });
    EXPECT_EQ(server.queries(), 3u);
}

TEST(CaresLookup, SilenceEndsInATimeout) {
    FakeServer server([](const Query&) { return Replies{}; });
    on_shard(options_for({server.endpoint()}, 200ms), [](Real& real) -> Task<void> {
        const auto began = real.shard.now();
        auto asking = ask(real, "host.example", RecordType::a);
        const Answer answer = co_await asking;
        EXPECT_EQ(answer.failure, Failure::timed_out);
        EXPECT_GE(real.shard.now() - began, 600ms);  // 200 + 400
    });
    const auto deadline = std::chrono::steady_clock::now() + 10s;  // until the server has read the second one
    while (server.queries() < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(server.queries(), 2u);
}

TEST(CaresLookup, ALostDatagramIsAskedAgain) {
    FakeServer server([lost = false](const Query& query) mutable {
        return std::exchange(lost, true) ? Replies{query.address({192, 0, 2, 1})} : Replies{};
    });
    on_shard(options_for({server.endpoint()}, 200ms), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        EXPECT_EQ((co_await asking).failure, Failure::none);
    });
}

TEST(CaresLookup, NobodyListens) {
    const Endpoint nobody{IpAddress::v4(INADDR_LOOPBACK), test::free_port()};
    on_shard(options_for({nobody}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        EXPECT_TRUE(is_silence((co_await asking).failure));
    });
}

TEST(CaresLookup, RepliesToOtherQuestionsAreNotTaken) {
    FakeServer server([](const Query& query) {
        auto wrong_id = query.address({192, 0, 2, 66});
        wrong_id[0] ^= 0x55;
        Octets wrong_name = query.address({192, 0, 2, 66});
        wrong_name[13] ^= 0x01;
        return Replies{wrong_id, wrong_name, query.address({192, 0, 2, 1})};
    });
    on_shard(options_for({server.endpoint()}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        const Answer answer = co_await asking;
        EXPECT_EQ(answer.addresses.at(0).text(), "192.0.2.1");
    });
}

TEST(CaresLookup, AMalformedReplyIsAFailureNotACrash) {
    FakeServer server([](const Query& query) {
        auto message = query.reply();
        message.record(Message::answer, test::pointer(12), RecordType::a, 60, {192, 0, 2});
        return Replies{message.octets()};
    });
    on_shard(options_for({server.endpoint()}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        EXPECT_EQ((co_await asking).failure, Failure::malformed);
    });
}

TEST(CaresLookup, RandomRepliesNeverHangOrCrash) {
    FakeServer server([random = Random(3)](const Query& query) mutable {
        auto octets = query.address({192, 0, 2, 1});
        for (auto changes = random.below(8); changes > 0; --changes)
            octets[2 + random.below(octets.size() - 2)] = static_cast<std::uint8_t>(random.next());
        octets.resize(1 + random.below(octets.size()));
        return Replies{octets};
    });
    auto options = options_for({server.endpoint()});
    options.lookup.timeout = 20ms;
    on_shard(options, [](Real& real) -> Task<void> {
        for (int round = 0; round < 3; ++round) {  // what the server's socket holds
            std::deque<Task<Answer>> asking;
            for (int i = 0; i < 100; ++i)
                asking.push_back(
                    ask(real, "h" + std::to_string(100 * round + i) + ".example", RecordType::a));
            for (auto& task : asking) co_await task;
        }
    });
    EXPECT_GE(server.queries(), 300u);
}

TEST(CaresLookup, WhatOneServerRefusesTheNextIsAsked) {
    FakeServer refuses([](const Query& query) { return Replies{query.reply(Message::reply | 5).octets()}; });
    FakeServer fails([](const Query& query) { return Replies{query.reply(Message::reply | 2).octets()}; });
    FakeServer answers([](const Query& query) { return Replies{query.address({192, 0, 2, 1})}; });
    on_shard(options_for({refuses.endpoint(), fails.endpoint(), answers.endpoint()}),
             [](Real& real) -> Task<void> {
                 auto asking = ask(real, "host.example", RecordType::a);
                 EXPECT_EQ((co_await asking).failure, Failure::none);
             });
    on_shard(options_for({refuses.endpoint(), fails.endpoint()}), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        EXPECT_EQ((co_await asking).failure, Failure::refused);
    });
}

TEST(CaresLookup, AfterASilentServerTheNextIsAsked) {
    FakeServer silent([](const Query&) { return Replies{}; });
    FakeServer answers([](const Query& query) { return Replies{query.address({192, 0, 2, 1})}; });
    on_shard(options_for({silent.endpoint(), answers.endpoint()}, 200ms), [](Real& real) -> Task<void> {
        auto asking = ask(real, "host.example", RecordType::a);
        EXPECT_EQ((co_await asking).failure, Failure::none);
    });
}

TEST(CaresLookup, CancelCompletesEverything) {
    FakeServer server([](const Query&) { return Replies{}; });
    auto options = options_for({server.endpoint()});
    options.lookup.timeout = 60s;
    on_shard(options, [](Real& real) -> Task<void> {
        std::deque<Task<Answer>> asking;
        for (int i = 0; i < 50; ++i)
            asking.push_back(ask(real, "h" + std::to_string(i) + ".example", RecordType::a));
        auto resting = real.shard.sleep(50ms);
        co_await resting;
        real.lookup.cancel();
        for (auto& task : asking) {
            const Answer answer = co_await task;
            EXPECT_EQ(answer.failure, Failure::canceled);
        }
        auto late = ask(real, "late.example", RecordType::a);
        EXPECT_EQ((co_await late).failure, Failure::canceled);
    });
}

TEST(CaresLookup, ChannelsAreRenewedUnderLoad) {
    FakeServer server([](const Query& query) { return Replies{query.address({192, 0, 2, 1})}; });
    auto options = options_for({server.endpoint()});
    options.lookup.renew = Duration{};  // a new channel for each question
    on_shard(options, [](Real& real) -> Task<void> {
        for (int round = 0; round < 10; ++round) {
            std::deque<Task<Answer>> asking;
            for (int i = 0; i < 20; ++i)
                asking.push_back(ask(real, "h" + std::to_string(i) + ".example", RecordType::a));
            for (auto& task : asking) {
                const Answer answer = co_await task;
                EXPECT_EQ(answer.failure, Failure::none);
            }
        }
    });
}

Task<void> expect_address(Real& real, std::string host) {
    auto asking = real.resolver.addresses(std::move(host));
    const auto found = co_await asking;
    EXPECT_TRUE(found.has_value());
}

TEST(CaresLookup, ThousandsOfQuestionsThroughTheCapOfTheCache) {
    FakeServer server([](const Query& query) {
        if (query.type() == RecordType::a) return Replies{query.address({192, 0, 2, 1})};
        return Replies{query.reply().octets()};
    });
    auto options = options_for({server.endpoint()});
    options.lookup.timeout = 5s;
    on_shard(options, [](Real& real) -> Task<void> {
        std::deque<Task<void>> asking;
        for (int i = 0; i < 3000; ++i)
            asking.push_back(expect_address(real, "h" + std::to_string(i) + ".example"));
        EXPECT_EQ(real.resolver.cache().open(), CacheOptions{}.open);
        for (auto& task : asking) co_await task;
        EXPECT_EQ(real.metrics.value(metrics::Count::dns_queries_a), 3000u);
    });
    EXPECT_EQ(server.queries(), 6000u);
}

TEST(CaresLookup, StartsWithTheSystemsServers) {
    on_shard(Options{}, [](Real&) -> Task<void> { co_return; });
}

}  // namespace
}  // namespace angarium::dns

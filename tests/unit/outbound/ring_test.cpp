// Outbound over real sockets on loopback: what arrives is what was sent, byte for byte, and everything ends.
#include <gtest/gtest.h>

#include <set>

#include "engine/outbound/dispatcher.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "tests/unit/outbound/fakes.hpp"

namespace angarium::outbound::test {
namespace {

using runtime::Task;

// Lets a Peer speak over a real stream.
Task<void> serve(std::unique_ptr<runtime::Stream> stream, Behaviour& how) {
    auto wire = std::make_shared<support::Wire>();
    support::MemoryStream memory(wire, stream->peer(), stream->local());
    Peer peer(wire, how);
    while (true) {
        while (memory.has_input()) {
            const auto said = co_await memory.read(no_deadline);
            const std::string reply(*said);
            const auto written = co_await stream->write(reply, no_deadline);
            if (!written) break;
        }
        if (peer.closed()) break;
        const auto input = co_await stream->read(no_deadline);
        if (!input) break;
        wire->sent += *input;
        peer.serve();
    }
    --how.open;
}

Task<void> accept_all(runtime::Listener& listener, Behaviour& how, runtime::Gate& gate) {
    while (true) {
        auto stream = co_await listener.accept();
        if (!stream) break;
        gate.hold(serve(*std::move(stream), how));
    }
}

struct Plan {
    Behaviour how;
    std::vector<std::unique_ptr<queue::Delivery>> deliveries;
    std::size_t expected = 0;
    Options options;
    FakeOutlet outlet;
    metrics::Sheet metrics;
    bool done = false;
};

Task<void> carry_out(runtime::RingShard& shard, Plan& plan) {
    auto listener = *shard.network().listen(endpoint("127.0.0.1:0"));
    runtime::Gate gate;
    gate.hold(accept_all(*listener, plan.how, gate));
    FakeNames names;
    dns::Resolver resolver(shard, names, plan.metrics, dns::Options{});
    plan.options.routes = {{{"*"}, {{"127.0.0.1", listener->local().port}}}};
    SlotSet slots(1, {plan.options.site_start, plan.options.site_most});
    {
        Dispatcher dispatcher(shard, shard.network(), resolver, plan.outlet, slots, plan.metrics,
                              plan.options);
        plan.outlet.carrier = &dispatcher;
        for (auto& delivery : plan.deliveries) plan.outlet.submit(std::move(delivery));
        for (int i = 0; i < 20'000 && plan.outlet.settled.size() < plan.expected; ++i) {
            auto sleeping = shard.sleep(10ms);
            co_await sleeping;
        }
        auto draining = dispatcher.drain(shard.now() + 5s);
        co_await draining;
        for (const auto& [name, destination] : plan.outlet.destinations) dispatcher.gone(*destination);
    }
    auto stopping = resolver.stop();
    co_await stopping;
    listener->close();
    co_await gate.closed();
    plan.done = true;
}

void run(Plan& plan) {
    runtime::SystemClock clock;
    auto set = runtime::ShardSet::create(1, clock, {}, false);
    ASSERT_TRUE(set) << set.error().text;
    plan.expected = plan.deliveries.size();
    (*set)->run([&plan](runtime::RingShard& shard) { return carry_out(shard, plan); });
    EXPECT_TRUE(plan.done);
}

std::string body_of(Random& random, std::size_t size) {
    std::string body;
    while (body.size() < size) {
        const auto line = random.below(80);
        for (std::uint64_t i = 0; i < line; ++i)
            body += i == 0 && random.below(4) == 0 ? '.' : 'a' + char(random.below(26));
        body += "\r\n";
    }
    return body;
}

class Ring : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Ring, WhatArrivesIsWhatWasSent) {
    Plan plan;
    plan.how.extensions = GetParam();
    Random random(7);
    std::multiset<std::string> sent;
    for (int i = 0; i < 300; ++i) {
        if (i % 50 == 49) {
            std::vector<std::string> parts;
            std::string whole;
            for (int part = 0; part < 3; ++part) {
                parts.push_back(body_of(random, queue::part_size - 100));
                whole += parts.back();
            }
            plan.deliveries.push_back(stored(delivery({"jill@hill.com"}, "", random), plan.outlet, parts));
            sent.insert(whole);
        } else {
            const std::string body = body_of(random, random.below(20'000) + 1);
            plan.deliveries.push_back(delivery({"jill@hill.com", "joe@hill.com"}, body, random));
            sent.insert(body);
        }
    }
    run(plan);
    EXPECT_EQ(plan.outlet.settled.size(), 300u);
    EXPECT_EQ(plan.outlet.deferred() + plan.outlet.bounced(), 0u);
    EXPECT_TRUE(plan.outlet.failed.empty());
    std::multiset<std::string> arrived;
    for (const auto& message : plan.how.messages) arrived.insert(message.body);
    EXPECT_TRUE(arrived == sent);
    EXPECT_LE(plan.how.most_open, 20u);
    EXPECT_EQ(plan.how.open, 0u);
    EXPECT_EQ(plan.metrics.value(metrics::Level::outbound_open), 0);
}

TEST_P(Ring, NothingIsLostToABadServer) {
    Plan plan;
    plan.how.extensions = GetParam();
    Random random(11);
    auto chance = std::make_shared<Random>(3);
    plan.how.answer = [chance](std::string_view what, std::string_view) {
        if (what == "banner" || what == "ehlo" || what == "quit") return std::string();
        switch (chance->below(40)) {
            case 0:
                return close_it;
            case 1:
                return close_it + " 421 4.3.2 going away";
            case 2:
                return std::string("451 4.3.0 later");
            case 3:
                return std::string("550 5.7.1 no");
            case 4:
                return std::string("nonsense");
            default:
                return std::string();
        }
    };
    for (int i = 0; i < 400; ++i)
        plan.deliveries.push_back(delivery({"jill@hill.com"}, body_of(random, 4000), random));
    run(plan);
    EXPECT_EQ(plan.outlet.settled.size(), 400u);
    EXPECT_TRUE(plan.outlet.failed.empty());
    EXPECT_EQ(plan.outlet.delivered(), plan.how.messages.size())
        << "what was taken is known to be, but for the unknown";
    EXPECT_GT(plan.outlet.delivered(), 200u);
    EXPECT_EQ(plan.how.open, 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, Ring,
                         testing::Values(std::vector<std::string>{"8BITMIME"},
                                         std::vector<std::string>{"PIPELINING", "8BITMIME"},
                                         std::vector<std::string>{"PIPELINING", "CHUNKING", "8BITMIME"}));

}  // namespace
}  // namespace angarium::outbound::test

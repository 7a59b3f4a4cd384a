// The whole of outbound over a network of peers, for the tests of the dispatcher and of sites.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/outbound/dispatcher.hpp"
#include "tests/unit/outbound/fakes.hpp"

namespace angarium::outbound::test {

using metrics::Level;

class Dispatch : public testing::Test {
  protected:
    Dispatch() {
        options.hostname = "relay.example";
        names.set_mx("hill.com", {{10, "mx1.hill.com"}, {20, "mx2.hill.com"}});
        names.set_a("mx1.hill.com", {"192.0.2.1"});
        names.set_a("mx2.hill.com", {"192.0.2.2"});
    }
    ~Dispatch() override {
        if (!dispatcher) return;
        if (!drained) drain(0s);
        for (const auto& [name, destination] : outlet.destinations) dispatcher->gone(*destination);
        dispatcher.reset();
        auto stopping = resolver.stop();
        network.settle();
        EXPECT_TRUE(stopping.done());
        EXPECT_EQ(metrics.value(Level::outbound_open), 0);
        EXPECT_EQ(metrics.value(Level::outbound_idle), 0);
        EXPECT_EQ(metrics.value(Level::sites), 0);
        for (const auto& peer : network.peers) EXPECT_TRUE(peer->wire().gone);
    }
    void start() {
        slots = std::make_unique<SlotSet>(1, SlotLimits{options.site_start, options.site_most});
        dispatcher = std::make_unique<Dispatcher>(shard, network, resolver, outlet, *slots, metrics, options);
        outlet.carrier = dispatcher.get();
    }
    void drain(Duration patience) {
        auto draining = dispatcher->drain(shard.now() + patience);
        network.settle();
        for (int i = 0; i < 100 && !draining.done(); ++i) network.pass(1s, 1s);
        EXPECT_TRUE(draining.done());
        drained = true;
    }
    void submit(const std::string& address, int times = 1) {
        for (int i = 0; i < times; ++i)
            outlet.submit(delivery({address}, "Subject: hi\r\n\r\nhello\r\n", shard.random()));
    }
    Behaviour& mx1() { return network.host("192.0.2.1:25"); }
    Behaviour& mx2() { return network.host("192.0.2.2:25"); }
    unsigned attempts(const std::string& at) { return network.attempts[endpoint(at)]; }

    support::ManualShard shard;
    FakeNetwork network{shard};
    FakeNames names;
    metrics::Sheet metrics;
    dns::Resolver resolver{shard, names, metrics, dns::Options{}};
    FakeOutlet outlet;
    Options options;
    std::unique_ptr<SlotSet> slots;
    std::unique_ptr<Dispatcher> dispatcher;
    bool drained = false;
};

}  // namespace angarium::outbound::test

// Runs a coroutine on a real shard, with c-ares on its ring.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "dns/cares_lookup.hpp"
#include "dns/resolver.hpp"
#include "engine/runtime/ring_shard.hpp"

namespace angarium::dns::test {

struct Real {
    runtime::RingShard& shard;
    Lookup& lookup;
    Resolver& resolver;
    metrics::Sheet& metrics;
    void* argument;  // whatever the test passed
};
using Body = runtime::Task<void> (*)(Real&);

inline runtime::Task<void> run_body(runtime::RingShard& shard, Options options, Body body, void* argument) {
    auto lookup = make_cares_lookup(shard, shard.poller(), options.lookup);
    EXPECT_TRUE(lookup) << lookup.error().text;
    if (!lookup) co_return;
    auto metrics = std::make_unique<metrics::Sheet>();
    Resolver resolver(shard, **lookup, *metrics, options);
    Real real{shard, **lookup, resolver, *metrics, argument};
    auto running = body(real);
    co_await running;
    auto stopping = resolver.stop();
    co_await stopping;
}

inline void on_shard(const Options& options, Body body, void* argument = nullptr) {
    runtime::SystemClock clock;
    auto set = runtime::ShardSet::create(1, clock, {}, false);
    ASSERT_TRUE(set) << set.error().text;
    (*set)->run([&](runtime::RingShard& shard) { return run_body(shard, options, body, argument); });
}

// One question, straight to the lookup.
inline runtime::Task<Answer> ask(Real& real, std::string name, RecordType type) {
    Question question{std::move(name), type};
    auto asking = real.lookup.ask(question);
    co_return co_await asking;
}

}  // namespace angarium::dns::test

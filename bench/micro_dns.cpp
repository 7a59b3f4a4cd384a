// Micro-benchmarks of names: the cache's hits and misses, a reply with MX records, and the order of a domain's exchangers.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/micro_samples.hpp"
#include "dns/cache.hpp"
#include "dns/message.hpp"
#include "dns/mx.hpp"
#include "engine/runtime/ring_shard.hpp"

namespace angarium::bench {
namespace {

using dns::RecordType;
using runtime::Task;

dns::Answer address_answer() {
    dns::Answer answer;
    answer.ttl = std::chrono::hours(1);
    answer.has_ttl = true;
    answer.addresses.push_back(*IpAddress::parse("192.0.2.17"));
    return answer;
}

// Answers every question at once, so that a miss costs what the cache spends on it.
class ReadyLookup final : public dns::Lookup {
  public:
    Task<dns::Answer> ask(dns::Question) override { co_return address_answer(); }
    void cancel() override {}
};

struct Cached {
    explicit Cached(std::size_t entries) : shard(clock) {
        dns::CacheOptions options;
        options.entries = entries;
        cache.emplace(shard, lookup, sheet, options);
    }
    ~Cached() {
        auto stopping = cache->stop();
        shard.settle();
    }
    runtime::SystemClock clock;
    BareShard shard;
    ReadyLookup lookup;
    metrics::Sheet sheet;
    std::optional<dns::Cache> cache;
};

constexpr std::int64_t questions = 1000;

Task<void> ask_all(dns::Cache& cache, const std::vector<std::string>& names, std::size_t& next) {
    for (std::int64_t i = 0; i < questions; ++i) {
        auto asking = cache.get(names[next], RecordType::a);
        const auto kept = co_await asking;
        benchmark::DoNotOptimize(kept.get());
        if (++next == names.size()) next = 0;
    }
}

// Argument: entries in the cache, all asked for in a random order.
void dns_cache_hit(benchmark::State& state) {
    const auto entries = static_cast<unsigned>(state.range(0));
    Cached cached(entries);
    const Domains domains(entries, "example.test");
    std::vector<std::string> names;
    for (unsigned i = 0; i < entries; ++i) names.push_back(domains.name(i));
    Random random(1);
    for (auto i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random.below(i)]);
    std::size_t next = 0;
    do {  // rounds of 1,000 until every name has been asked for
        auto filling = ask_all(*cached.cache, names, next);
        cached.shard.settle();
    } while (cached.cache->entries() < names.size());
    const auto asked = cached.sheet.value(metrics::Count::dns_queries_a);
    for (auto _ : state) {
        auto asking = ask_all(*cached.cache, names, next);
        cached.shard.settle();
    }
    if (cached.sheet.value(metrics::Count::dns_queries_a) != asked)
        state.SkipWithError("the cache had to ask");
    state.SetItemsProcessed(state.iterations() * questions);
}
BENCHMARK(dns_cache_hit)->Arg(1)->Arg(50'000);

// Names that never come twice.
Task<void> ask_new(dns::Cache& cache, const Domains& domains, std::string& name, unsigned& next) {
    for (std::int64_t i = 0; i < questions; ++i) {
        domains.put_name(name.data(), next++ % domains.count());
        auto asking = cache.get(name, RecordType::a);
        const auto kept = co_await asking;
        benchmark::DoNotOptimize(kept.get());
    }
}

// Argument: entries of a full cache; each miss asks, keeps the answer, and evicts another.
void dns_cache_miss(benchmark::State& state) {
    Cached cached(static_cast<std::size_t>(state.range(0)));
    const Domains domains(100'000'000, "example.test");
    std::string name = domains.pattern();
    unsigned next = 0;
    for (std::int64_t filled = 0; filled < state.range(0); filled += questions) {
        auto filling = ask_new(*cached.cache, domains, name, next);
        cached.shard.settle();
    }
    for (auto _ : state) {
        auto asking = ask_new(*cached.cache, domains, name, next);
        cached.shard.settle();
    }
    if (cached.sheet.value(metrics::Count::dns_hits_a) != 0) state.SkipWithError("a name came twice");
    state.SetItemsProcessed(state.iterations() * questions);
}
BENCHMARK(dns_cache_miss)->Arg(1)->Arg(50'000);

void parse_mx_reply(benchmark::State& state) {
    const auto reply = mx_reply();
    const dns::Question question{"d042.example.test", RecordType::mx};
    std::size_t found = 0;
    for (auto _ : state) {
        const auto answer = dns::parse_reply(reply, question);
        found = answer.exchangers.size();
        benchmark::DoNotOptimize(answer.exchangers.data());
    }
    if (found != mx_reply_records) state.SkipWithError("the reply is not taken");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(parse_mx_reply);

// From the answers to the exchangers in the order to try: five hosts of three preferences, two IPv4 addresses and one IPv6 address
// each. Resolving does this once a TTL; only the shuffle is done for each attempt's plan.
void exchanger_order(benchmark::State& state) {
    const auto mx = dns::parse_reply(mx_reply(), {"d042.example.test", RecordType::mx});
    dns::Answer a = address_answer(), aaaa = address_answer();
    a.addresses.push_back(*IpAddress::parse("192.0.2.18"));
    aaaa.addresses = {*IpAddress::parse("2001:db8::17")};
    dns::RouteOptions options;
    options.hostname = "relay.example.net";
    options.allow = {*IpNetwork::parse("192.0.2.0/24"), *IpNetwork::parse("2001:db8::/32")};
    Random random(1);
    std::size_t hosts_found = 0;
    for (auto _ : state) {
        const auto hosts = dns::candidates("d042.example.test", mx, options);
        if (!hosts) return state.SkipWithError(hosts.error().text.c_str());
        std::vector<dns::HostAnswers> answers;
        for (const auto& host : *hosts) answers.push_back({host, a, aaaa});
        auto exchangers = dns::assemble("d042.example.test", answers, options);
        if (!exchangers) return state.SkipWithError(exchangers.error().text.c_str());
        dns::shuffle_equals(exchangers->hosts, random);
        hosts_found = exchangers->hosts.size();
        benchmark::DoNotOptimize(exchangers->hosts.data());
    }
    if (hosts_found != mx_reply_records) state.SkipWithError("hosts are missing");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(exchanger_order);

}  // namespace
}  // namespace angarium::bench

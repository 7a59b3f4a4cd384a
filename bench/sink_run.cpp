#include "bench/sink_run.hpp"

#include <algorithm>
#include <atomic>

#include "bench/dns_server.hpp"
#include "bench/server_dialogue.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/runtime/signals.hpp"

namespace angarium::bench {
namespace {

using runtime::Listener;
using runtime::RingShard;
using runtime::Stream;
using runtime::Task;

// One shard's part: its listeners and the connections that they gave.
class Collector {
  public:
    Collector(const SinkOptions& options, Ledger& ledger, RingShard& shard)
        : options_(options),
          ledger_(ledger),
          tally_(ledger.tally(index(shard.id()))),
          shard_(shard),
          random_(options.misbehaviour.seed + index(shard.id())) {}

    // Endpoints with port 0 take what the kernel gives; `bound` becomes the real ones.
    Result<void> listen(const std::vector<Endpoint>& wanted, std::vector<Endpoint>& bound) {
        for (auto endpoint : wanted) {
            // Exchangers share a port in tests: a further address without one takes the first one's.
            if (endpoint.port == 0 && !bound.empty() && endpoint.address != bound.front().address)
                endpoint.port = bound.front().port;
            auto listener = shard_.network().listen(endpoint);
            if (!listener) return std::unexpected(listener.error());
            bound.push_back((*listener)->local());
            listeners_.push_back(std::move(*listener));
        }
        for (auto& listener : listeners_) gate_.hold(accept(*listener));
        return {};
    }
    Task<void> stop() {
        stopping_ = true;
        for (auto& listener : listeners_) listener->close();
        for (Stream* stream : streams_) stream->abort(IoError::canceled);
        co_await gate_.closed();
        listeners_.clear();
    }

  private:
    Task<void> accept(Listener& listener);
    Task<void> serve(std::unique_ptr<Stream> stream);
    Task<void> converse(Stream& stream, ServerDialogue& dialogue);

    const SinkOptions& options_;
    Ledger& ledger_;
    Tally& tally_;
    RingShard& shard_;
    Random random_;
    bool stopping_ = false;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::vector<Stream*> streams_;  // open ones
    runtime::Gate gate_;
};

Task<void> Collector::accept(Listener& listener) {
    while (true) {
        auto stream = co_await listener.accept();
        if (stream) {
            gate_.hold(serve(std::move(*stream)));
        } else if (stream.error() == IoError::canceled) {
            co_return;
        } else {
            co_await shard_.sleep(50ms);  // descriptors are out: some connection will end
        }
    }
}

Task<void> Collector::serve(std::unique_ptr<Stream> stream) {
    if (stopping_) co_return;
    streams_.push_back(stream.get());
    ledger_.connection_opened();
    ServerDialogue dialogue(options_, ledger_, tally_, random_);
    co_await converse(*stream, dialogue);
    ledger_.connection_closed(tally_, dialogue.messages());
    const auto place = std::ranges::find(streams_, stream.get());
    *place = streams_.back();
    streams_.pop_back();
}

// Answers each flight with one send.
Task<void> Collector::converse(Stream& stream, ServerDialogue& dialogue) {
    std::string out;
    dialogue.greet(out);
    while (true) {
        if (!out.empty() && !stream.has_input() && !dialogue.within_chunk()) {
            const auto written = co_await stream.write(out, no_deadline);
            if (!written) co_return;
            out.clear();
        }
        const auto got = co_await stream.read(no_deadline);
        if (!got) co_return;
        auto input = *got;
        auto step = dialogue.feed(input, out);
        while (step == ServerDialogue::Step::pause) {
            // The replies before it may be waited for; the view stays ours until the next read.
            const auto written = co_await stream.write(out, no_deadline);
            if (!written) co_return;
            out.clear();
            co_await shard_.sleep(options_.misbehaviour.delay);
            if (stopping_) co_return;
            step = dialogue.answer(out) ? dialogue.feed(input, out) : ServerDialogue::Step::drop;
        }
        if (step == ServerDialogue::Step::drop) {
            stream.abort(IoError::canceled);
            co_return;
        }
        if (step == ServerDialogue::Step::close) {
            [[maybe_unused]] const auto written = co_await stream.write(out, no_deadline);
            co_return;
        }
    }
}

}  // namespace

class SinkRun::Implementation {
  public:
    explicit Implementation(const SinkOptions& options)
        : options_(options),
          ledger_(options.shards, Domains(options.domains, options.domain_suffix)),
          collectors_(options.shards),
          wake_(options.shards) {}

    Result<SinkSummary> run(bool signals, std::function<void(const SinkAddresses&)> ready,
                            std::function<void(const Ledger&, double)> report) {
        auto set = runtime::ShardSet::create(options_.shards, clock_, {}, false);
        if (!set) return std::unexpected(set.error());
        set_ = set->get();
        ready_ = std::move(ready);
        report_ = std::move(report);
        const auto before = CpuTime::now();
        set_->run([this, signals](RingShard& shard) {
            return index(shard.id()) == 0 ? lead(shard, signals) : follow(shard);
        });
        const auto cpu = CpuTime::now() - before;
        RingUse ring;
        for (unsigned i = 0; i < set_->size(); ++i) {
            const auto& counters = set_->shard(ShardId(i)).counters();
            ring.enters += counters.enters;
            ring.completions += counters.completions;
        }
        set_ = nullptr;
        if (error_) return std::unexpected(*error_);
        auto result = summary(cpu);
        result.ring = ring;
        return result;
    }
    void stop() { stop_asked_.store(true); }

  private:
    Task<void> lead(RingShard& shard, bool signals);
    Task<void> follow(RingShard& shard);
    Task<void> watch_signals(runtime::SignalReader& reader);
    Task<void> until_over(RingShard& shard);
    Result<void> start(RingShard& shard);
    bool all_has_come() const;
    SinkSummary summary(CpuTime cpu) const;

    const SinkOptions options_;
    runtime::SystemClock clock_;
    Ledger ledger_;
    runtime::ShardSet* set_ = nullptr;
    std::function<void(const SinkAddresses&)> ready_;
    std::function<void(const Ledger&, double)> report_;
    std::vector<std::unique_ptr<Collector>> collectors_;  // each touched by its own shard only
    std::vector<runtime::Event> wake_;
    std::unique_ptr<DnsServer> dns_;
    SinkAddresses addresses_;  // written by shard 0 before the others start to listen
    std::uint64_t queries_ = 0;
    std::atomic<unsigned> listening_{0};
    std::atomic<bool> failed_{false}, stop_asked_{false};
    std::atomic<bool> over_{false};
    std::optional<Error> error_;
};

Result<void> SinkRun::Implementation::start(RingShard& shard) {
    auto& collector = collectors_[0] = std::make_unique<Collector>(options_, ledger_, shard);
    if (auto listening = collector->listen(options_.listen, addresses_.smtp); !listening) return listening;
    if (!options_.dns) return {};
    Zone zone{ledger_.domains(), std::max(options_.mx_hosts, 1u), {}, options_.ttl};
    for (const auto& endpoint : addresses_.smtp) {
        const bool any = endpoint.address == IpAddress::v4(0);
        zone.addresses.push_back(any ? IpAddress::v4(0x7F000001) : endpoint.address);
    }
    auto server = DnsServer::open(shard.poller(), *options_.dns, std::move(zone));
    if (!server) return std::unexpected(server.error());
    dns_ = std::move(*server);
    addresses_.dns = dns_->local();
    return {};
}

Task<void> SinkRun::Implementation::lead(RingShard& shard, bool signals) {
    if (auto started = start(shard); !started) {
        error_ = started.error();
        failed_ = true;
    }
    ++listening_;
    for (unsigned i = 1; i < options_.shards; ++i) set_->call(ShardId(i), [this, i] { wake_[i].signal(); });
    while (listening_.load() < options_.shards) co_await shard.sleep(1ms);
    std::unique_ptr<runtime::SignalReader> reader;
    runtime::Gate watching;
    if (!failed_) {
        if (signals) {
            if (auto opened = runtime::SignalReader::open(shard.poller())) {
                reader = std::move(*opened);
                watching.hold(watch_signals(*reader));
            }
        }
        if (ready_) ready_(addresses_);
        co_await until_over(shard);
    }
    over_ = true;
    for (unsigned i = 1; i < options_.shards; ++i) set_->call(ShardId(i), [this, i] { wake_[i].signal(); });
    if (reader) reader->close();
    co_await watching.closed();
    co_await collectors_[0]->stop();
    if (dns_) queries_ = dns_->queries();
    dns_.reset();
    collectors_[0].reset();
}

Task<void> SinkRun::Implementation::follow(RingShard& shard) {
    const auto number = index(shard.id());
    co_await wake_[number].wait();
    auto& collector = collectors_[number] = std::make_unique<Collector>(options_, ledger_, shard);
    std::vector<Endpoint> bound;
    if (!failed_) {
        if (auto listening = collector->listen(addresses_.smtp, bound); !listening) {
            if (!failed_.exchange(true)) error_ = listening.error();
        }
    }
    ++listening_;
    while (!over_) co_await wake_[number].wait();
    co_await collector->stop();
    collector.reset();
}

Task<void> SinkRun::Implementation::watch_signals(runtime::SignalReader& reader) {
    while (true) {
        const auto signal = co_await reader.next();
        if (!signal) co_return;
        if (*signal != runtime::Signal::reload) stop_asked_ = true;
    }
}

bool SinkRun::Implementation::all_has_come() const {
    if (options_.expect == 0 || ledger_.total(&Tally::unique) < options_.expect) return false;
    constexpr std::uint64_t quiet = 1'000'000;  // microseconds: a double would have come by then
    return wall_microseconds() > ledger_.last_arrival() + quiet;
}

Task<void> SinkRun::Implementation::until_over(RingShard& shard) {
    const auto started = shard.now();
    auto next_report = started + options_.report_every;
    while (!stop_asked_ && !all_has_come()) {
        co_await shard.sleep(50ms);
        if (options_.report_every > Duration::zero() && report_ && shard.now() >= next_report) {
            next_report += options_.report_every;
            report_(ledger_, std::chrono::duration<double>(shard.now() - started).count());
        }
    }
}

SinkSummary SinkRun::Implementation::summary(CpuTime cpu) const {
    SinkSummary s;
    s.expected = options_.expect;
    const auto total = [&](Counter Tally::* counter) { return ledger_.total(counter); };
    s.messages = total(&Tally::messages);
    s.bytes = total(&Tally::bytes);
    s.recipients = total(&Tally::recipients);
    s.unique = total(&Tally::unique);
    s.duplicated = total(&Tally::duplicated);
    s.untracked = total(&Tally::untracked);
    s.foreign = total(&Tally::foreign);
    s.damaged = total(&Tally::damaged);
    s.rejected_recipients = total(&Tally::rejected_recipients);
    s.deferred_recipients = total(&Tally::deferred_recipients);
    s.deferred_messages = total(&Tally::deferred_messages);
    s.disconnects = total(&Tally::disconnects);
    s.refused_messages = total(&Tally::refused_messages);
    s.connections = total(&Tally::connections);
    s.empty_connections = total(&Tally::empty_connections);
    s.most_open = ledger_.most_open_connections();
    s.queries = queries_;
    s.cpu = cpu;
    s.peak_memory = peak_resident_bytes();
    s.per_domain.resize(ledger_.domains().count());
    s.domain_suffix = ledger_.domains().suffix();
    std::uint64_t first = 0, last = 0;
    for (unsigned i = 0; i < ledger_.shards(); ++i) {
        const auto& tally = ledger_.tally(i);
        s.most_messages = std::max(s.most_messages, tally.most_messages.value());
        s.latency.merge(tally.latency);
        s.other_domains += tally.other_domains;
        for (std::size_t d = 0; d < s.per_domain.size(); ++d) s.per_domain[d] += tally.per_domain[d];
        if (const auto at = tally.first_arrival.value(); at != 0)
            first = first == 0 ? at : std::min(first, at);
        last = std::max(last, tally.last_arrival.value());
    }
    s.seconds = static_cast<double>(last - first) / 1e6;
    s.runs = ledger_.ids().runs();
    return s;
}

SinkRun::SinkRun(const SinkOptions& options) : implementation_(std::make_unique<Implementation>(options)) {}
SinkRun::~SinkRun() = default;
Result<SinkSummary> SinkRun::run(bool signals, std::function<void(const SinkAddresses&)> ready,
                                 std::function<void(const Ledger&, double)> report) {
    return implementation_->run(signals, std::move(ready), std::move(report));
}
void SinkRun::stop() { implementation_->stop(); }

}  // namespace angarium::bench

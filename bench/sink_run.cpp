#include "bench/sink_run.hpp"

#include <algorithm>
#include <atomic>

#include "bench/dns_server.hpp"
#include "bench/server_dialogue.hpp"
#include "bench/sink_metrics.hpp"
#include "engine/http/router.hpp"
#include "engine/http/server.hpp"
#include "engine/runtime/descriptors.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/runtime/signals.hpp"

namespace angarium::bench {
namespace {

using runtime::Listener;
using runtime::RingShard;
using runtime::Stream;
using runtime::Task;
using TlsContexts = std::vector<std::shared_ptr<runtime::TlsContext>>;

constexpr Duration handshake_timeout = 60s;

// For each shard; empty: no TLS.
Result<TlsContexts> tls_of(const SinkOptions& o) {
    TlsContexts contexts;
    if (o.tls == TlsMode::none) return contexts;
    std::vector<std::string> names{"*." + o.domain_suffix, "localhost"};
    for (const auto& endpoint : o.listen)
        if (auto name = endpoint.address.text(); std::ranges::find(names, name) == names.end())
            names.push_back(std::move(name));
    auto identity =
        o.certificate.empty() ? runtime::make_identity(names) : runtime::read_identity(o.certificate, o.key);
    if (!identity) return std::unexpected(identity.error());
    runtime::TlsServerOptions options;
    options.identities.push_back(std::move(*identity));
    options.resumption = o.tls_resume;
    for (unsigned i = 0; i < o.shards; ++i) {
        auto context = runtime::TlsContext::server(options);
        if (!context) return std::unexpected(context.error());
        contexts.push_back(std::move(*context));
    }
    return contexts;
}

// One shard's part: its listeners and the connections that they gave.
class Collector {
  public:
    Collector(const SinkOptions& options, const Script& script, Ledger& ledger, const TlsContexts& tls,
              RingShard& shard)
        : shard_(shard),
          tls_(tls.empty() ? nullptr : tls[index(shard.id())]),
          random_(options.seed + index(shard.id())),
          context_{options, script, ledger, ledger.tally(index(shard.id())), random_} {}

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
    Task<bool> secure(std::unique_ptr<Stream>& stream);
    Task<void> converse(std::unique_ptr<Stream>& stream, ServerDialogue& dialogue);
    Task<bool> trickle(Stream& stream, Duration tarpit, std::string& out);
    Task<void> pass(MonoTime until);

    RingShard& shard_;
    const std::shared_ptr<runtime::TlsContext> tls_;
    Random random_;
    SinkContext context_;
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

// One connection, from its first octet to its last.
Task<void> Collector::serve(std::unique_ptr<Stream> stream) {
    if (stopping_) co_return;
    streams_.push_back(stream.get());
    context_.ledger.connection_opened();
    ServerDialogue dialogue(context_, stream->local().address);
    bool ready = true;
    if (context_.options.tls == TlsMode::implicit) ready = co_await secure(stream);
    if (ready) co_await converse(stream, dialogue);
    context_.ledger.connection_closed(context_.tally, dialogue.messages());
    const auto place = std::ranges::find(streams_, stream.get());
    *place = streams_.back();
    streams_.pop_back();
}

// TLS from here on: what `stream` was is beneath what it is now. False: the handshake failed.
Task<bool> Collector::secure(std::unique_ptr<Stream>& stream) {
    const auto place = std::ranges::find(streams_, stream.get()) - streams_.begin();
    auto over = std::make_unique<runtime::TlsStream>(tls_, std::move(stream));
    auto& tls = *over;
    streams_[static_cast<std::size_t>(place)] = over.get();
    stream = std::move(over);
    const auto shaken =
        co_await shake_hands(tls, shard_.now() + handshake_timeout, context_.tally.handshakes);
    co_return shaken.has_value();
}

// Answers each flight with one send.
Task<void> Collector::converse(std::unique_ptr<Stream>& stream, ServerDialogue& dialogue) {
    using Step = ServerDialogue::Step;
    const auto bandwidth = context_.options.bandwidth;
    auto next_read = shard_.now();  // by that bandwidth
    std::string out;
    std::string_view input;
    auto step = dialogue.greet(out);
    while (true) {
        if (step == Step::drop) {
            stream->abort(IoError::canceled);
            co_return;
        }
        if (step == Step::secure) step = dialogue.begin_tls(input.empty() && !stream->has_input(), out);
        if (!out.empty() && (step != Step::more || (!stream->has_input() && !dialogue.within_chunk()))) {
            context_.tally.flights.add();
            const auto written = co_await stream->write(out, no_deadline);
            if (!written) co_return;
            out.clear();
        }
        if (step == Step::close) co_return;
        if (step == Step::secure) {
            const bool secured = co_await secure(stream);
            if (!secured) co_return;
            dialogue.secured();
            step = Step::more;
        }
        if (step == Step::pause) {  // what is left of `input` stays ours until the next read
            co_await pass(shard_.now() + dialogue.pause().delay);
            if (stopping_) co_return;
            step = dialogue.resume(out);
            const bool trickled = co_await trickle(*stream, dialogue.pause().tarpit, out);
            if (!trickled) co_return;
            if (step == Step::more) step = dialogue.feed(input, out);
            continue;
        }
        if (bandwidth > 0) {
            co_await pass(next_read);
            if (stopping_) co_return;
        }
        const auto got = co_await stream->read(no_deadline);
        if (!got) co_return;
        if (step == Step::stall) continue;  // until the client has enough of it
        if (bandwidth > 0)
            next_read = std::max(next_read, shard_.now()) + Duration(got->size() * 1'000'000'000 / bandwidth);
        input = *got;
        step = dialogue.feed(input, out);
    }
}

// With time before every octet.
Task<bool> Collector::trickle(Stream& stream, Duration tarpit, std::string& out) {
    if (tarpit == Duration::zero()) co_return true;
    for (std::size_t i = 0; i < out.size(); ++i) {
        co_await pass(shard_.now() + tarpit);
        if (stopping_) co_return false;
        const auto written = co_await stream.write(std::string_view(out).substr(i, 1), no_deadline);
        if (!written) co_return false;
    }
    out.clear();
    co_return true;
}

Task<void> Collector::pass(MonoTime until) {
    constexpr Duration step = 50ms;  // so that stopping need not wait longer
    while (!stopping_ && shard_.now() < until) co_await shard_.sleep(std::min(step, until - shard_.now()));
}

}  // namespace

class SinkRun::Implementation {
  public:
    explicit Implementation(const SinkOptions& options)
        : options_(options),
          ledger_(options.shards, Domains(options.domains, options.domain_suffix), options.warm_up),
          script_(options.script, ledger_.domains()),
          collectors_(options.shards),
          wake_(options.shards) {}

    Result<SinkSummary> run(bool signals, SinkListener listener) {
        auto tls = tls_of(options_);
        if (!tls) return std::unexpected(tls.error());
        tls_ = std::move(*tls);
        runtime::allow_all_descriptors();
        auto set = runtime::ShardSet::create(options_.shards, clock_, {}, false);
        if (!set) return std::unexpected(set.error());
        set_ = set->get();
        listener_ = std::move(listener);
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
    const Script script_;
    TlsContexts tls_;
    DnsTally dns_tally_;
    runtime::ShardSet* set_ = nullptr;
    SinkListener listener_;
    std::vector<std::unique_ptr<Collector>> collectors_;  // each touched by its own shard only
    std::vector<runtime::Event> wake_;
    std::unique_ptr<DnsServer> dns_;
    SinkAddresses addresses_;  // written by shard 0 before the others start to listen
    MetricsPage metrics_{ledger_, dns_tally_};
    http::Router pages_;
    metrics::Sheet http_sheet_;  // the server's own counts, which nobody reads
    std::unique_ptr<http::Server> http_;
    std::atomic<unsigned> listening_{0};
    std::atomic<bool> failed_{false}, stop_asked_{false};
    std::atomic<bool> over_{false};
    std::optional<Error> error_;
};

Result<void> SinkRun::Implementation::start(RingShard& shard) {
    auto& collector = collectors_[0] = std::make_unique<Collector>(options_, script_, ledger_, tls_, shard);
    if (auto listening = collector->listen(options_.listen, addresses_.smtp); !listening) return listening;
    if (options_.http) {
        pages_.add("/metrics", "GET, HEAD", metrics_);
        auto server = http::Server::listen(shard, shard.network(), *options_.http, pages_, {}, http_sheet_);
        if (!server) return std::unexpected(server.error());
        http_ = std::move(*server);
        http_->start();
        addresses_.http = http_->local();
    }
    if (!options_.dns) return {};
    const auto hosts =
        options_.mx_hosts > 0 ? options_.mx_hosts : static_cast<unsigned>(addresses_.smtp.size());
    Zone zone{ledger_.domains(), hosts, {}, options_.ttl};
    for (const auto& endpoint : addresses_.smtp) {
        const bool any = endpoint.address == IpAddress::v4(0);
        zone.addresses.push_back(any ? IpAddress::v4(0x7F000001) : endpoint.address);
    }
    auto server = DnsServer::open(shard, *options_.dns, std::move(zone), script_, options_.seed, dns_tally_);
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
        if (listener_.ready) listener_.ready(addresses_);
        co_await until_over(shard);
    }
    over_ = true;
    for (unsigned i = 1; i < options_.shards; ++i) set_->call(ShardId(i), [this, i] { wake_[i].signal(); });
    if (reader) reader->close();
    co_await watching.closed();
    co_await collectors_[0]->stop();
    if (dns_) co_await dns_->stop();
    dns_.reset();
    if (http_) co_await http_->stop();
    http_.reset();
    collectors_[0].reset();
}

Task<void> SinkRun::Implementation::follow(RingShard& shard) {
    const auto number = index(shard.id());
    co_await wake_[number].wait();
    auto& collector = collectors_[number] =
        std::make_unique<Collector>(options_, script_, ledger_, tls_, shard);
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
    bool warm = options_.warm_up == 0 || !listener_.warm;
    while (!stop_asked_ && !all_has_come()) {
        co_await shard.sleep(warm ? 50ms : 5ms);
        if (!warm && ledger_.warm_since() != 0) {
            warm = true;
            listener_.warm(ledger_.warm_since());
        }
        if (options_.report_every > Duration::zero() && listener_.report && shard.now() >= next_report) {
            next_report += options_.report_every;
            listener_.report(ledger_, std::chrono::duration<double>(shard.now() - started).count());
        }
    }
}

SinkSummary SinkRun::Implementation::summary(CpuTime cpu) const {
    SinkSummary s;
    s.expected = options_.expect;
    s.tls = options_.tls;
    const auto total = [&](Counter Tally::* counter) { return ledger_.total(counter); };
    s.messages = total(&Tally::messages);
    s.bytes = total(&Tally::bytes);
    s.recipients = total(&Tally::recipients);
    s.unique = total(&Tally::unique);
    s.duplicated = total(&Tally::duplicated);
    s.untracked = total(&Tally::untracked);
    s.foreign = total(&Tally::foreign);
    s.damaged = total(&Tally::damaged);
    s.refused_messages = total(&Tally::refused_messages);
    s.connections = total(&Tally::connections);
    s.empty_connections = total(&Tally::empty_connections);
    s.commands = total(&Tally::commands);
    s.flights = total(&Tally::flights);
    s.most_open = ledger_.most_open_connections();
    for (std::size_t stage = 0; stage < s.script.size(); ++stage)
        for (std::size_t deed = 0; deed < deed_names.size(); ++deed)
            s.script[stage][deed] = ledger_.total(Stage(stage), Deed(deed));
    for (std::size_t type = 0; type < s.dns.size(); ++type)
        for (std::size_t result = 0; result < dns_result_names.size(); ++result)
            s.dns[type][result] = dns_tally_.queries[type][result].value();
    s.warm_up = options_.warm_up;
    s.warm_since = ledger_.warm_since();
    s.cpu = cpu;
    s.peak_memory = peak_resident_bytes();
    s.per_domain.resize(ledger_.domains().count());
    s.domain_suffix = ledger_.domains().suffix();
    std::uint64_t first = 0, last = 0;
    for (unsigned i = 0; i < ledger_.shards(); ++i) {
        const auto& tally = ledger_.tally(i);
        s.latency.merge(tally.latency);
        s.messages_each.merge(tally.messages_each);
        s.handshakes.merge(tally.handshakes);
        s.other_domains += tally.other_domains;
        if (tally.warm) {
            s.measured += tally.messages.value() - tally.before.messages;
            s.measured_bytes += tally.bytes.value() - tally.before.bytes;
        }
        for (std::size_t d = 0; d < s.per_domain.size(); ++d) {
            const auto copies = tally.per_domain[d];
            s.per_domain[d].copies += copies;
            if (tally.warm)
                s.per_domain[d].measured += copies - (options_.warm_up > 0 ? tally.before.per_domain[d] : 0);
        }
        if (const auto at = tally.first_arrival.value(); at != 0)
            first = first == 0 ? at : std::min(first, at);
        last = std::max(last, tally.last_arrival.value());
    }
    if (options_.warm_up > 0) first = s.warm_since != 0 ? s.warm_since : last;
    s.last_arrival = last;
    s.seconds = static_cast<double>(last - std::min(first, last)) / 1e6;
    s.runs = ledger_.ids().runs();
    return s;
}

std::uint64_t SinkSummary::queries() const {
    std::uint64_t sum = 0;
    for (const auto& type : dns)
        for (const auto count : type) sum += count;
    return sum;
}

SinkRun::SinkRun(const SinkOptions& options) : implementation_(std::make_unique<Implementation>(options)) {}
SinkRun::~SinkRun() = default;
Result<SinkSummary> SinkRun::run(bool signals, SinkListener listener) {
    return implementation_->run(signals, std::move(listener));
}
void SinkRun::stop() { implementation_->stop(); }

}  // namespace angarium::bench

#include "bench/send_run.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "bench/generator.hpp"
#include "engine/runtime/signals.hpp"

namespace angarium::bench {
namespace {

using runtime::RingShard;
using runtime::Task;

// `total` in equal parts; the first ones get what is left over.
unsigned share(unsigned total, unsigned parts, unsigned part) {
    return total / parts + (part < total % parts ? 1 : 0);
}

// It goes into a command or a header.
bool is_address(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return c > ' ' && c != '<' && c != '>' && c != 127;
    });
}

Result<void> check(const SendOptions& o) {
    if (o.messages == 0 && o.duration <= Duration::zero())
        return failure("say how much: a number of messages or a duration");
    if (o.sessions == 0 || o.shards == 0 || o.recipients == 0 ||
        o.recipients > SendOptions::most_recipients || o.domains == 0)
        return failure(fmt::format("sessions, shards, domains and recipients (at most {}) must be positive",
                                   SendOptions::most_recipients));
    if (o.messages != 0 && o.warm_up >= o.messages)
        return failure("a warm-up is shorter than the run: fewer messages than are sent in all");
    if (o.sessions < o.shards) return failure("every shard needs a session");
    if (o.zipf < 0) return failure("the exponent of Zipf's law is not negative; 1 is usual");
    if (!o.from.empty() && !is_address(o.from)) return failure(o.from + " is no address");
    if (!is_address(o.hello)) return failure("'" + o.hello + "' is no name for EHLO");
    for (const auto& address : o.addresses)
        if (!is_address(address)) return failure("'" + address + "' is no address");
    if (!o.addresses.empty() && o.addresses.size() != o.recipients)
        return failure("give either addresses or a number of recipients");
    return {};
}

Result<std::shared_ptr<runtime::TlsContext>> tls_of(const SendOptions& o) {
    runtime::TlsClientOptions options;
    options.authorities = o.ca;
    options.newest = o.tls_newest;
    if (!o.tls_resume) options.sessions = 0;
    return runtime::TlsContext::client(options);
}

Result<std::unique_ptr<Forms>> forms_of(const SendState& state) {
    const auto& o = state.options;
    const RunFacts facts{state.run, o.recipients, o.from,
                         o.addresses.empty() ? std::string() : o.addresses.front()};
    if (!o.files.empty()) return Forms::of_files(facts, o.files);
    return Forms::of_sizes(facts, state.domains, o.sizes);
}

}  // namespace

class SendRun::Implementation {
  public:
    explicit Implementation(const SendOptions& options)
        : state_(options, options.seed != 0 ? options.seed : kernel_random()),
          tallies_(options.shards),
          generators_(options.shards) {}

    Result<SendSummary> run(bool signals, std::function<void(const SendProgress&)> progress) {
        const auto& options = state_.options;
        if (auto checked = check(options); !checked) return std::unexpected(checked.error());
        auto forms = forms_of(state_);
        if (!forms) return std::unexpected(forms.error());
        state_.forms = std::move(*forms);
        if (options.tls != TlsMode::none) {
            for (unsigned i = 0; i < options.shards; ++i) {
                auto context = tls_of(options);
                if (!context) return std::unexpected(context.error());
                state_.tls.push_back(std::move(*context));
            }
        }
        auto set = runtime::ShardSet::create(options.shards, clock_, {}, false);
        if (!set) return std::unexpected(set.error());
        set_ = set->get();
        progress_ = std::move(progress);
        active_ = options.shards;
        started_ = mono_nanoseconds();
        if (options.duration > Duration::zero()) state_.ends = clock_.mono() + options.duration;
        const auto before = CpuTime::now();
        set_->run([this, signals](RingShard& shard) { return main(shard, signals); });
        const auto cpu = CpuTime::now() - before;
        RingUse ring;
        for (unsigned i = 0; i < set_->size(); ++i) {
            const auto& counters = set_->shard(ShardId(i)).counters();
            ring.enters += counters.enters;
            ring.completions += counters.completions;
        }
        set_ = nullptr;
        auto result = summary(cpu);
        result.ring = ring;
        return result;
    }

  private:
    Task<void> main(RingShard& shard, bool signals);
    Task<void> watch_signals(runtime::SignalReader& reader);
    Task<void> report(RingShard& shard);
    SendProgress so_far() const;
    SendSummary summary(CpuTime cpu) const;

    SendState state_;
    runtime::SystemClock clock_;
    runtime::ShardSet* set_ = nullptr;
    std::function<void(const SendProgress&)> progress_;
    std::vector<SendTally> tallies_;
    std::vector<std::unique_ptr<Generator>> generators_;  // each touched by its own shard until all are done
    std::atomic<unsigned> active_{0};
    std::uint64_t started_ = 0;
};

Task<void> SendRun::Implementation::main(RingShard& shard, bool signals) {
    const auto& options = state_.options;
    const auto number = index(shard.id());
    auto& generator = generators_[number] = std::make_unique<Generator>(state_, tallies_[number], shard);
    std::unique_ptr<runtime::SignalReader> reader;
    runtime::Gate aside;
    if (number == 0 && signals) {
        if (auto opened = runtime::SignalReader::open(shard.poller())) {
            reader = std::move(*opened);
            aside.hold(watch_signals(*reader));
        }
    }
    if (number == 0 && progress_) aside.hold(report(shard));
    // The shards take turns: slots of an open loop are spread evenly.
    const auto offset = options.rate > 0 ? static_cast<std::uint64_t>(1e9 / options.rate * number) : 0;
    co_await generator->run(share(options.sessions, options.shards, number), options.rate / options.shards,
                            offset);
    --active_;
    if (number != 0) co_return;
    while (active_ > 0) co_await shard.sleep(5ms);
    if (reader) reader->close();
    co_await aside.closed();
}

Task<void> SendRun::Implementation::watch_signals(runtime::SignalReader& reader) {
    while (true) {
        const auto signal = co_await reader.next();
        if (!signal) co_return;
        state_.stop = true;
        for (unsigned i = 0; i < state_.options.shards; ++i)
            set_->call(ShardId(i), [this, i] { generators_[i]->abort(); });
    }
}

Task<void> SendRun::Implementation::report(RingShard& shard) {
    auto next = shard.now() + 1s;
    while (active_ > 0) {
        co_await shard.sleep(20ms);
        if (shard.now() < next) continue;
        next += 1s;
        progress_(so_far());
    }
    progress_(so_far());
}

SendProgress SendRun::Implementation::so_far() const {
    SendProgress p;
    for (const auto& tally : tallies_) {
        p.messages += tally.messages.value();
        p.failed += tally.failed.value();
        p.retried += tally.retried.value();
        p.unknown += tally.unknown.value();
        p.open += tally.open.value();
    }
    p.seconds = static_cast<double>(mono_nanoseconds() - started_) / 1e9;
    return p;
}

SendSummary SendRun::Implementation::summary(CpuTime cpu) const {
    SendSummary s;
    s.run = state_.run;
    std::uint64_t first = 0, last = 0;
    for (std::size_t i = 0; i < tallies_.size(); ++i) {
        const auto& tally = tallies_[i];
        s.messages += tally.messages.value();
        s.recipients += tally.recipients.value();
        s.failed += tally.failed.value();
        s.retried += tally.retried.value();
        s.unknown += tally.unknown.value();
        s.interrupted += tally.interrupted.value();
        s.connections += tally.connections.value();
        s.connect_errors += tally.connect_errors.value();
        s.bytes += tally.bytes;
        s.measured += tally.measured;
        s.measured_bytes += tally.measured_bytes;
        s.behind += tally.behind;
        s.errors.merge(tally.errors);
        s.handshakes.merge(tally.handshakes);
        s.latency.merge(tally.latency);
        s.service.merge(tally.service);
        if (tally.first != 0) first = first == 0 ? tally.first : std::min(first, tally.first);
        last = std::max(last, tally.last);
        if (!generators_[i]->trouble().empty()) s.trouble = generators_[i]->trouble();
    }
    s.seconds = last > first ? static_cast<double>(last - first) / 1e9 : 0;
    s.cpu = cpu;
    s.peak_memory = peak_resident_bytes();
    const auto wanted = state_.options.messages;
    s.complete = s.failed == 0 && (wanted != 0 ? s.messages >= wanted || state_.ends != no_deadline : true) &&
                 s.messages > 0;
    return s;
}

SendRun::SendRun(const SendOptions& options) : implementation_(std::make_unique<Implementation>(options)) {}
SendRun::~SendRun() = default;
Result<SendSummary> SendRun::run(bool signals, std::function<void(const SendProgress&)> progress) {
    return implementation_->run(signals, std::move(progress));
}

}  // namespace angarium::bench

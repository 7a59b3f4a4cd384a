#include "bench/relay_run.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/child.hpp"
#include "bench/relay_config.hpp"
#include "bench/scrape.hpp"
#include "bench/text.hpp"
#include "engine/runtime/sockaddr.hpp"

namespace angarium::bench {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

constexpr Duration patience = 60s;     // without anything that moves, or for an end
constexpr Duration look_pause = 10ms;  // between looks at the children
constexpr Duration memory_every = 200ms;
constexpr Duration rest = 300ms;    // nothing moved into the store for so long: the relay is at rest
constexpr Duration long_rest = 4s;  // the same of a queue that waits: what is old moves every few seconds
constexpr Duration counters_every = 1100ms;  // the relay's loops tell their counters once a second
constexpr std::string_view dead_suffix = "dead.test";
constexpr unsigned dead_domains = 1000;

// A port of 127.0.0.1 that is ours and where nobody listens, so that connections are refused; or a look whether one is free.
class HeldPort {
  public:
    explicit HeldPort(std::uint16_t port = 0)
        : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        if (port != 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        const runtime::SocketAddress address(Endpoint{IpAddress::v4(0x7f000001), port});
        held_ = ::bind(descriptor_, address.get(), address.length) == 0;
    }
    ~HeldPort() { ::close(descriptor_); }
    HeldPort(const HeldPort&) = delete;
    HeldPort& operator=(const HeldPort&) = delete;
    bool held() const { return held_; }
    Endpoint endpoint() const { return runtime::local_endpoint(descriptor_); }

  private:
    const int descriptor_;
    bool held_ = false;
};

std::string loopback(std::uint16_t port) { return fmt::format("127.0.0.1:{}", port); }

double number(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<double>() : 0;
}
std::uint64_t count(const json& object, const char* name) {
    return static_cast<std::uint64_t>(number(object, name));
}

// What generator and sink say of themselves.
RelayPart part_of(const json& report, double messages) {
    RelayPart part;
    const auto& latency = report.at("latency_seconds");
    part.latency = {number(latency, "p50"), number(latency, "p99"), number(latency, "p99.9")};
    part.rate = number(report, "rate");
    part.messages = messages;
    part.cpu = {number(report.at("cpu_seconds"), "user"), number(report.at("cpu_seconds"), "system")};
    part.memory = count(report, "peak_memory_bytes");  // unless the kernel says it better
    const auto own = number(report, report.contains("accepted") ? "accepted" : "messages");
    part.enters_per_message = ratio(number(report, "ring_enters_per_message") * own, messages);
    return part;
}

}  // namespace

class RelayRun::Measurement {
  public:
    Measurement(const RelayOptions& options, RelayRunHooks hooks)
        : options_(options), hooks_(std::move(hooks)) {
        ::sigemptyset(&signals_);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals_, signal);
        ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
    }
    ~Measurement() {
        send_.reset(), relay_.reset(), sink_.reset();
        std::error_code ignored;
        if (!folder_.empty() && !keep_) std::filesystem::remove_all(folder_, ignored);
    }

    Result<void> run() {
        using Step = Result<void> (Measurement::*)();
        constexpr Step steps[] = {&Measurement::make_folder,  &Measurement::start_sink,
                                  &Measurement::start_relay,  &Measurement::fill,
                                  &Measurement::warm_up,      &Measurement::start_send,
                                  &Measurement::follow,       &Measurement::settle,
                                  &Measurement::take_results, &Measurement::finish};
        for (const auto step : steps)
            if (auto done = (this->*step)(); !done) return done;
        return {};
    }
    bool interrupted() const { return interrupted_; }

  private:
    // The relay at one moment.
    struct Sample {
        ProcessUse use;
        Scrape metrics;
    };

    Result<void> make_folder();
    Result<void> start_sink();
    Result<void> start_relay();
    Result<void> fill();
    Result<void> warm_up();
    Result<void> start_send();
    Result<void> follow();
    Result<void> settle();
    Result<void> take_results();
    Result<void> finish();

    Result<void> start(std::unique_ptr<Child>& child, const std::string& name, Words words, bool listens);
    std::unexpected<Error> trouble(const Child& child, std::string_view what) {
        return std::unexpected(child.trouble(what));
    }
    // Sleeps for a moment; an error if a signal came, or if relay or sink are gone.
    Result<void> pause(Duration time = look_pause);
    Result<void> look(Scrape& into);
    Result<void> sample(Sample& into);
    // The generator, with the load that is measured.
    Result<void> start_load(const std::string& name, Words much);
    // Until it has ended, and nothing else.
    Result<void> until_sent();
    // Until no mail moves into the store for so long, or some time has passed.
    Result<void> until_rest(Duration still);
    json sink_state() const { return json::parse(sink_->last_line(), nullptr, false); }
    void note_memory();

    const RelayOptions& options_;
    const RelayRunHooks hooks_;
    sigset_t signals_{};
    bool interrupted_ = false, keep_ = options_.keep;
    std::filesystem::path folder_;
    HeldPort dead_;
    std::vector<Endpoint> exchangers_;
    Endpoint dns_, smtp_, http_;
    std::unique_ptr<Child> sink_, relay_, send_;
    Sample begin_, end_;
    double began_ = 0;  // the measured load, seconds since 1970
    RelaySummary summary_;
};

Result<void> RelayRun::Measurement::pause(Duration time) {
    const timespec how_long{time.count() / 1'000'000'000, time.count() % 1'000'000'000};
    if (::sigtimedwait(&signals_, nullptr, &how_long) > 0) {
        interrupted_ = true;
        return failure("interrupted");
    }
    for (const auto& child : {std::cref(relay_), std::cref(sink_)})
        if (child.get() && !child.get()->running()) return trouble(*child.get(), "ended by itself");
    return {};
}

Result<void> RelayRun::Measurement::start(std::unique_ptr<Child>& child, const std::string& name, Words words,
                                          bool listens) {
    auto started = Child::start(name, folder_, std::move(words));
    if (!started) return std::unexpected(started.error());
    const auto deadline = mono_nanoseconds() + std::uint64_t{patience.count()};
    auto& fresh = **started;
    while (listens && !fresh.ready()) {
        if (!fresh.running()) return trouble(fresh, "did not start");
        if (mono_nanoseconds() > deadline) return trouble(fresh, "is not ready");
        if (auto passed = pause(); !passed) return passed;
    }
    child = std::move(*started);
    return {};
}

Result<void> RelayRun::Measurement::look(Scrape& into) {
    auto scrape = Scrape::of(http_);
    if (!scrape) return std::unexpected(scrape.error());
    into = std::move(*scrape);
    return {};
}

Result<void> RelayRun::Measurement::sample(Sample& into) {
    into.use = relay_->use();
    return look(into.metrics);
}

void RelayRun::Measurement::note_memory() {
    summary_.relay.memory = std::max(summary_.relay.memory, relay_->memory());
    summary_.sink.memory = std::max(summary_.sink.memory, sink_->memory());
    if (send_->running()) summary_.generator.memory = std::max(summary_.generator.memory, send_->memory());
}

Result<void> RelayRun::Measurement::make_folder() {
    std::error_code ignored;  // mkdtemp tells
    std::filesystem::create_directories(options_.path, ignored);
    std::string name =
        (std::filesystem::absolute(options_.path) / "angarium-bench-XXXXXX").lexically_normal();
    if (::mkdtemp(name.data()) == nullptr)
        return failure(fmt::format("cannot make a folder in {}: {}; name another with --path", options_.path,
                                   std::strerror(errno)));
    folder_ = name;
    summary_.folder = name;
    return {};
}

// On free ports, or again on those of the one before.
Result<void> RelayRun::Measurement::start_sink() {
    sink_.reset();
    const bool again = !exchangers_.empty();
    Words words{"bench",
                "sink",
                "--json",
                "--domains",
                std::to_string(options_.domains),
                "--report-every",
                "50ms",
                "--dns",
                again ? dns_.text() : loopback(0),
                "--warmup",
                std::to_string(options_.warm_up * options_.recipients),
                "--listen",
                fmt::format("127.0.1.1-127.0.1.{}:{}", options_.by_mx ? options_.exchangers : 1,
                            again ? exchangers_.front().port : 0)};
    if (auto started = start(sink_, "sink", std::move(words), true); !started) return started;
    exchangers_ = sink_->addresses("smtp");
    dns_ = sink_->addresses("dns").front();
    return {};
}

Result<void> RelayRun::Measurement::start_relay() {
    // Those that a user would type, if they are free and somebody may.
    const auto known = [this](std::uint16_t port) {
        return loopback(options_.stay && HeldPort(port).held() ? port : 0);
    };
    RelayConfig config;
    config.set("hostname", "relay.example.net");
    config.set("queue.path", (folder_ / "queue").string());
    config.set("delivery.port", std::to_string(exchangers_.front().port));
    config.set("dns.servers", fmt::format("[\"{}\"]", dns_.text()));
    config.set("dns.allow", "[\"127.0.0.0/8\"]");
    config.set("http.address", known(9925));
    if (options_.shards > 0) config.set("runtime.shards", std::to_string(options_.shards));
    for (const auto& setting : options_.settings)
        if (auto done = config.set(setting); !done) return done;
    config.add("listener", {{"address", known(2525)}, {"relay_from", "[\"127.0.0.0/8\"]"}});
    const auto route = [&config](std::string_view domains, const Endpoint& to) {
        config.add("route", {{"domains", fmt::format("[\"{}\"]", domains)},
                             {"to", fmt::format("[\"{}\"]", to.text())}});
    };
    if (options_.waiting > 0) route(fmt::format("*.{}", dead_suffix), dead_.endpoint());
    if (!options_.by_mx) route("*", exchangers_.front());
    summary_.config = (folder_ / "relay.toml").string();
    std::ofstream(summary_.config) << config.text();
    if (auto started = start(relay_, "relay", {"serve", "--config", summary_.config}, true); !started)
        return started;
    const auto smtp = relay_->addresses("smtp"), http = relay_->addresses("http");
    if (smtp.empty() || http.empty()) return trouble(*relay_, "shows no /metrics, which are needed here");
    smtp_ = smtp.front(), http_ = http.front();
    summary_.smtp = smtp_.text(), summary_.http = http_.text();
    return {};
}

// So many messages for destinations that refuse connections, and the relay at rest behind them.
Result<void> RelayRun::Measurement::fill() {
    if (options_.waiting == 0) return {};
    Words words{"bench",
                "send",
                "--to",
                smtp_.text(),
                "--messages",
                std::to_string(options_.waiting),
                "--size",
                options_.size,
                "--sessions",
                std::to_string(std::min<std::uint64_t>(50, options_.waiting)),
                "--domains",
                std::to_string(dead_domains),
                "--pipelining",
                "--chunking",
                "--domain-suffix",
                std::string(dead_suffix),
                "--json"};
    if (auto started = start(send_, "waiting", std::move(words), false); !started) return started;
    if (auto sent = until_sent(); !sent) return sent;
    if (auto rested = until_rest(long_rest); !rested) return rested;
    return start_sink();  // a fresh one: reports while nothing came are no cost of a message
}

Result<void> RelayRun::Measurement::until_sent() {
    while (send_->running())
        if (auto passed = pause(); !passed) return passed;
    return send_->exit_code() == 0 ? Result<void>{} : trouble(*send_, "failed");
}

Result<void> RelayRun::Measurement::until_rest(Duration still) {
    const auto deadline = mono_nanoseconds() + std::uint64_t{patience.count()};
    double done = -1;
    for (std::uint64_t since = 0;
         since == 0 || mono_nanoseconds() < since + static_cast<std::uint64_t>(still.count());) {
        Scrape now;
        if (auto looked = look(now); !looked) return looked;
        const auto work = now.total("angarium_store_batches_total");
        if (work != done) done = work, since = mono_nanoseconds();
        if (mono_nanoseconds() > deadline) break;  // busy with them still: so be it
        if (auto passed = pause(rest / 10); !passed) return passed;
    }
    return {};
}

// Delivered to the last copy before anything is measured: else the relay would be given what it had accepted by then.
Result<void> RelayRun::Measurement::warm_up() {
    if (options_.warm_up == 0) return {};
    if (auto started = start_load("warm-up", {"--messages", std::to_string(options_.warm_up)}); !started)
        return started;
    if (auto sent = until_sent(); !sent) return sent;
    const auto deadline = mono_nanoseconds() + std::uint64_t{patience.count()};
    while (number(sink_state(), "unique") < static_cast<double>(options_.warm_up * options_.recipients)) {
        if (mono_nanoseconds() > deadline)
            return failure(fmt::format("of the warm-up's {} copies {} have arrived after {} s\n{}",
                                       options_.warm_up * options_.recipients, number(sink_state(), "unique"),
                                       patience / 1s, relay_->trouble("said").text));
        if (auto passed = pause(); !passed) return passed;
    }
    summary_.warmed = options_.warm_up;
    return until_rest(rest);
}

Result<void> RelayRun::Measurement::start_send() {
    const auto& o = options_;
    if (auto done = sample(begin_); !done) return done;
    began_ = static_cast<double>(wall_microseconds()) / 1e6;
    if (o.messages > 0) return start_load("generator", {"--messages", std::to_string(o.messages)});
    return start_load("generator", {"--duration", fmt::format("{}us", o.duration.count() / 1000)});
}

Result<void> RelayRun::Measurement::start_load(const std::string& name, Words much) {
    const auto& o = options_;
    Words words{"bench",
                "send",
                "--json",
                "--to",
                smtp_.text(),
                "--sessions",
                std::to_string(o.sessions),
                "--size",
                o.size,
                "--recipients",
                std::to_string(o.recipients),
                "--domains",
                std::to_string(o.domains)};
    words.insert(words.end(), much.begin(), much.end());
    if (o.rate > 0) words.insert(words.end(), {"--rate", fmt::format("{}", o.rate)});
    return start(send_, name, std::move(words), false);
}

// Until everything has arrived, or nothing more will.
Result<void> RelayRun::Measurement::follow() {
    bool sending = true;
    const auto before = summary_.warmed * options_.recipients;  // copies
    const auto began = mono_nanoseconds();
    std::uint64_t seen = 0, moved = began, memory_at = began, second_at = began;
    double accepted = 0;
    while (true) {
        if (auto passed = pause(); !passed) return passed;
        const auto now = mono_nanoseconds();
        const auto state = sink_state();
        const auto unique =
            state.is_object() ? count(state, "unique") - std::min(before, count(state, "unique")) : 0;
        if (unique != seen) seen = unique, moved = now;
        if (now >= memory_at) note_memory(), memory_at = now + std::uint64_t{memory_every.count()};
        if (sending && !send_->running()) {
            sending = false;
            const auto sent = json::parse(send_->last_line(), nullptr, false);
            if (!sent.is_object()) return trouble(*send_, "failed");
            if (send_->exit_code() != 0)
                return failure(
                    fmt::format("{}\n{}", send_->trouble("was not served").text, send_->last_line()));
            summary_.accepted = count(sent, "accepted");
            summary_.copies = count(sent, "accepted_recipients");
            summary_.sent = send_->last_line();
        }
        if (!sending && seen >= summary_.copies) break;
        if (now < second_at) continue;
        second_at = now + 1'000'000'000;
        Scrape metrics;
        if (auto looked = look(metrics); !looked) return looked;
        const auto received = metrics.total("angarium_messages_received_total");
        if (received != accepted) accepted = received, moved = now;
        if (hooks_.progress)
            hooks_.progress(static_cast<std::uint64_t>(received) - options_.waiting - summary_.warmed, seen);
        const auto queued = metrics.total("angarium_messages_queued");
        if (!sending && queued <= static_cast<double>(options_.waiting) && now > moved + 1'000'000'000)
            break;  // lost
        if (now > moved + std::uint64_t{patience.count()})
            return failure(fmt::format("nothing moved for {} s: {} accepted, {} delivered, {} queued\n{}",
                                       patience / 1s, received, seen, queued, relay_->trouble("said").text));
    }
    if (hooks_.progress) hooks_.progress(summary_.accepted, seen);
    return {};
}

// Until nothing is under way that could arrive twice, which is also when all has been paid for that the messages cost.
Result<void> RelayRun::Measurement::settle() {
    const auto began = mono_nanoseconds();
    const auto since = [began] { return Duration(mono_nanoseconds() - began); };
    Scrape now;
    do {
        if (auto passed = pause(rest / 10); !passed) return passed;
        if (auto done = sample(end_); !done) return done;
    } while (end_.metrics.total("angarium_messages_queued") > static_cast<double>(options_.waiting) &&
             since() < patience);
    while (since() < counters_every)
        if (auto passed = pause(rest / 10); !passed) return passed;
    if (auto looked = look(now); !looked) return looked;
    summary_.waiting = static_cast<std::uint64_t>(now.total("angarium_messages_queued"));
    summary_.relay.enters_per_message =
        ratio(now.total("angarium_loop_enters_total"), now.total("angarium_messages_received_total"));
    return {};
}

Result<void> RelayRun::Measurement::take_results() {
    sink_->end(patience);
    const auto received = json::parse(sink_->last_line(), nullptr, false);
    if (!received.is_object() || !received.contains("cpu_seconds"))
        return trouble(*sink_, "ended without a result");
    const auto sent = json::parse(summary_.sent, nullptr, false);
    auto& s = summary_;
    s.received = sink_->last_line();
    s.delivered = count(received, "unique") - s.warmed * options_.recipients;
    s.duplicated = count(received, "duplicated");
    s.damaged = count(received, "damaged");
    s.foreign = count(received, "foreign");
    s.domains = count(received.at("domains"), "seen");
    s.connections = count(received.at("connections"), "total");
    s.messages_per_connection = number(received.at("connections"), "messages_each");
    s.dns_queries = count(received, "dns_queries");

    const auto accepted = static_cast<double>(s.accepted);
    const auto with_memory = [](RelayPart part, std::uint64_t memory) {
        if (memory > 0) part.memory = memory;
        return part;
    };
    s.generator = with_memory(part_of(sent, accepted), s.generator.memory);
    s.sink = with_memory(part_of(received, accepted + static_cast<double>(s.warmed)), s.sink.memory);
    // As messages that were accepted, from the first one's sending to the last copy's arrival.
    s.relay.rate = s.sink.rate = ratio(accepted, number(received, "last_arrival") - began_);
    const auto more = [this](std::string_view name) {
        return end_.metrics.total(name) - begin_.metrics.total(name);
    };
    s.relay.messages = accepted;
    s.relay.cpu = end_.use.cpu - begin_.use.cpu;
    s.relay.written = end_.use.written - begin_.use.written;
    s.relay.received = more("angarium_message_bytes_received_total");
    s.relay.syncs = more("angarium_journal_groups_total");
    const auto latency = [this](double percent) {
        return end_.metrics.percentile("angarium_delivery_latency_seconds", percent, begin_.metrics);
    };
    s.relay.latency = {latency(50), latency(99), latency(99.9)};
    if (!s.exact()) keep_ = true;  // its log tells what became of them
    return {};
}

Result<void> RelayRun::Measurement::finish() {
    if (options_.stay) {
        if (auto started = start_sink(); !started) return started;
        hooks_.done(summary_);
        while (true)
            if (auto passed = pause(100ms); !passed) {
                if (interrupted_) break;
                return passed;
            }
    }
    if (const int code = relay_->end(patience); code != 0)
        return trouble(*relay_, fmt::format("ended with {} after TERM", code));
    relay_.reset();
    if (!options_.stay) hooks_.done(summary_);
    return {};
}

RelayRun::RelayRun(const RelayOptions& options, RelayRunHooks hooks)
    : measurement_(std::make_unique<Measurement>(options, std::move(hooks))) {}
RelayRun::~RelayRun() = default;
Result<void> RelayRun::run() { return measurement_->run(); }
bool RelayRun::interrupted() const { return measurement_->interrupted(); }

}  // namespace angarium::bench

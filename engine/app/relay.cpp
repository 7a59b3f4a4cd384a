#include "engine/app/relay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include "dns/cares_lookup.hpp"
#include "dns/own_endpoints.hpp"
#include "dns/resolver.hpp"
#include "engine/app/commands.hpp"
#include "engine/app/connection_shares.hpp"
#include "engine/app/diagnostics.hpp"
#include "engine/app/health_pages.hpp"
#include "engine/app/queue_page.hpp"
#include "engine/app/reload.hpp"
#include "engine/app/rendezvous.hpp"
#include "engine/app/settings.hpp"
#include "engine/http/server.hpp"
#include "engine/inbound/server.hpp"
#include "engine/outbound/dispatcher.hpp"
#include "engine/runtime/descriptors.hpp"
#include "engine/runtime/failing_files.hpp"
#include "engine/runtime/signals.hpp"
#include "queue/queue.hpp"

namespace angarium::app {

using metrics::Count;
using metrics::Level;

namespace {

// Behind the drain's deadline: for what was under way to be recorded and synced.
constexpr Duration stop_grace = 10s;

double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double size = 0, resident = 0;
    statm >> size >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// Carries the loop's own counters into the metrics, once a second.
class LoopReport {
  public:
    LoopReport(runtime::RingShard& shard, metrics::Sheet& sheet)
        : shard_(shard),
          sheet_(sheet),
          timer_([](void* self) { static_cast<LoopReport*>(self)->report(); }, this) {
        report();
    }

  private:
    void report() {
        const auto now = shard_.counters();
        sheet_.add(Count::loop_turns, now.turns - told_.turns);
        sheet_.add(Count::loop_enters, now.enters - told_.enters);
        sheet_.add_time(Count::loop_busy, now.busy - told_.busy);
        sheet_.add(Count::letters_sent, now.letters - told_.letters);
        sheet_.add(Count::letters_held, now.letters_held - told_.letters_held);
        told_ = now;
        timer_.arm(shard_.timers(), shard_.now() + 1s);
    }

    runtime::RingShard& shard_;
    metrics::Sheet& sheet_;
    runtime::RingCounters told_;
    runtime::Timer timer_;
};

class Relay {
  public:
    Relay(RelayOptions options, std::vector<Material> material, TicketKeys ticket_keys, DkimKeys& dkim_keys,
          runtime::ShardSet& shards)
        : config_(std::move(options.config)),
          config_file_(std::move(options.config_file)),
          ticket_keys_(std::move(ticket_keys)),
          dkim_keys_(dkim_keys),
          material_(std::move(material)),
          dispatchers_(material_.size()),
          shards_(shards),
          shares_(connection_shares(config_, runtime::most_descriptors())),
          registry_(shards.size()),
          appliers_(runtime::make_thread_workers(1, "store-write")),
          readers_(runtime::make_thread_workers(config_.runtime.storage_threads, "store-read")),
          signers_(runtime::make_thread_workers(shards.size(), "sign")),
          hashers_(runtime::make_thread_workers(std::max(1u, shards.size() / 4), "login")),
          logins_(login_options(config_), *hashers_),
          prepared_(shards),
          bound_(shards),
          started_(shards),
          drained_(shards),
          closed_(shards),
          ended_(shards),
          connections_(shares_.inbound, config_.limits.connections_per_address),
          slots_(shards.size(), outbound::SlotLimits{config_.delivery.connections_at_start,
                                                     config_.delivery.connections_per_site}),
          inbound_(inbound_options(config_)),
          stop_events_(shards.size()) {}

    Result<void> open(bool repair) {
        if (const auto words = shortage(config_, shares_, runtime::most_descriptors())) say_warning(*words);
        auto files = store_options(config_, [this](std::string text) { alarm(std::move(text)); });
        choose_files(files);
        auto store = queue::open_rocks_store(files);
        if (!store) return std::unexpected(store.error());
        auto options = queue_options(config_);
        options.repair_journal = repair;
        options.alarm = [this](std::string text) { alarm(std::move(text)); };
        auto set = queue::QueueSet::open(std::move(options), shards_.size(), *files_, std::move(*store),
                                         *appliers_, *readers_, registry_);
        if (!set) return std::unexpected(set.error());
        queues_ = std::move(*set);
        publish_gauges();
        note_ends(material_.front());
        return {};
    }

    int run() {
        shards_.run([this](runtime::RingShard& shard) { return shard_main(shard); });
        if (!trouble_.empty()) {
            say_error(trouble_);
            return exit_config;
        }
        return given_up_ ? exit_temporary : exit_ok;
    }

  private:
    // What one shard has besides its queue.
    struct Parts {
        std::unique_ptr<accounts::Logins> logins;
        std::unique_ptr<inbound::Server> server;
        std::unique_ptr<dns::Lookup> lookup;
        std::unique_ptr<dns::Resolver> resolver;
        std::unique_ptr<outbound::Dispatcher> dispatcher;
    };

    runtime::Task<void> shard_main(runtime::RingShard& shard) {
        Parts parts;
        const bool first = index(shard.id()) == 0;
        if (first) {
            const auto prepared = co_await queues_->prepare(shard);
            note(prepared);
        }
        co_await prepared_.meet(shard.id());
        if (!failed_) note(queues_->start(shard));
        if (!failed_) note(make_parts(shard, parts));
        if (first && !failed_) note(listen(parts));
        co_await bound_.meet(shard.id());
        if (!first && !failed_) note(parts.server->listen(addresses_));
        if (!failed_) note(make_outbound(shard, parts));
        co_await started_.meet(shard.id());
        if (failed_) {
            co_await give_up(shard, parts);
            co_return;
        }
        queues_->begin(shard);
        parts.server->start();
        LoopReport loop(shard, registry_.sheet(shard.id()));
        if (first)
            co_await attend(shard);
        else
            co_await stop_events_[index(shard.id())].wait();
        co_await stop(shard, parts);
    }

    Result<void> make_parts(runtime::RingShard& shard, Parts& parts) {
        auto& queue = queues_->of(shard.id());
        inbound::RejectionLog rejected;
        if (auto* log = queue.log())
            rejected = [log](const inbound::Rejection& rejection) {
                log->rejection(
                    {std::string(rejection.peer), std::string(rejection.helo), std::string(rejection.sender),
                     std::string(rejection.recipient), rejection.code, std::string(rejection.reply),
                     std::string(rejection.identity)},
                    rejection.at);
            };
        parts.logins = std::make_unique<accounts::Logins>(logins_, shard, registry_.sheet(shard.id()));
        parts.server = std::make_unique<inbound::Server>(
            inbound::Services{shard, queue.intake(), registry_.sheet(shard.id()), connections_, inbound_,
                              material_[index(shard.id())].inbound, std::move(rejected), parts.logins.get(),
                              signers_.get()},
            shard.network());
        return {};
    }

    // Shard 0 binds first; the others take the ports that it got.
    Result<void> listen(Parts& parts) {
        if (auto bound = parts.server->listen(); !bound) return bound;
        addresses_ = parts.server->addresses();
        return {};
    }

    Result<void> make_outbound(runtime::RingShard& shard, Parts& parts) {
        auto options = dns_options(config_);
        options.route.own_endpoints = dns::expand_wildcards(addresses_);
        auto lookup = dns::make_cares_lookup(shard, shard.poller(), options.lookup);
        if (!lookup) return std::unexpected(lookup.error());
        parts.lookup = std::move(*lookup);
        auto& sheet = registry_.sheet(shard.id());
        parts.resolver = std::make_unique<dns::Resolver>(shard, *parts.lookup, sheet, std::move(options));
        auto& queue = queues_->of(shard.id());
        auto out = outbound_options(config_);
        out.connections = static_cast<unsigned>(shares_.outbound);
        parts.dispatcher = std::make_unique<outbound::Dispatcher>(
            shard, shard.network(), *parts.resolver, queue.outlet(), slots_, sheet, std::move(out));
        parts.dispatcher->hash_with(*hashers_);
        parts.dispatcher->use(material_[index(shard.id())].outbound);
        dispatchers_[index(shard.id())] = parts.dispatcher.get();
        queue.owner().carry_with(*parts.dispatcher);
        return {};
    }

    // Shard 0 while mail flows: HTTP, and the signals.
    runtime::Task<void> attend(runtime::RingShard& shard) {
        HealthPages health(registry_, [this] { return why_not_ready(); });
        QueuePage queue_page(shards_, *queues_, *readers_);
        http::Router router;
        health.add_to(router);
        router.add("/queue", "GET, HEAD", queue_page);
        std::unique_ptr<http::Server> http;
        auto signals = runtime::SignalReader::open(shard.poller());
        if (!signals) note(std::unexpected(signals.error()));
        if (config_.http.address && !failed_) {
            http::Limits limits;
            limits.connections = config_.http.connections;
            auto server = http::Server::listen(shard, shard.network(), *config_.http.address, router, limits,
                                               registry_.sheet(shard.id()));
            if (server)
                http = std::move(*server);
            else
                note(std::unexpected(server.error()));
        }
        if (!failed_) {
            if (http) {
                http->start();
                std::ofstream(control_file(config_)) << http->local().text() << "\n";
            }
            for (const auto& address : addresses_) announce("listening smtp " + address.text());
            if (http) announce("listening http " + http->local().text());
            serving_ = true;
            announce("ready");
            co_await wait_for_stop(shard, **signals);
        }
        draining_ = true;
        deadline_ = shard.now() + config_.runtime.drain;
        for (unsigned other = 1; other < shards_.size(); ++other)
            shards_.call(ShardId{static_cast<std::uint8_t>(other)},
                         [this, other] { stop_events_[other].signal(); });
        std::remove(control_file(config_).c_str());
        if (signals) (*signals)->close();
        if (http) co_await http->stop();
    }

    runtime::Task<void> wait_for_stop(runtime::RingShard& shard, runtime::SignalReader& signals) {
        Reload reload(config_file_, config_, shards_.size(), ticket_keys_, dkim_keys_, *readers_,
                      registry_.sheet(shard.id()));
        while (true) {
            const auto signal = co_await signals.next();
            if (!signal || *signal != runtime::Signal::reload) break;
            auto material = co_await reload.read();
            if (material) put_in_force(std::move(*material));
        }
        say_info("stopping: no new mail, attempts under way are finished");
    }

    // Each shard's on its own thread: sessions look at it.
    void put_in_force(std::vector<Material> material) {
        note_ends(material.front());
        const auto left = std::make_shared<std::atomic<unsigned>>(shards_.size());
        for (unsigned shard = 0; shard < shards_.size(); ++shard)
            shards_.call(ShardId{static_cast<std::uint8_t>(shard)},
                         [this, shard, left, made = std::move(material[shard])] {
                             material_[shard] = made;
                             if (dispatchers_[shard] != nullptr) dispatchers_[shard]->use(made.outbound);
                             if (--*left == 0) announce("reloaded");
                         });
    }

    void note_ends(const Material& material) {
        const auto first = first_end(material);
        first_end_ = first ? std::chrono::duration<double>(first->time_since_epoch()).count() : 0;
    }

    // Intake first, then what is under way, then what must be recorded.
    runtime::Task<void> stop(runtime::RingShard& shard, Parts& parts) {
        auto& queue = queues_->of(shard.id());
        // What is in flight can never be recorded: the next start sorts it out.
        if (journal_failed() || queue.broken()) abandon();
        runtime::Timer last_resort([](void*) { abandon(); }, nullptr);  // a stop ends, whatever hangs
        last_resort.arm(shard.timers(), deadline_ + stop_grace);
        parts.server->drain();
        runtime::Timer hurry([](void* server) { static_cast<inbound::Server*>(server)->abort(); },
                             parts.server.get());
        hurry.arm(shard.timers(), deadline_);
        co_await parts.server->closed();
        hurry.disarm();
        queue.origin().stop_intake();
        queue.owner().stop();
        co_await parts.dispatcher->drain(deadline_);
        parts.lookup->cancel();
        co_await parts.resolver->stop();
        co_await drained_.meet(shard.id());
        if (journal_failed() || queue.broken()) abandon();
        co_await queues_->close_owner(shard);
        co_await closed_.meet(shard.id());
        co_await queues_->close_origin(shard);
        co_await ended_.meet(shard.id());
        dispatchers_[index(shard.id())] = nullptr;
        parts.dispatcher.reset();
        parts.resolver.reset();
        parts.lookup.reset();
        parts.server.reset();
        if (queue.broken()) given_up_ = true;
    }

    // Something could not be started: undo what was.
    runtime::Task<void> give_up(runtime::RingShard& shard, Parts& parts) {
        if (parts.server) {
            parts.server->drain();
            co_await parts.server->closed();
        }
        if (parts.dispatcher) co_await parts.dispatcher->drain(shard.now());
        if (parts.lookup) parts.lookup->cancel();
        if (parts.resolver) co_await parts.resolver->stop();
        if (queues_->started(shard.id())) {
            co_await queues_->close_owner(shard);
            co_await queues_->close_origin(shard);
        }
    }

    [[noreturn]] static void abandon() {
        say_error(
            "stopped without recording all that was under way: some mail may be delivered twice. All "
            "accepted mail is on disk.");
        std::_Exit(exit_temporary);
    }

    void note(const Result<void>& result) {
        if (result) return;
        const std::scoped_lock lock(trouble_mutex_);
        if (trouble_.empty()) trouble_ = result.error().text;
        failed_ = true;
    }

    void alarm(std::string text) { say_error(text); }
    bool journal_failed() const { return registry_.total(Level::journal_failed) != 0; }

    // Nothing while mail is accepted. Any thread.
    std::optional<std::string> why_not_ready() const {
        if (draining_) return "draining";
        if (!serving_) return "starting";
        if (journal_failed()) return "the journal failed: see the log";
        if (registry_.total(Level::store_failed) != 0) return "the store failed: see the log";
        return std::nullopt;
    }

    // Test options, looked at once: with ANGARIUM_TEST_FAIL_SYNC=FILE the syncs of journals and delivery logs fail while FILE
    // exists, with ANGARIUM_TEST_FAIL_STORE_SYNC=FILE those of the store.
    static std::optional<std::string> test_option(const char* name) {
        const char* const failing = std::getenv(name);
        if (failing == nullptr) return std::nullopt;
        say_warning(fmt::format("{} is set: syncs fail while {} exists", name, failing));
        return failing;
    }
    void choose_files(queue::StoreOptions& store) {
        if (const auto failing = test_option("ANGARIUM_TEST_FAIL_SYNC")) {
            failing_files_ = runtime::make_failing_files(shards_.files(), *failing);
            files_ = failing_files_.get();
        }
        if (const auto failing = test_option("ANGARIUM_TEST_FAIL_STORE_SYNC"))
            store.file_system = queue::failing_file_system(*failing);
    }

    void publish_gauges() {
        registry_.build(ANGARIUM_VERSION, ANGARIUM_COMPILER);
        registry_.gauge(Level::memory_resident, resident_bytes);
        registry_.gauge(Level::memory_budget,
                        [bytes = config_.limits.memory.count] { return static_cast<double>(bytes); });
        registry_.gauge(Level::descriptors_open,
                        [] { return static_cast<double>(runtime::open_descriptors()); });
        registry_.gauge(Level::descriptors_limit,
                        [] { return static_cast<double>(runtime::most_descriptors()); });
        registry_.gauge(Level::ready, [this] { return why_not_ready() ? 0.0 : 1.0; });
        registry_.gauge(Level::store_waits,
                        [this] { return queues_->store().waits_for_space() ? 1.0 : 0.0; });
        registry_.gauge(Level::disk_free, [this] {
            const auto bytes = files_->free_bytes(config_.queue.path);
            return bytes ? static_cast<double>(*bytes) : 0.0;
        });
        registry_.gauge(Level::young_bytes, [this] { return static_cast<double>(queues_->body_bytes()); });
        registry_.gauge(Level::memory_used, [this] {
            return static_cast<double>(queues_->body_bytes() + queues_->store().totals().memory_bytes);
        });
        registry_.gauge(Level::deliveries_stored, [this] {
            const auto totals = queues_->store().totals();
            return static_cast<double>(totals.ready + totals.deferred);
        });
        registry_.gauge(Level::messages_queued, [this] {
            return static_cast<double>(registry_.total(Level::messages_young)) +
                   static_cast<double>(queues_->store().totals().messages);
        });
        registry_.gauge(Level::certificate_end, [this] { return first_end_.load(); });
        registry_.gauge(Level::start_time, [start = static_cast<double>(::time(nullptr))] { return start; });
    }

    const Config config_;
    const std::string config_file_;
    const TicketKeys ticket_keys_;
    DkimKeys& dkim_keys_;
    std::vector<Material> material_;                  // of each shard; touched on its thread
    std::vector<outbound::Dispatcher*> dispatchers_;  // likewise; null: none now
    runtime::ShardSet& shards_;
    std::unique_ptr<runtime::FileSystem> failing_files_;  // null but in tests
    runtime::FileSystem* files_ = &shards_.files();
    const ConnectionShares shares_;
    metrics::Registry registry_;
    std::unique_ptr<runtime::Workers> appliers_, readers_, signers_, hashers_;
    accounts::LoginShare logins_;
    std::unique_ptr<queue::QueueSet> queues_;
    Rendezvous prepared_, bound_, started_, drained_, closed_, ended_;
    inbound::Connections connections_;
    outbound::SlotSet slots_;
    const inbound::Options inbound_;
    std::vector<Endpoint> addresses_;  // what the listeners got
    std::deque<runtime::Event> stop_events_;
    std::atomic<bool> serving_ = false, draining_ = false, failed_ = false, given_up_ = false;
    std::atomic<double> first_end_ = 0;  // of the certificates that we show
    MonoTime deadline_{};
    std::mutex trouble_mutex_;
    std::string trouble_;
};

}  // namespace

std::string control_file(const Config& config) { return config.queue.path + "/control"; }

int run_relay(RelayOptions options) {
    runtime::allow_all_descriptors();
    if (auto kernel = runtime::probe_kernel(); !kernel) {
        say_error(kernel.error().text);
        return exit_unavailable;
    }
    runtime::block_service_signals();
    const auto ticket_keys = runtime::TlsTicketKeys::random();
    DkimKeys dkim_keys(options.config.runtime.shards);  // outlives every thread that signs
    const auto warn = [](const std::string& text) { say_warning(text); };
    auto material =
        read_material(options.config, options.config.runtime.shards, ticket_keys, dkim_keys, warn);
    if (!material) {
        for (const auto& error : material.error()) say_error(error.text);
        return exit_config;
    }
    runtime::SystemClock clock;
    auto shards = runtime::ShardSet::create(options.config.runtime.shards, clock, runtime::RingOptions{},
                                            options.config.runtime.pin);
    if (!shards) {
        say_error(shards.error().text);
        return exit_unavailable;
    }
    const bool repair = options.repair_journal;
    Relay relay(std::move(options), std::move(*material), ticket_keys, dkim_keys, **shards);
    if (auto opened = relay.open(repair); !opened) {
        say_error(opened.error().text);
        return exit_config;
    }
    return relay.run();
}

}  // namespace angarium::app

#include "tests/sim/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/sim/client.hpp"
#include "tests/sim/relay.hpp"
#include "tests/sim/server.hpp"

namespace angarium::sim {
namespace {

constexpr std::uint64_t most_steps = 20'000'000;  // a story that takes longer has gone in circles

class Story {
  public:
    explicit Story(std::uint64_t seed, bool loud)
        : world_(seed),
          disk_(world_.random().next()),
          files_(world_, disk_),
          internet_(world_),
          names_(world_),
          outer_network_(internet_, outside_, IpAddress::v4(0x0a010001)) {
        world_.loud = loud;
        outside_.know({&outside_});
    }

    Outcome play() {
        disk_.make_directory("/q/store");
        lifetime_ = world_.between(4h, 48h);
        judge_ = std::make_unique<Judge>(world_, lifetime_);
        settle_world();
        choose_options();
        start_clients();
        storm();
        heal();
        Outcome outcome;
        finish();
        outcome.faults = judge_->verdict();
        if (!outcome.faults.empty())
            for (const auto& line : world_.last_lines()) outcome.story += line + "\n";
        outcome.hash = world_.hash();
        outcome.steps = world_.steps();
        outcome.disk_changes = disk_.changes();
        outcome.lost_pages = disk_.lost_pages();
        outcome.lives = lives_;
        outcome.kills = kills_;
        outcome.power_cuts = cuts_;
        outcome.simulated = world_.elapsed();
        outcome.totals = judge_->totals();
        outcome.retired = retired_;
        outcome.loads = loads_;
        outcome.journal_bytes = journal_bytes_;
        outside_.kill();
        return outcome;
    }

  private:
    // --- the world ---
    void add_server(const IpAddress& address) {
        MailServer::Offers offers;
        offers.ehlo = !world_.chance(0.1);
        offers.pipelining = offers.ehlo && world_.chance(0.8);
        offers.chunking = offers.ehlo && world_.chance(0.5);
        offers.size = world_.chance(0.7);
        servers_.push_back(std::make_unique<MailServer>(world_, *judge_, outside_, outer_network_, temper_,
                                                        Endpoint{address, 25}, offers));
        auto* const server = servers_.back().get();
        outside_.run([server] { server->start(); });
    }

    void settle_world() {
        std::vector<std::string> hosts;
        const auto count = world_.between(2, 6);
        for (std::uint64_t n = 0; n < count; ++n) {
            const auto host = fmt::format("mx{}.test", n);
            const auto address = IpAddress::v4(static_cast<std::uint32_t>(0x0a020001 + n * 256));
            names_.names.insert(host);
            names_.addresses[host] = {address};
            addresses_.push_back(address);
            add_server(address);
            hosts.push_back(host);
        }
        names_.names.insert("dead.test");
        const auto nobody = IpAddress::v4(0x0a030001);
        names_.addresses["dead.test"] = {nobody};
        internet_.set_host(nobody, Internet::Host::silent);
        const auto domains = world_.between(2, 9);
        for (std::uint64_t n = 0; n < domains; ++n) add_domain(fmt::format("d{}.test", n), hosts);
        senders_ = {"sender@home.test", "other@home.test"};
        if (world_.chance(0.3)) senders_.push_back("");
        names_.names.insert("home.test");
        names_.exchangers["home.test"] = {{10, hosts.front()}};
    }

    void add_domain(const std::string& name, const std::vector<std::string>& hosts) {
        client_settings_.domains.push_back(name);
        const auto kind = world_.below(12);
        const auto host = [&] { return hosts[world_.below(hosts.size())]; };
        if (kind == 0) return gone_.push_back(name);  // no such domain
        names_.names.insert(name);
        if (kind == 1) {  // takes no mail
            names_.exchangers[name] = {{0, ""}};
            return gone_.push_back(name);
        }
        if (kind == 2) {  // without MX
            names_.addresses[name] = names_.addresses[host()];
        } else if (kind == 3) {  // the first exchanger never answers
            names_.exchangers[name] = {{5, "dead.test"}, {10, host()}};
        } else {
            auto& mx = names_.exchangers[name];
            mx = {{10, host()}};
            if (world_.chance(0.5))
                mx.push_back({static_cast<std::uint16_t>(world_.chance(0.5) ? 10 : 20), host()});
            if (mx.size() == 2 && mx[0].host == mx[1].host) mx.pop_back();
        }
    }

    void choose_options() {
        auto& in = options_.inbound;
        in.hostname = "relay.test";
        inbound::ListenerOptions listener;
        listener.address = *Endpoint::parse("10.0.0.1:25");
        listener.relay = inbound::RelayPolicy({*IpNetwork::parse("10.0.0.0/8")}, nullptr);
        in.listeners = {listener};
        in.limits.command_timeout = 300s;
        auto& out = options_.outbound;
        out.hostname = "relay.test";
        out.site_start = static_cast<unsigned>(world_.between(1, 5));
        out.site_most = static_cast<unsigned>(world_.between(out.site_start, 12));
        out.deliveries_per_connection = static_cast<unsigned>(world_.between(1, 30));
        // Several transactions for one delivery are one attempt, and one record when the last of them has ended.
        const bool few = world_.chance(0.2);
        out.recipients_per_transaction = few ? world_.between(1, 10) : 100;
        judge_->expect_records_within(few ? Duration(1h) : Duration(100s));
        out.connections = static_cast<unsigned>(world_.between(4, 200));
        auto& dns = options_.dns;
        dns.route.hostname = "relay.test";
        dns.route.allow = {*IpNetwork::parse("10.0.0.0/8")};
        auto& queue = options_.queue;
        queue.path = "/q";
        queue.log_directory = "/q/log";
        queue.hostname = "relay.test";
        queue.segment_bytes = 2u << 20;
        queue.body_memory = world_.between(2, 16) << 20;
        queue.store_memory = 16u << 20;
        queue.retry = {world_.between(30s, 300s), 1.2 + world_.random().unit(), world_.between(5min, 60min),
                       0.2, lifetime_};
        queue.window.per_destination = world_.between(4, 64);
        queue.window.probe = 2;
        queue.window.in_all = std::max<std::size_t>(queue.window.per_destination, world_.between(8, 200));
        queue.young_messages = world_.chance(0.5) ? 1'000'000 : world_.between(20, 200);
        queue.settled_age = world_.chance(0.3) ? Duration(0) : Duration(30s);
        options_.store.path = "/q/store";
        options_.store.memory = 16u << 20;
        settled_young_ = queue.young_messages;
    }

    void start_clients() {
        client_settings_.senders = senders_;
        client_settings_.messages = static_cast<unsigned>(world_.between(3, 25));
        client_settings_.pause = world_.between(10ms, 20s);
        if (world_.chance(0.3))
            client_settings_.bulky = 0.4;  // else the journals' files are hardly ever full
        client_settings_.hostile = world_.chance(0.5) ? 0 : 0.2;
        const auto count = static_cast<unsigned>(world_.between(1, 6));
        for (unsigned n = 0; n < count; ++n) {
            clients_.push_back(
                std::make_unique<Client>(world_, *judge_, outside_, outer_network_, client_settings_, n));
            auto* const client = clients_.back().get();
            outside_.run([this, client] { outside_.gate().hold(client->run()); });
        }
        // Where nobody takes mail, every recipient is condemned from the beginning.
        for (const auto& domain : gone_) judge_->condemned_domain(domain);
    }

    // --- what goes wrong ---
    void throw_weather() {
        auto& weather = internet_.weather;
        weather = {};
        weather.latency = world_.between(50us, 80ms);
        if (world_.chance(0.5)) weather.breaks = world_.random().unit() * 0.4;
        if (world_.chance(0.3)) weather.stalls = world_.random().unit() * 0.02;
        if (world_.chance(0.3)) weather.refused = world_.random().unit() * 0.5;
        if (world_.chance(0.3)) weather.lost = world_.random().unit() * 0.3;
        temper_ = {};
        const auto some = [&](double most) {
            return world_.chance(0.35) ? world_.random().unit() * most : 0.0;
        };
        temper_.defer = some(0.3);
        temper_.refuse = some(0.1);
        temper_.close = some(0.05);
        temper_.hang_up = some(0.05);
        temper_.slow = some(0.05);
        temper_.forget = some(0.1);
        if (wild_) {
            temper_.nonsense = some(0.05);
            temper_.refuse_all = some(0.05);
        }
        names_.failures = world_.chance(0.4) ? world_.random().unit() * 0.7 : 0;
        names_.ttl = std::chrono::seconds(world_.between(1, 600));
        for (const auto& address : addresses_)
            internet_.set_host(address, world_.chance(0.15)  ? Internet::Host::refuses
                                        : world_.chance(0.1) ? Internet::Host::silent
                                                             : Internet::Host::up);
        files_.sync_time = world_.chance(0.2) ? world_.between(5ms, 300ms) : world_.between(50us, 2ms);
        change_time_ = world_.chance(0.3) ? world_.between(50ms, 20s) : world_.between(100us, 5ms);
        load_time_ = world_.chance(0.2) ? world_.between(10ms, 1s) : world_.between(100us, 2ms);
        if (world_.chance(0.1)) world_.shift_wall(world_.between(1s, 2h) * (world_.chance(0.5) ? 1 : -1));
        disk_.full = world_.chance(0.06);
        world_.tell(fmt::format("weather: breaks {:.2f}, defer {:.2f}, close {:.2f}, dns failures {:.2f}{}",
                                weather.breaks, temper_.defer, temper_.close, names_.failures,
                                disk_.full ? ", disk full" : ""));
    }

    void storm() {
        wild_ = world_.chance(0.15);
        const auto lives = world_.between(1, 5);
        for (std::uint64_t life = 0; life < lives && good(); ++life) {
            throw_weather();
            if (!start_relay()) continue;
            auto left = world_.chance(0.3) ? world_.between(1ms, 5s) : world_.between(5s, 40min);
            const auto way = world_.below(10);
            const bool cut_by_changes = way >= 6;
            if (cut_by_changes)
                disk_.cut_after(world_.chance(0.5) ? world_.between(1, 60) : world_.between(20, 4000));
            if (way == 5) files_.fail_next_sync = world_.chance(0.5);
            while (left > 0s && good() && !disk_.frozen()) {
                const auto step = std::min(left, world_.between(10s, 10min));
                run_for(step, [&] { return disk_.frozen() || relay_->broken(); });
                left -= step;
                if (relay_->broken()) break;
                if (left > 0s) throw_weather();
            }
            if (relay_->broken()) {
                world_.tell("the journal or the store has failed");
                run_for(world_.between(1s, 60s), [] { return false; });
            }
            if (way < 2 && !relay_->broken())
                stop_relay();
            else
                crash_relay(way >= 4);
            files_.fail_next_sync = false;
            run_for(world_.between(10ms, 60s), [] { return false; });
        }
    }

    // Everything is well from now on.
    void heal() {
        disk_.full = disk_.broken = false;
        files_.sync_time = 300us;
        change_time_ = load_time_ = 300us;
        internet_.weather = {};
        temper_ = {};
        names_.failures = 0;
        for (const auto& address : addresses_) internet_.set_host(address, Internet::Host::up);
        world_.tell("all is well from now on");
    }

    void finish() {
        if (!good()) return;
        options_.queue.young_messages = settled_young_;
        if (!start_relay()) return;
        const auto all_sent = [&] {
            return std::all_of(clients_.begin(), clients_.end(),
                               [](const auto& client) { return client->done(); });
        };
        run_for(12h, all_sent);
        if (!all_sent()) judge_->fault("stuck: clients cannot get rid of their mail");
        // The longest wait between two attempts, some times over, with what a changed wall clock adds.
        run_for(8h, [&] { return relay_->empty(); });
        if (!relay_->empty())
            judge_->fault(fmt::format("stuck: the queue does not get empty; {}", relay_->inventory()));
        run_for(2min, [] { return false; });
        if (!stop_relay()) return;
        for (const auto& name : disk_.list("/q/log")) judge_->read_log(name, log_text(name));
    }

    std::string log_text(const std::string& name) {
        const auto file = disk_.find("/q/log/" + name);
        return disk_.read(*file, 0, disk_.size(*file));
    }

    // What the delivery logs hold at the moment.
    void tell_log() {
        for (const auto& name : disk_.list("/q/log")) {
            const auto text = log_text(name);
            for (std::size_t at = 0; at < text.size();) {
                const auto end = std::min(text.find('\n', at), text.size());
                std::fprintf(stderr, "  %s: %s\n", name.c_str(), text.substr(at, end - at).c_str());
                at = end + 1;
            }
        }
    }

    // --- lives ---
    bool good() const { return judge_->faults().empty(); }

    bool start_relay() {
        disk_.restart();
        ++lives_;
        options_.shards = static_cast<unsigned>(world_.between(1, 3));
        options_.queue.journal_bytes = options_.shards * (8ull << 20);
        relay_ = std::make_unique<SimRelay>(
            Surroundings{world_, disk_, files_, internet_, names_, change_time_, load_time_}, options_);
        relay_->start();
        run_for(10min, [&] { return relay_->state() != SimRelay::State::starting || disk_.frozen(); });
        if (relay_->state() == SimRelay::State::running) return true;
        if (relay_->state() == SimRelay::State::failed && !disk_.full)
            judge_->fault("start: " + relay_->trouble());
        if (relay_->state() == SimRelay::State::starting && !disk_.full)
            judge_->fault("start: it takes too long");
        crash_relay(false);
        return false;
    }

    // The life is over.
    void bury_relay() {
        retired_ += relay_->registry().total(metrics::Count::messages_retired);
        loads_ += relay_->registry().total(metrics::Count::store_loads);
        journal_bytes_ += relay_->registry().total(metrics::Count::journal_bytes);
        relay_.reset();
    }

    bool stop_relay() {
        relay_->stop();
        run_for(30min, [&] {
            return relay_->state() == SimRelay::State::stopped || disk_.frozen() || relay_->broken();
        });
        if (relay_->state() != SimRelay::State::stopped) {
            if (!disk_.frozen() && !relay_->broken() && !disk_.full) judge_->fault("stuck: it does not stop");
            crash_relay(true);
            return false;
        }
        if (const auto left = relay_->leftovers(); !left.empty()) judge_->fault("kept: " + left);
        bury_relay();
        return true;
    }

    void crash_relay(bool power_cut) {
        power_cut = power_cut || disk_.frozen();
        if (world_.loud) tell_log();
        world_.tell(power_cut ? "the power fails" : "the relay is killed");
        ++(power_cut ? cuts_ : kills_);
        judge_->crashed();
        relay_->kill(power_cut);
        bury_relay();
    }

    template <class Until>
    void run_for(Duration time, Until until) {
        const auto end = world_.now() + time;
        while (!until() && world_.step(end)) {
            if (relay_ && relay_->broken()) judge_->cannot_record();
            if (world_.steps() > most_steps) {
                judge_->fault("endless: too many events");
                return;
            }
        }
    }

    World world_;
    SimDisk disk_;
    SimFiles files_;
    Internet internet_;
    Names names_;
    SimShard outside_{world_, ShardId{0}, 1};
    SimNetwork outer_network_;
    Temper temper_;
    Duration lifetime_{}, change_time_ = 300us, load_time_ = 300us;
    bool wild_ = false;
    std::unique_ptr<Judge> judge_;
    std::vector<IpAddress> addresses_;
    std::vector<std::string> senders_, gone_;
    ClientSettings client_settings_;
    RelayOptions options_;
    std::size_t settled_young_ = 0;
    std::vector<std::unique_ptr<MailServer>> servers_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::unique_ptr<SimRelay> relay_;
    unsigned lives_ = 0, kills_ = 0, cuts_ = 0;
    std::uint64_t retired_ = 0, loads_ = 0, journal_bytes_ = 0;
};

}  // namespace

Outcome play(std::uint64_t seed, bool loud) {
    // The outside's coroutines are left behind as well, with all that they use.
    auto* const story = new Story(seed, loud);
    return story->play();
}

}  // namespace angarium::sim

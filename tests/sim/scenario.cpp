#include "tests/sim/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "tests/sim/client.hpp"
#include "tests/sim/relay.hpp"
#include "tests/sim/server.hpp"

namespace angarium::sim {
namespace {

constexpr std::uint64_t room = 4ull << 30;        // on a disk that is not full, bytes
constexpr std::uint64_t most_steps = 20'000'000;  // a story that takes longer has gone in circles

class Story {
  public:
    explicit Story(std::uint64_t seed, bool loud)
        : world_(seed),
          disk_(world_.random().next()),
          files_(world_, disk_),
          internet_(world_),
          names_(world_),
          outer_network_(internet_, outside_, IpAddress::v4(0x0a010001)),
          reserve_(Random(seed).below(5) == 0 ? 16u << 20 : 0) {
        world_.loud = loud;
        outside_.know({&outside_});
    }

    Outcome play() {
        disk_.make_directory("/q/store");
        lifetime_ = world_.between(4h, 48h);
        one_trouble_ = world_.chance(0.08);
        judge_ = std::make_unique<Judge>(world_, lifetime_);
        settle_world();
        choose_options();
        start_clients();
        one_trouble_ ? trouble() : storm();
        heal();
        Outcome outcome;
        finish();
        outcome.faults = good() ? judge_->verdict() : judge_->faults();
        if (!outcome.faults.empty())
            for (const auto& line : world_.last_lines()) outcome.story += line + "\n";
        outcome.hash = world_.hash();
        outcome.repeats = !disk_.was_cut();
        outcome.steps = world_.steps();
        outcome.disk_changes = disk_.changes();
        outcome.lost_pages = disk_.lost_pages();
        outcome.lives = lives_;
        outcome.kills = kills_;
        outcome.power_cuts = cuts_;
        outcome.ends_in_start = ends_in_start_;
        outcome.ends_in_stop = ends_in_stop_;
        outcome.reloads = reloads_;
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
    void add_server(const IpAddress& address, const Temper& temper) {
        MailServer::Offers offers;
        offers.ehlo = !world_.chance(0.1);
        offers.pipelining = offers.ehlo && world_.chance(0.8);
        offers.chunking = offers.ehlo && world_.chance(0.5);
        offers.size = world_.chance(0.7);
        servers_.push_back(std::make_unique<MailServer>(world_, *judge_, outside_, outer_network_, temper,
                                                        Endpoint{address, 25}, offers));
        auto* const server = servers_.back().get();
        outside_.run([server] { server->start(); });
    }

    void settle_world() {
        const auto count = world_.between(2, 6);
        for (std::uint64_t n = 0; n < count; ++n) {
            const auto host = fmt::format("mx{}.test", n);
            const auto address = IpAddress::v4(static_cast<std::uint32_t>(0x0a020001 + n * 256));
            names_.names.insert(host);
            names_.addresses[host] = {address};
            addresses_.push_back(address);
            add_server(address, one_trouble_ && n == 0 ? trouble_temper_ : temper_);
            hosts_.push_back(host);
        }
        names_.names.insert("dead.test");
        const auto nobody = IpAddress::v4(0x0a030001);
        names_.addresses["dead.test"] = {nobody};
        internet_.set_host(nobody, Internet::Host::silent);
        const auto domains = world_.between(2, 9);
        if (one_trouble_) {
            for (const auto* const name : {"t0.test", "t1.test"}) {
                names_.names.insert(name);
                names_.exchangers[name] = {{10, hosts_.front()}};
                for (std::uint64_t n = 0; n < domains; ++n) client_settings_.domains.emplace_back(name);
            }
            hosts_.erase(hosts_.begin());  // serves nobody else
        }
        for (std::uint64_t n = 0; n < domains; ++n) add_domain(fmt::format("d{}.test", n));
        senders_ = {"sender@home.test", "other@home.test"};
        if (world_.chance(0.3)) senders_.push_back("");
        // Where news of failures goes: a server that may be slow or gone for a while, and never refuses for good.
        const auto home = IpAddress::v4(0x0a020001 + 200 * 256);
        for (const auto* const name : {"home.test", "mx.home.test"}) names_.names.insert(name);
        names_.addresses["mx.home.test"] = {home};
        names_.exchangers["home.test"] = {{10, "mx.home.test"}};
        addresses_.push_back(home);
        add_server(home, home_temper_);
    }

    void add_domain(const std::string& name) {
        client_settings_.domains.push_back(name);
        const auto kind = one_trouble_ ? 2 : world_.below(12);
        if (kind == 0) return gone_.push_back(name);  // no such domain
        names_.names.insert(name);
        if (kind == 1) {  // takes no mail
            names_.exchangers[name] = {{0, ""}};
            return gone_.push_back(name);
        }
        domains_.push_back(name);
        move_domain(name);
    }

    // Its mail is taken by other servers from now on, or in another order. An address stays, for those who have just heard that there
    // is no exchanger.
    void move_domain(const std::string& name) {
        const auto host = [&] { return hosts_[world_.below(hosts_.size())]; };
        auto& mx = names_.exchangers[name];
        names_.names.insert(name);
        mx.clear();
        const auto kind = world_.below(10);
        if (kind == 0) {  // without MX
            names_.addresses[name] = names_.addresses[host()];
        } else if (kind == 1 && !one_trouble_) {  // the first exchanger never answers
            mx = {{5, "dead.test"}, {10, host()}};
        } else {
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
        in.listeners = {listener};
        allow_clients(true);
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
        out.connections = one_trouble_ ? 200 : static_cast<unsigned>(world_.between(4, 200));
        auto& dns = options_.dns;
        dns.route.hostname = "relay.test";
        dns.route.allow = {*IpNetwork::parse("10.0.0.0/8")};
        auto& queue = options_.queue;
        queue.path = "/q";
        queue.log_directory = "/q/log";
        queue.hostname = "relay.test";
        queue.segment_bytes = 4u << 20;
        queue.body_memory = world_.between(2, 16) << 20;
        queue.reserve = reserve_;
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
        options_.store.background_threads = 1;
        settled_young_ = queue.young_messages;
    }

    // What the next start, or reload, says of them.
    void allow_clients(bool allowed) {
        const auto* const network = allowed ? "10.0.0.0/8" : "192.0.2.0/24";
        options_.inbound.listeners.front().relay =
            inbound::RelayPolicy({*IpNetwork::parse(network)}, nullptr);
        client_settings_.allowed = allowed;
        client_settings_.told = world_.now();
    }

    void start_clients() {
        client_settings_.senders = senders_;
        client_settings_.messages = static_cast<unsigned>(world_.between(3, 25));
        client_settings_.pause = world_.between(10ms, 20s);
        if (world_.chance(0.3))
            client_settings_.bulky = 0.4;  // else the journals' files are hardly ever full
        client_settings_.hostile = world_.chance(0.5) ? 0 : 0.2;
        client_settings_.lazy = world_.chance(0.5) ? 0 : 0.2;
        if (one_trouble_) {
            client_settings_.messages = static_cast<unsigned>(world_.between(20, 80));
            client_settings_.pause = world_.between(10ms, 2s);
        }
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
        home_temper_ = temper_;
        home_temper_.refuse = 0;
        if (wild_) {
            temper_.nonsense = some(0.05);
            temper_.refuse_all = some(0.05);
            if (injects_) temper_.inject = some(0.05);
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
        for (const auto& name : domains_) {
            if (world_.chance(0.1)) move_domain(name);
            if (!world_.chance(0.03)) continue;
            names_.names.erase(name);  // for a while; long enough for a relay that asks now
            judge_->condemned_domain(name);
        }
        disk_.full = world_.chance(0.06);
        tight_ = world_.chance(0.04);
        disk_.leave_room_for(tight_ ? world_.below(6u << 20) : room);
        disk_.broken = world_.chance(0.01);
        disk_.store_broken = world_.chance(0.01);
        world_.tell(fmt::format(
            "weather: breaks {:.2f}, defer {:.2f}, close {:.2f}, dns failures {:.2f}{}{}{}{}", weather.breaks,
            temper_.defer, temper_.close, names_.failures, disk_.full ? ", disk full" : "",
            tight_ ? ", disk nearly full" : "", disk_.broken ? ", syncs fail" : "",
            disk_.store_broken ? ", the store's syncs fail" : ""));
    }
    bool disk_is_well() const { return !disk_.full && !tight_ && !disk_.broken && !disk_.store_broken; }

    // Nobody is let in until the next one.
    void maybe_reload() {
        if (relay_->state() != SimRelay::State::running) return;
        if (client_settings_.allowed && !world_.chance(0.15)) return;
        allow_clients(!client_settings_.allowed);
        relay_->reload(options_.inbound);
        ++reloads_;
        world_.tell(client_settings_.allowed ? "reload: clients may send" : "reload: clients may not send");
    }

    // Nothing is wrong but one server, which hangs, is silent or slow; mail for the others must not notice.
    void trouble() {
        if (!start_relay()) return;
        const auto way = world_.below(3);
        if (way == 0) internet_.set_host(addresses_.front(), Internet::Host::silent);
        if (way == 1) trouble_temper_.slow = 1;
        if (way == 2) trouble_temper_.defer = 0.9;
        std::set<std::string> others(domains_.begin(), domains_.end());
        for (auto left = world_.between(10, 40); left > 0 && good(); --left) {
            run_for(1min, [] { return false; });
            judge_->look_for_starved(others, 2min);
        }
        if (good()) stop_relay();
    }

    void storm() {
        wild_ = world_.chance(0.3);
        injects_ = wild_ && world_.chance(0.3);
        const auto lives = world_.between(1, 5);
        for (std::uint64_t life = 0; life < lives && good(); ++life) {
            throw_weather();
            if (!start_relay(world_.chance(0.3))) continue;
            auto left = world_.chance(0.3) ? world_.between(1ms, 5s) : world_.between(5s, 40min);
            const auto way = world_.below(10);
            const bool cut_by_changes = way >= 6;
            if (cut_by_changes)
                disk_.cut_after(world_.chance(0.5) ? world_.between(1, 60) : world_.between(20, 4000), true);
            if (way == 5) files_.fail_next_sync = world_.chance(0.5);
            while (left > 0s && good() && !disk_.frozen()) {
                const auto step = std::min(left, world_.between(10s, 10min));
                run_for(step, [&] { return disk_.frozen() || relay_->broken(); });
                left -= step;
                if (relay_->broken()) break;
                if (left <= 0s) break;
                throw_weather();
                maybe_reload();
            }
            if (relay_->broken()) {
                world_.tell("the journal or the store has failed");
                run_for(world_.between(1s, 60s), [] { return false; });
            }
            if (way < 2 && !relay_->broken())
                stop_relay(world_.chance(0.4));
            else
                crash_relay(relay_->broken() ? world_.chance(0.5) : way >= 4);
            files_.fail_next_sync = false;
            run_for(world_.between(10ms, 60s), [] { return false; });
        }
    }

    // Everything is well from now on.
    void heal() {
        disk_.full = disk_.broken = disk_.store_broken = tight_ = false;
        disk_.leave_room_for(room);
        allow_clients(true);
        for (const auto& name : domains_) move_domain(name);
        files_.sync_time = 300us;
        change_time_ = load_time_ = 300us;
        internet_.weather = {};
        temper_ = home_temper_ = trouble_temper_ = {};
        names_.failures = 0;
        for (const auto& address : addresses_) internet_.set_host(address, Internet::Host::up);
        judge_->healed(3h);
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

    // `doomed`: may crash on the way.
    bool start_relay(bool doomed = false) {
        disk_.restart();
        ++lives_;
        options_.shards = static_cast<unsigned>(world_.between(1, 3));
        options_.queue.journal_bytes = options_.shards * (8ull << 20);
        relay_ = std::make_unique<SimRelay>(
            Surroundings{world_, disk_, files_, internet_, names_, change_time_, load_time_}, options_);
        if (doomed) cut_soon();
        relay_->start();
        run_for(10min, [&] { return relay_->state() != SimRelay::State::starting || disk_.frozen(); });
        if (relay_->state() == SimRelay::State::running) return true;
        if (disk_.frozen())
            ++ends_in_start_;
        else if (disk_is_well())
            judge_->fault("start: " + (relay_->state() == SimRelay::State::failed ? relay_->trouble()
                                                                                  : "it takes too long"));
        crash_relay(false);
        return false;
    }

    // Within the next changes of the disk: few, or a start's or stop's worth.
    void cut_soon() {
        disk_.cut_after(world_.chance(0.5) ? world_.between(1, 30) : world_.between(10, 300),
                        world_.chance(0.7));
    }

    // The life is over.
    void bury_relay() {
        retired_ += relay_->registry().total(metrics::Count::messages_retired);
        loads_ += relay_->registry().total(metrics::Count::store_loads);
        journal_bytes_ += relay_->registry().total(metrics::Count::journal_bytes);
        relay_.reset();
    }

    bool stop_relay(bool doomed = false) {
        if (doomed) cut_soon();
        relay_->stop();
        run_for(30min, [&] {
            return relay_->state() == SimRelay::State::stopped || disk_.frozen() || relay_->broken();
        });
        if (relay_->state() != SimRelay::State::stopped || disk_.frozen()) {
            if (disk_.frozen()) ++ends_in_stop_;
            if (!disk_.frozen() && !relay_->broken() && disk_is_well())
                judge_->fault("stuck: it does not stop");
            crash_relay(true);
            return false;
        }
        if (const auto left = relay_->leftovers(); !left.empty()) judge_->fault("kept: " + left);
        bury_relay();
        return true;
    }

    void crash_relay(bool power_cut) {
        if (disk_.frozen()) power_cut = disk_.power_failed();
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
    Temper temper_, home_temper_, trouble_temper_;
    Duration lifetime_{}, change_time_ = 300us, load_time_ = 300us;
    bool wild_ = false, injects_ = false, one_trouble_ = false;
    bool tight_ = false;  // little fits on the disk
    std::unique_ptr<Judge> judge_;
    std::vector<IpAddress> addresses_;
    std::vector<std::string> senders_, gone_, hosts_;
    std::vector<std::string> domains_;  // that take mail, most of the time
    ClientSettings client_settings_;
    RelayOptions options_;
    std::size_t settled_young_ = 0;
    const std::uint64_t reserve_;  // by a dice of its own: the other stories stay what they were
    std::vector<std::unique_ptr<MailServer>> servers_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::unique_ptr<SimRelay> relay_;
    unsigned lives_ = 0, kills_ = 0, cuts_ = 0, ends_in_start_ = 0, ends_in_stop_ = 0, reloads_ = 0;
    std::uint64_t retired_ = 0, loads_ = 0, journal_bytes_ = 0;
};

}  // namespace

Outcome play(std::uint64_t seed, bool loud) {
    // The outside's coroutines are left behind as well, with all that they use.
    auto* const story = new Story(seed, loud);
    return story->play();
}

}  // namespace angarium::sim

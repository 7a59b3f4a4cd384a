#include "tests/sim/relay.hpp"

#include <fmt/format.h>

#include "tests/sim/rocks_files.hpp"

namespace angarium::sim {

using metrics::Level;
using runtime::Task;

namespace {
// What a crash leaves behind can be neither run nor freed: coroutines in the middle of their work and all that they use.
template <class T>
void leave_behind(T* what) {
    static std::vector<T*> graveyard;
    graveyard.push_back(what);
}
const Endpoint submission{IpAddress::v4(0x0a000001), 25};
}  // namespace

// RocksDB must be closed also after a crash, when the queue that owns the store cannot be.
class SimRelay::LentStore final : public queue::Store {
  public:
    LentStore(Store& real, World& world) : real_(real), world_(world) {}
    queue::StoreMeta meta() override { return real_.meta(); }
    Result<void> set_meta(const queue::StoreMeta& meta) override { return real_.set_meta(meta); }
    Result<void> apply(const queue::StoreBatch& batch) override {
        const auto done = real_.apply(batch);
        world_.tell(fmt::format(
            "store: {} survivors, {} effects{}{}", batch.survivors.size(), batch.effects.size(),
            batch.tail ? fmt::format(", tail of {} at {}", index(batch.tail->first), batch.tail->second)
                       : std::string(),
            done ? "" : ": failed"));
        return done;
    }
    Result<void> flush() override {
        const auto done = real_.flush();
        world_.tell(done ? "store: flushed" : "store: flush failed");
        return done;
    }
    Result<queue::LoadResult> load_ready(const queue::DestinationName& name, const MessageId& from,
                                         std::size_t most) override {
        return real_.load_ready(name, from, most);
    }
    Result<queue::LoadResult> load_deferred(const queue::DestinationName& name, WallTime until,
                                            std::size_t most, std::pair<WallTime, MessageId> from) override {
        return real_.load_deferred(name, until, most, from);
    }
    IoResult<std::string> read_body(const MessageId& id, std::uint32_t part) override {
        return real_.read_body(id, part);
    }
    Result<std::vector<Found>> find_destinations(const std::optional<queue::DestinationName>& after,
                                                 std::size_t most) override {
        return real_.find_destinations(after, most);
    }
    queue::StoreTotals totals() override { return real_.totals(); }
    bool waits_for_space() const override { return real_.waits_for_space(); }
    void give_up() override { real_.give_up(); }

  private:
    Store& real_;
    World& world_;
};

struct SimRelay::Parts {
    Parts(Surroundings& around, SimShard& shard, IpAddress address)
        : network(around.internet, shard, address) {}
    SimNetwork network;
    inbound::InForce in_force;
    std::unique_ptr<SimLookup> lookup;
    std::unique_ptr<dns::Resolver> resolver;
    std::unique_ptr<outbound::Dispatcher> dispatcher;
    std::unique_ptr<inbound::Server> server;
    runtime::Event stop;
};

// All shards wait for one another.
class SimRelay::Meeting {
  public:
    explicit Meeting(std::vector<SimShard*>& shards) : shards_(shards), events_(shards.size()) {}
    Task<void> meet(ShardId self) {
        if (++arrived_ == shards_.size())
            for (std::size_t i = 0; i < shards_.size(); ++i)
                shards_[i]->after(1us, [this, i] { events_[i].signal(); });
        co_await events_[index(self)].wait();
    }

  private:
    std::vector<SimShard*>& shards_;
    std::size_t arrived_ = 0;
    std::deque<runtime::Event> events_;
};

SimRelay::SimRelay(Surroundings surroundings, RelayOptions options)
    : around_(surroundings),
      options_(std::move(options)),
      registry_(new metrics::Registry(options_.shards)),
      connections_(new inbound::Connections(options_.inbound.limits.connections,
                                            options_.inbound.limits.connections_per_address)),
      slots_(new outbound::SlotSet(options_.shards,
                                   {options_.outbound.site_start, options_.outbound.site_most})) {
    for (unsigned i = 0; i < options_.shards; ++i)
        shards_.push_back(
            new SimShard(around_.world, ShardId{static_cast<std::uint8_t>(i)}, options_.shards));
    for (auto* const shard : shards_) shard->know(shards_);
    for (auto* const shard : shards_) parts_.push_back(new Parts(around_, *shard, submission.address));
    workers_.push_back(std::make_unique<SimWorkers>(around_.world, around_.change_time));
    workers_.push_back(std::make_unique<SimWorkers>(around_.world, around_.load_time));
    for (unsigned i = 0; i < 7; ++i) meetings_.emplace_back(shards_);
}

SimRelay::~SimRelay() {
    // Events that still name them may lie in the world's list.
    for (auto& workers : workers_) {
        workers->end();
        leave_behind(workers.release());
    }
    if (killed_) {
        for (auto* const shard : shards_) leave_behind(shard);
        for (auto* const parts : parts_) leave_behind(parts);
        if (queues_ != nullptr) leave_behind(queues_);
        leave_behind(registry_);
        leave_behind(connections_);
        leave_behind(slots_);
        static std::deque<std::deque<Meeting>> meetings;
        meetings.push_back(std::move(meetings_));
        store_.reset();
        return;
    }
    ANGARIUM_ASSERT(state_ == State::stopped || state_ == State::failed);
    delete queues_;
    for (auto* const parts : parts_) delete parts;
    store_.reset();
    delete slots_;
    delete connections_;
    delete registry_;
    for (auto* const shard : shards_) {
        shard->kill();
        leave_behind(shard);
    }
}

void SimRelay::fail(std::string why) {
    if (trouble_.empty()) trouble_ = std::move(why);
    state_ = State::failed;
}

void SimRelay::start() {
    auto store = options_.store;
    store.file_system = "angarium-sim";
    enlist_rocks_files(store.file_system, around_.disk);
    store.wait_for_space = [] { return SimWorkers::wait_for_space(); };
    store.settle_background = true;
    store.reclaim_every = std::chrono::hours(1000);
    store.alarm = [this](std::string text) { alarms_.push_back(std::move(text)); };
    auto opened = queue::open_rocks_store(store);
    if (!opened) return fail(opened.error().text);
    store_ = std::move(*opened);
    for (const auto tail : store_->meta().tails)
        around_.world.tell(fmt::format("a journal's tail is {}", tail));
    auto options = options_.queue;
    options.alarm = [this](std::string text) {
        around_.world.tell("alarm: " + text);
        alarms_.push_back(std::move(text));
    };
    auto set = queue::QueueSet::open(std::move(options), options_.shards, around_.files,
                                     std::make_unique<LentStore>(*store_, around_.world), workers(0),
                                     workers(1), *registry_);
    if (!set) return fail(set.error().text);
    queues_ = set->release();
    for (std::size_t i = 0; i < shards_.size(); ++i)
        shards_[i]->after(1us, [this, i] { shards_[i]->gate().hold(main(*shards_[i], *parts_[i])); });
}

Task<void> SimRelay::main(SimShard& shard, Parts& parts) {
    if (index(shard.id()) == 0) {
        const auto prepared = co_await queues_->prepare(shard);
        if (!prepared) fail(prepared.error().text);
    }
    co_await meetings_[0].meet(shard.id());
    if (state_ == State::failed) co_return;
    const auto started = queues_->start(shard);
    if (!started) fail(started.error().text);
    co_await meetings_[1].meet(shard.id());
    if (state_ == State::failed) co_return;
    auto& queue = queues_->of(shard.id());
    auto& sheet = registry_->sheet(shard.id());
    parts.in_force = inbound::plain_terms(options_.inbound);
    parts.server = std::make_unique<inbound::Server>(
        inbound::Services{
            shard, queue.intake(), sheet, *connections_, options_.inbound, parts.in_force, {}, nullptr},
        parts.network);
    const auto bound = parts.server->listen();
    ANGARIUM_ASSERT(bound);
    parts.lookup = std::make_unique<SimLookup>(around_.names, shard);
    parts.resolver = std::make_unique<dns::Resolver>(shard, *parts.lookup, sheet, options_.dns);
    parts.dispatcher = std::make_unique<outbound::Dispatcher>(
        shard, parts.network, *parts.resolver, queue.outlet(), *slots_, sheet, options_.outbound);
    queue.owner().carry_with(*parts.dispatcher);
    co_await meetings_[2].meet(shard.id());
    queues_->begin(shard);
    parts.server->start();
    if (state_ == State::starting) {
        state_ = State::running;
        around_.world.tell(fmt::format("relay runs on {} shards", shards_.size()));
    }
    co_await parts.stop.wait();
    co_await end(shard, parts);
}

// As the program does it.
Task<void> SimRelay::end(SimShard& shard, Parts& parts) {
    auto& queue = queues_->of(shard.id());
    const auto deadline = shard.now() + 30s;
    parts.server->drain();
    runtime::Timer hurry([](void* server) { static_cast<inbound::Server*>(server)->abort(); },
                         parts.server.get());
    hurry.arm(shard.timers(), deadline);
    co_await parts.server->closed();
    hurry.disarm();
    queue.origin().stop_intake();
    queue.owner().stop();
    co_await parts.dispatcher->drain(deadline);
    parts.lookup->cancel();
    co_await parts.resolver->stop();
    co_await meetings_[3].meet(shard.id());
    co_await queues_->close_owner(shard);
    co_await meetings_[4].meet(shard.id());
    co_await queues_->close_origin(shard);
    co_await meetings_[5].meet(shard.id());
    parts.dispatcher.reset();
    parts.resolver.reset();
    parts.lookup.reset();
    parts.server.reset();
    if (++ended_ == shards_.size()) {
        state_ = State::stopped;
        around_.world.tell("relay stopped");
    }
}

void SimRelay::stop() {
    if (state_ != State::running) return;
    state_ = State::stopping;
    around_.world.tell("relay is told to stop");
    for (std::size_t i = 0; i < shards_.size(); ++i)
        shards_[i]->after(1us, [this, i] { parts_[i]->stop.signal(); });
}

// As the program does it: on each shard's thread.
void SimRelay::reload(const inbound::Options& options) {
    for (std::size_t i = 0; i < shards_.size(); ++i)
        shards_[i]->after(1us,
                          [this, i, terms = inbound::plain_terms(options)] { parts_[i]->in_force = terms; });
}

void SimRelay::kill(bool power_cut) {
    killed_ = true;
    if (power_cut)
        around_.disk.cut_power();
    else
        around_.disk.kill_process();
    for (auto* const shard : shards_) shard->kill();
    around_.internet.lose(shards_, power_cut);
    for (auto& workers : workers_) workers->end();
}

bool SimRelay::broken() const {
    if (queues_ == nullptr || state_ == State::starting) return false;
    for (auto* const shard : shards_)
        if (queues_->started(shard->id()) && queues_->of(shard->id()).broken()) return true;
    return false;
}

bool SimRelay::empty() const {
    if (state_ != State::running) return false;
    for (auto* const shard : shards_) {
        auto& queue = queues_->of(shard->id());
        if (queue.owner().held() != 0 || queue.origin().young_messages() != 0) return false;
    }
    return queues_->store().totals().messages == 0;  // asked last: it costs more than most events
}

std::string SimRelay::inventory() const {
    const auto stored = queues_->store().totals();
    auto text = fmt::format("store: {} messages, {} ready, {} deferred", stored.messages, stored.ready,
                            stored.deferred);
    for (auto* const shard : shards_) {
        auto& queue = queues_->of(shard->id());
        text += fmt::format("; shard {}: holds {}, young {}", index(shard->id()), queue.owner().held(),
                            queue.origin().young_messages());
    }
    return text;
}

std::string SimRelay::leftovers() const {
    std::string found;
    const auto none = [&](Level level, const char* name) {
        if (const auto value = registry_->total(level); value != 0)
            found += fmt::format("{} {} left\n", value, name);
    };
    none(Level::sessions_open, "sessions");
    none(Level::outbound_open, "outbound connections");
    none(Level::outbound_idle, "idle connections");
    none(Level::deliveries_in_flight, "deliveries under way");
    none(Level::unrecorded_remote, "remote 250s that were not recorded");
    if (const auto count = connections_->count(); count != 0)
        found += fmt::format("{} clients' connections counted\n", count);
    for (auto* const shard : shards_)
        if (const auto lent = slots_->desk(shard->id()).lent(); lent != 0)
            found += fmt::format("{} slots of shard {} not given back\n", lent, index(shard->id()));
    if (const auto bytes = queues_->body_bytes(); bytes != 0)
        found += fmt::format("{} bytes of bodies left\n", bytes);
    return found;
}

}  // namespace angarium::sim

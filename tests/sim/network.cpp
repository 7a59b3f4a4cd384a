#include "tests/sim/network.hpp"

#include <deque>
#include <utility>

#include "tests/sim/connection.hpp"

namespace angarium::sim {

class SimListener final : public runtime::Listener {
  public:
    SimListener(Internet& internet, SimShard& shard, const Endpoint& local)
        : internet_(internet), shard_(shard), local_(local) {
        place_ = internet_.listeners_.emplace(local, this);
    }
    ~SimListener() override { close(); }
    void close() override {
        if (!std::exchange(closed_, true)) internet_.listeners_.erase(place_);
        waiting_.clear();
        if (acceptor_ != nullptr)
            std::exchange(acceptor_, nullptr)->complete(std::unexpected(IoError::canceled));
    }
    const Endpoint& local() const override { return local_; }
    SimShard& shard() { return shard_; }

    // Inside the shard.
    void offer(std::unique_ptr<runtime::Stream> stream) {
        if (closed_) return;
        if (acceptor_ == nullptr)
            waiting_.push_back(std::move(stream));
        else
            std::exchange(acceptor_, nullptr)->complete(std::move(stream));
    }

  protected:
    bool begin_accept(runtime::Operation<std::unique_ptr<runtime::Stream>>& operation) override {
        if (closed_) {
            operation.result = std::unexpected(IoError::canceled);
            return true;
        }
        if (waiting_.empty()) {
            acceptor_ = &operation;
            return false;
        }
        operation.result = std::move(waiting_.front());
        waiting_.pop_front();
        return true;
    }

  private:
    friend class Internet;
    Internet& internet_;
    SimShard& shard_;
    const Endpoint local_;
    std::multimap<Endpoint, SimListener*>::iterator place_;
    bool closed_ = false;
    std::deque<std::unique_ptr<runtime::Stream>> waiting_;
    runtime::Operation<std::unique_ptr<runtime::Stream>>* acceptor_ = nullptr;
};

void Internet::lose(const std::vector<SimShard*>& shards, bool silently) {
    for (auto* const shard : shards) {
        std::erase_if(listeners_, [&](const auto& entry) {
            if (&entry.second->shard() != shard) return false;
            entry.second->closed_ = true;
            return true;
        });
        const auto connections = connections_;  // some go on the way
        std::vector<std::shared_ptr<SimConnection>> mine;
        for (const auto& [number, connection] : connections)
            if (connection->has_end_on(shard)) mine.push_back(connection->shared_from_this());
        for (const auto& connection : mine) connection->lose_end(connection->end_on(shard), silently);
    }
}

Result<std::unique_ptr<runtime::Listener>> SimNetwork::listen(const Endpoint& endpoint) {
    return std::make_unique<SimListener>(internet_, shard_, endpoint);
}

runtime::Task<IoResult<std::unique_ptr<runtime::Stream>>> SimNetwork::connect(Endpoint to,
                                                                              std::optional<IpAddress> source,
                                                                              MonoTime deadline) {
    auto& world = internet_.world();
    const auto& weather = internet_.weather;
    const auto host = internet_.hosts_.find(to.address);
    const auto state = host == internet_.hosts_.end() ? Internet::Host::up : host->second;
    const bool lost = state == Internet::Host::silent || world.chance(weather.lost);
    const auto wait = lost ? deadline - shard_.now() : 2 * world.latency(weather.latency);
    co_await shard_.sleep(wait);
    if (lost || shard_.now() > deadline) co_return std::unexpected(IoError::timed_out);
    const auto [first, last] = internet_.listeners_.equal_range(to);
    const auto count = static_cast<std::uint64_t>(std::distance(first, last));
    if (count == 0 || state == Internet::Host::refuses || world.chance(weather.refused))
        co_return std::unexpected(IoError::refused);
    auto* const listener = std::next(first, static_cast<long>(world.below(count)))->second;
    SimShard* shards[2] = {&shard_, &listener->shard()};
    if (internet_.next_port_ == 65'535) internet_.next_port_ = 20'000;
    const Endpoint endpoints[2] = {{source.value_or(address_), ++internet_.next_port_}, to};
    const auto connection = std::make_shared<SimConnection>(internet_, shards, endpoints);
    auto theirs = std::make_shared<std::unique_ptr<runtime::Stream>>(connection->stream(1));
    auto ours = connection->stream(0);
    // The listener may be gone by then; its connections have broken then as well.
    listener->shard().after(world.latency(weather.latency), [&internet = internet_, to, listener, theirs] {
        const auto [from, end] = internet.listeners_.equal_range(to);
        for (auto at = from; at != end; ++at)
            if (at->second == listener) return listener->offer(std::move(*theirs));
        theirs->reset();
    });
    std::unique_ptr<runtime::Stream> stream = std::move(ours);
    co_return stream;
}

}  // namespace angarium::sim

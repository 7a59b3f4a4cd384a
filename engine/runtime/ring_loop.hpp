// The real shard's inside: its ring, mailbox and loop, and the set that the shards belong to. Included by ring_shard.cpp
// and ring_loop.cpp only; everybody else sees ring_shard.hpp.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "engine/runtime/buffers.hpp"
#include "engine/runtime/context.hpp"
#include "engine/runtime/file_operations.hpp"
#include "engine/runtime/file_system.hpp"
#include "engine/runtime/listen_claims.hpp"
#include "engine/runtime/mailbox.hpp"
#include "engine/runtime/network.hpp"
#include "engine/runtime/poll.hpp"
#include "engine/runtime/ring_shard.hpp"

namespace angarium::runtime {

class RingLoop;

// How the shards agree that everything is over: nobody is active, and every letter sent has arrived. A shard becomes
// active before it takes a letter, so four readings in this order cannot miss one (Mattern's counting, two waves).
class Ending {
  public:
    explicit Ending(unsigned shards) : active_(static_cast<int>(shards)), counts_(shards) {}
    void activate() {
        activations_.fetch_add(1);
        active_.fetch_add(1);
    }
    void rest() { active_.fetch_sub(1); }
    void sent(ShardId shard, std::uint64_t total) { counts_[index(shard)].sent.store(total); }
    void received(ShardId shard, std::uint64_t total) { counts_[index(shard)].received.store(total); }
    bool reached() const;

  private:
    struct alignas(64) Counts {
        std::atomic<std::uint64_t> sent{0}, received{0};
    };
    alignas(64) std::atomic<int> active_;
    std::atomic<std::uint64_t> activations_{0};
    std::vector<Counts> counts_;
};

struct RingShards {
    std::vector<std::unique_ptr<RingLoop>> loops;
    Ending ending;
    ListenClaims claims;
    std::atomic<bool> stopping{false};
    explicit RingShards(unsigned shards);
    ~RingShards();
};

class RingLoop final : public RingShard {
  public:
    RingLoop(RingShards& set, ShardId id, unsigned shards, Clock& clock, std::unique_ptr<Ring> ring,
             int wake_descriptor, const RingOptions& options);
    ~RingLoop() override;

    Network& network() override { return network_; }
    Poller& poller() override { return poller_; }
    const RingCounters& counters() const override { return ring_->counters(); }
    void send(ShardId to, std::unique_ptr<Letter> letter) override;
    bool congested(ShardId to) const override;
    void job_out() override { ++jobs_out_; }
    void job_back(Job& job) override;

    // The thread's whole life.
    void run(const std::function<Task<void>(RingShard&)>& main);
    // Any thread.
    void post(std::unique_ptr<Letter> letter);
    void wake_from_outside();

  private:
    class Visit;
    void loop();
    void wind_down();
    Duration patience(bool busy);
    void receive_mail();
    void send_mail();
    void arm_wake();
    void on_wake();
    bool quiet() const;
    void judge_activity();
    Lane& lane_to(ShardId to) const;

    RingShards& set_;
    Clock& clock_;
    std::unique_ptr<Ring> ring_;
    ReceiveBuffers buffers_;
    FileOperations files_;
    IoContext context_;
    TcpNetwork network_;
    RingPoller poller_;

    Mailbox mailbox_;
    std::uint64_t written_to_ = 0;   // shards whose lane got something this turn, one bit each
    std::uint64_t overflowing_ = 0;  // shards whose lane is full, one bit each
    std::uint64_t sent_ = 0, received_ = 0;
    Letter* own_first_ = nullptr;  // letters to ourselves
    Letter* own_last_ = nullptr;
    std::size_t jobs_out_ = 0;
    bool active_ = true;

    const int wake_descriptor_;  // an eventfd, for threads without a ring
    RingOp wake_;
    std::uint64_t wake_count_ = 0;
    // Threads inside post() or job_back(): what they deliver may end the shard before they have left.
    std::atomic<unsigned> visitors_{0};
};

}  // namespace angarium::runtime

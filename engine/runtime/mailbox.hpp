// Mailbox: everything that reaches a shard from other threads. One lane from each other shard; a list for letters from
// threads that are no shard; a list of finished jobs from worker threads.
//
// Waking: the owner says before it waits that it may sleep, then looks once more. Whoever delivers looks at that flag
// afterwards, and the one that clears it does the waking: one wake-up per sleep, none while the owner runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/runtime/lane.hpp"
#include "engine/runtime/letter.hpp"
#include "engine/runtime/workers.hpp"

namespace angarium::runtime {

class Mailbox {
  public:
    explicit Mailbox(unsigned shards);
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    // The lane that this shard fills; its methods for the sender are called on the sender's thread.
    Lane& from(ShardId sender) { return lanes_[index(sender)]; }
    // Any thread.
    void post(std::unique_ptr<Letter> letter);
    void finished(Job& job);
    // Any thread, after delivering: true when the caller must wake the owner.
    bool must_wake();

    // Owner's. True: nothing has come, it may sleep.
    bool prepare_to_sleep();
    void woken() { may_sleep_.store(false, std::memory_order_relaxed); }
    // Something is there to be received.
    bool has_mail() const;
    // Lets every letter that is there arrive and runs done() of every finished job. `before` runs first when there is
    // anything. `waiting` hears which shards wait for room in their lanes. Returns how many letters and jobs.
    struct Received {
        std::size_t letters = 0, jobs = 0;
    };
    template <class Waiting>
    Received receive(Waiting waiting) {
        Received received;
        for (std::size_t sender = 0; sender < lanes_count_; ++sender) {
            Lane& lane = lanes_[sender];
            const auto count = lane.available();
            if (count == 0) continue;
            received.letters += count;
            for (std::size_t i = 0; i < count; ++i) lane.pop().arrive();
            if (lane.sender_waits()) waiting(ShardId(sender));
        }
        receive_posted();
        received.jobs = receive_jobs();
        return received;
    }

  private:
    void receive_posted();
    std::size_t receive_jobs();

    const std::size_t lanes_count_;
    std::unique_ptr<Lane[]> lanes_;
    alignas(64) std::atomic<Letter*> posted_{nullptr};
    std::atomic<Job*> finished_{nullptr};
    alignas(64) std::atomic<bool> may_sleep_{false};
};

}  // namespace angarium::runtime

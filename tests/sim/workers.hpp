// Worker threads of the simulated world: a job waits its turn, runs in one step of simulated time, and is done a while later. The
// job's own call runs on a real thread, to which the world hands the baton and waits: so a call that must wait for
// space on a full disk can stand still while the world goes on. At any moment only one of the two runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/runtime/workers.hpp"
#include "tests/sim/shard.hpp"

namespace angarium::sim {

class SimWorkers final : public runtime::Workers {
  public:
    // `usual`: how long a job takes, most of the time; may change.
    SimWorkers(World& world, const Duration& usual);

    void submit(runtime::Job& job) override;
    // Called by a job, on its thread, when the disk is full: lets the world go on for a while. False: give up.
    static bool wait_for_space();
    // The process dies, or has ended: no further job runs, one that waits for space gives up. Events may still name this.
    void end();

  private:
    struct Waiting {
        runtime::Job* job;
        SimShard* home;
    };
    void start_next();
    void go_on();  // hands the baton over until the job is done or waits
    void run_jobs();

    World& world_;
    const Duration& usual_;
    bool dead_ = false, busy_ = false;
    std::deque<Waiting> waiting_;
    Waiting current_{};

    std::mutex mutex_;
    std::condition_variable changed_;
    enum class Baton : std::uint8_t { world, job } baton_ = Baton::world;
    bool parked_ = false, done_ = false, stop_ = false, give_up_ = false;
    std::thread thread_;
};

}  // namespace angarium::sim

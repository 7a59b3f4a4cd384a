#include "tests/sim/workers.hpp"

namespace angarium::sim {
namespace {
thread_local SimWorkers* workers_of_this_thread = nullptr;
}

SimWorkers::SimWorkers(World& world, const Duration& usual)
    : world_(world), usual_(usual), thread_([this] { run_jobs(); }) {}

void SimWorkers::submit(runtime::Job& job) {
    waiting_.push_back({&job, static_cast<SimShard*>(&runtime::Shard::current())});
    if (!busy_) start_next();
}

void SimWorkers::start_next() {
    if (dead_ || waiting_.empty()) return;
    busy_ = true;
    current_ = waiting_.front();
    waiting_.pop_front();
    world_.after(world_.latency(usual_), [this] {
        if (dead_) return;
        done_ = false;
        go_on();
    });
}

void SimWorkers::go_on() {
    {
        std::unique_lock lock(mutex_);
        parked_ = false;
        baton_ = Baton::job;
        lock.unlock();
        changed_.notify_all();
        lock.lock();
        changed_.wait(lock, [this] { return baton_ == Baton::world; });
    }
    if (parked_) {
        if (!dead_)
            world_.after(500ms, [this] {
                if (!dead_) go_on();
            });
        return;
    }
    if (dead_) return;
    auto* const job = current_.job;
    current_.home->after(world_.latency(10us), [job] { job->done(); });
    busy_ = false;
    start_next();
}

bool SimWorkers::wait_for_space() {
    if (workers_of_this_thread == nullptr) return false;  // a start: nothing goes on meanwhile
    auto& self = *workers_of_this_thread;
    std::unique_lock lock(self.mutex_);
    if (self.give_up_) return false;
    self.parked_ = true;
    self.baton_ = Baton::world;
    self.changed_.notify_all();
    self.changed_.wait(lock, [&] { return self.baton_ == Baton::job; });
    return !self.give_up_;
}

void SimWorkers::end() {
    if (std::exchange(dead_, true)) return;
    bool waits;
    {
        const std::lock_guard lock(mutex_);
        give_up_ = true;
        waits = parked_;
    }
    if (waits) go_on();
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        baton_ = Baton::job;
    }
    changed_.notify_all();
    thread_.join();
}

void SimWorkers::run_jobs() {
    workers_of_this_thread = this;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return baton_ == Baton::job; });
            if (stop_) return;
        }
        current_.job->work();
        {
            const std::lock_guard lock(mutex_);
            parked_ = false;
            baton_ = Baton::world;
        }
        changed_.notify_all();
    }
}

}  // namespace angarium::sim

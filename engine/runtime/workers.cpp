#include "engine/runtime/workers.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/assert.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::runtime {

class ThreadWorkers final : public Workers {
  public:
    ThreadWorkers(unsigned threads, const std::string& name) {
        ANGARIUM_ASSERT(threads > 0);
        for (unsigned i = 0; i < threads; ++i) {
            threads_.emplace_back([this] { serve(); });
            // The kernel keeps 15 characters of a thread's name.
            ::pthread_setname_np(threads_.back().native_handle(),
                                 (name + "-" + std::to_string(i)).substr(0, 15).c_str());
        }
    }

    ~ThreadWorkers() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        work_.notify_all();
        for (auto& thread : threads_) thread.join();
        ANGARIUM_ASSERT(first_ == nullptr);
    }

    void submit(Job& job) override {
        job.home_ = &Shard::current();
        job.next_ = nullptr;
        job.home_->job_out();
        {
            const std::lock_guard lock(mutex_);
            (first_ == nullptr ? first_ : last_->next_) = &job;
            last_ = &job;
        }
        work_.notify_one();
    }

  private:
    void serve() {
        // Signals belong to the shards' reader.
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
        while (Job* const job = next()) {
            job->work();
            job->home_->job_back(*job);
        }
    }

    Job* next() {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [this] { return first_ != nullptr || stopping_; });
        Job* const job = first_;
        if (job != nullptr) first_ = job->next_;
        return job;
    }

    std::mutex mutex_;
    std::condition_variable work_;
    Job* first_ = nullptr;
    Job* last_ = nullptr;
    bool stopping_ = false;
    std::vector<std::thread> threads_;  // last: they use all of the above
};

std::unique_ptr<Workers> make_thread_workers(unsigned threads, std::string name) {
    return std::make_unique<ThreadWorkers>(threads, name);
}

}  // namespace angarium::runtime

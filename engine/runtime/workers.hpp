// Threads for calls that block (RocksDB, making segments, hashing): a shard hands over a Job, a worker runs `work()`, and
// `done()` runs on the shard that submitted it. Jobs are taken in the order of submission; with one thread they are
// therefore also run in that order. A Job belongs to its submitter and must live until done() has run.
#pragma once

#include <memory>
#include <string>

namespace angarium::runtime {

class Job {
  public:
    virtual ~Job() = default;
    virtual void work() = 0;  // on a worker thread
    virtual void done() = 0;  // on the submitting shard

  private:
    friend class ThreadWorkers;
    friend class Mailbox;
    class Shard* home_ = nullptr;
    Job* next_ = nullptr;
};

class Workers {
  public:
    virtual ~Workers() = default;
    // Called on a shard.
    virtual void submit(Job& job) = 0;
};

// The real ones. The destructor waits for running jobs; submitted ones must be done by then.
std::unique_ptr<Workers> make_thread_workers(unsigned threads, std::string name);

}  // namespace angarium::runtime

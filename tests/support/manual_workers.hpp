// Worker threads for unit tests that have none: jobs wait until the test runs them, on its own thread, which is the shard's.
#pragma once

#include <deque>
#include <utility>

#include "engine/runtime/workers.hpp"

namespace angarium::support {

class ManualWorkers final : public runtime::Workers {
  public:
    void submit(runtime::Job& job) override { jobs.push_back(&job); }
    void run() {
        for (auto taken = std::exchange(jobs, {}); !taken.empty(); taken.pop_front()) {
            taken.front()->work();
            ++worked;
            taken.front()->done();
        }
    }

    std::deque<runtime::Job*> jobs;
    unsigned worked = 0;
};

}  // namespace angarium::support

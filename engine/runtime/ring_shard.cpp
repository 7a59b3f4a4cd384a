#include "engine/runtime/ring_shard.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "engine/runtime/ring_loop.hpp"

namespace angarium::runtime {
namespace {

// A function from any thread, as a letter.
class Call final : public Letter {
  public:
    explicit Call(std::function<void()> function) : function_(std::move(function)) {}
    void arrive() override {
        function_();
        delete this;
    }

  private:
    std::function<void()> function_;
};

// The processors that this process may use, in order.
std::vector<int> allowed_processors() {
    cpu_set_t set;
    std::vector<int> processors;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return processors;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) processors.push_back(cpu);
    return processors;
}

void pin_this_thread(const std::vector<int>& processors, unsigned shard) {
    if (processors.empty()) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processors[shard % processors.size()], &one);
    ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one);
}

// RLIMIT_MEMLOCK counts the rings of all shards (of all processes of the user, even): take half of it at most.
unsigned entries_that_fit(const RingOptions& options, unsigned shards) {
    rlimit limit{};
    auto entries = options.entries;
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return entries;
    const auto share = limit.rlim_cur / 2 / shards;
    while (entries > Ring::least_entries && Ring::locked_bytes(entries, options.receive_buffers) > share)
        entries /= 2;
    return entries;
}

class RingShardSet final : public ShardSet {
  public:
    RingShardSet(unsigned shards, bool pin) : shards_(shards), pin_(pin) {}

    Result<void> add(ShardId id, unsigned shards, Clock& clock, const RingOptions& options) {
        auto ring = Ring::create(entries_that_fit(options, shards));
        if (!ring) return std::unexpected(ring.error());
        const int wake = ::eventfd(0, EFD_CLOEXEC);
        if (wake < 0) return failure(fmt::format("eventfd: {}", std::strerror(errno)));
        shards_.loops.push_back(
            std::make_unique<RingLoop>(shards_, id, shards, clock, std::move(*ring), wake, options));
        return {};
    }

    unsigned size() const override { return static_cast<unsigned>(shards_.loops.size()); }
    RingShard& shard(ShardId id) override { return *shards_.loops[index(id)]; }
    FileSystem& files() override { return files_; }

    void run(std::function<Task<void>(RingShard&)> main) override {
        const auto processors = pin_ ? allowed_processors() : std::vector<int>{};
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < size(); ++i) {
            threads.emplace_back([this, i, &main, &processors] {
                ::pthread_setname_np(::pthread_self(), fmt::format("shard-{}", i).c_str());
                pin_this_thread(processors, i);
                shards_.loops[i]->run(main);
            });
        }
        for (auto& thread : threads) thread.join();
    }

    void call(ShardId id, std::function<void()> function) override {
        shards_.loops[index(id)]->post(std::make_unique<Call>(std::move(function)));
    }

  private:
    RingShards shards_;
    KernelFileSystem files_;
    bool pin_;
};

}  // namespace

RingShard::~RingShard() = default;

Result<std::unique_ptr<ShardSet>> ShardSet::create(unsigned shards, Clock& clock, RingOptions options,
                                                   bool pin) {
    constexpr unsigned most_shards = 64;  // one bit each in a word
    if (shards == 0 || shards > most_shards)
        return failure(fmt::format("{} shards: choose between 1 and {}", shards, most_shards));
    auto set = std::make_unique<RingShardSet>(shards, pin);
    for (unsigned i = 0; i < shards; ++i)
        if (auto added = set->add(ShardId(i), shards, clock, options); !added)
            return std::unexpected(added.error());
    return set;
}

}  // namespace angarium::runtime

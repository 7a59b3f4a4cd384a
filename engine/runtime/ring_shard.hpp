// The real shard: an io_uring for network, files and polls, lanes to the other shards, and the loop that turns them.
//
// Loop, per turn: 1. submit and wait (at most until the next timer, not at all when something is ready); 2. collect the
// completions into the ready list; 3. empty the mailbox; 4. fire timers; 5. run the ready list.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/runtime/counters.hpp"
#include "engine/runtime/file.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/stream.hpp"

namespace angarium::runtime {

struct RingOptions {
    // Of the submission queue, a power of two; the completion queue has four times as many. Fewer where RLIMIT_MEMLOCK
    // asks for it: a full queue is submitted early, nothing more.
    unsigned entries = 1024;
    // Provided buffers, a power of two, shared by the shard's sockets; memory is touched only as it is used.
    unsigned receive_buffers = 1024;
    unsigned receive_buffer_size = 16384;  // bytes
};

// What the kernel offers, found by real submissions. An Error names what is missing and its remedy (kernel version,
// sysctl kernel.io_uring_disabled, a container's seccomp profile, RLIMIT_MEMLOCK).
Result<void> probe_kernel();

class RingShard : public Shard {
  public:
    using Shard::Shard;
    ~RingShard() override;
    virtual Network& network() = 0;
    virtual Poller& poller() = 0;
    virtual const RingCounters& counters() const = 0;
};

// The shards of this process: started together, stopped together.
class ShardSet {
  public:
    static Result<std::unique_ptr<ShardSet>> create(unsigned shards, Clock& clock, RingOptions options,
                                                    bool pin);
    virtual ~ShardSet() = default;
    virtual unsigned size() const = 0;
    virtual RingShard& shard(ShardId id) = 0;
    // Files whose operations go through the ring of the calling shard.
    virtual FileSystem& files() = 0;
    // Runs `main(shard)` as the first task of every shard, each on its own thread, and returns when every one of them
    // has returned and each shard's gate is empty. Called once.
    virtual void run(std::function<Task<void>(RingShard&)> main) = 0;
    // From any thread or a signal handler's reader: runs `function` on that shard's thread.
    virtual void call(ShardId id, std::function<void()> function) = 0;
};

// The kernel's clocks.
class SystemClock final : public Clock {
  public:
    MonoTime mono() override;
    WallTime wall() override;
};

}  // namespace angarium::runtime

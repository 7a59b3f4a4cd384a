// What the runtime needs of the kernel, tried for real: a ring, provided buffers, a multishot receive, a message.
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>

#include <fmt/core.h>

#include "engine/runtime/buffers.hpp"
#include "engine/runtime/ring.hpp"
#include "engine/runtime/ring_shard.hpp"

namespace angarium::runtime {
namespace {

Error too_old(const char* what) {
    utsname system{};
    ::uname(&system);
    return {fmt::format("this kernel ({}) lacks {}: Linux 6.0 or newer is needed, 6.1 or newer is faster",
                        system.release, what)};
}

struct Trial {
    RingOp op{[](void* self, Completion c) { static_cast<Trial*>(self)->last = c; }, this};
    Completion last{-1, false, false, 0};
};

// Runs the ring until the operation's first completion or for a second.
void step(Ring& ring) {
    ring.submit_and_wait(1s);
    ring.collect();
}

Result<void> try_receive(Ring& ring, int (&pair)[2]) {
    ReceiveBuffers buffers(ring, 2, 64);
    if (!buffers.available()) return std::unexpected(too_old("provided buffer rings"));
    Trial trial;
    ring.receive_multishot(trial.op, pair[0], false);
    if (::write(pair[1], "x", 1) != 1) return failure("a socket pair does not take a byte");
    step(ring);
    const bool works = trial.last.result == 1 && trial.last.has_buffer;
    for (int i = 0; i < 10 && trial.op.in_flight(); ++i) {
        ring.cancel(trial.op);
        step(ring);
    }
    ANGARIUM_ASSERT(!trial.op.in_flight());
    if (!works) return std::unexpected(too_old("multishot receive"));
    return {};
}

}  // namespace

Result<void> probe_kernel() {
    auto ring = Ring::create(8);
    if (!ring) return std::unexpected(ring.error());
    (*ring)->enable();
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return failure("no descriptors for a socket pair");
    auto result = try_receive(**ring, pair);
    ::close(pair[0]);
    ::close(pair[1]);
    return result;
}

}  // namespace angarium::runtime

#include "engine/runtime/poll.hpp"

#include <poll.h>

#include <utility>

namespace angarium::runtime {
namespace {

// Lives until the kernel and the ready list are done with it; the Poll is its handle.
class Watch {
  public:
    Watch(IoContext& context, int descriptor, unsigned events, std::function<void(Poller::Ready)> callback)
        : context_(context),
          descriptor_(descriptor),
          events_(events),
          callback_(std::move(callback)),
          poll_([](void* self, Completion c) { static_cast<Watch*>(self)->on_poll(c); }, this) {
        context_.ring.poll(poll_, descriptor_, events_);
    }
    void let_go() {
        let_go_ = true;
        context_.ring.cancel(poll_);
        free_if_done();
    }

  private:
    void on_poll(Completion completion) {
        if (let_go_ || completion.result < 0) return free_if_done();
        const auto events = static_cast<unsigned>(completion.result);
        const bool broken = (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        ready_ = {broken || (events & POLLIN) != 0, broken || (events & POLLOUT) != 0};
        listed_ = true;
        context_.shard.ready().push({[](void* self) { static_cast<Watch*>(self)->run(); }, this});
    }
    void run() {
        if (!let_go_) callback_(ready_);  // may let us go
        listed_ = false;
        if (!let_go_ && context_.ring.running()) context_.ring.poll(poll_, descriptor_, events_);
        free_if_done();
    }
    void free_if_done() {
        if (let_go_ && !listed_ && !poll_.in_flight()) delete this;
    }

    IoContext& context_;
    int descriptor_;
    unsigned events_;
    std::function<void(Poller::Ready)> callback_;
    RingOp poll_;
    Poller::Ready ready_{};
    bool listed_ = false;
    bool let_go_ = false;
};

class RingPoll final : public Poll {
  public:
    explicit RingPoll(Watch& watch) : watch_(watch) {}
    ~RingPoll() override { watch_.let_go(); }

  private:
    Watch& watch_;
};

}  // namespace

std::unique_ptr<Poll> RingPoller::watch(int descriptor, bool read, bool write,
                                        std::function<void(Ready)> callback) {
    const unsigned events = (read ? POLLIN : 0u) | (write ? POLLOUT : 0u);
    return std::make_unique<RingPoll>(*new Watch(context_, descriptor, events, std::move(callback)));
}

}  // namespace angarium::runtime

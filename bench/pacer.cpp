#include "bench/pacer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "bench/usage.hpp"

namespace angarium::bench {

Result<std::unique_ptr<Pacer>> Pacer::open(runtime::Poller& poller, double rate, std::uint64_t offset) {
    const int descriptor = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (descriptor < 0) return failure(std::string("timerfd: ") + std::strerror(errno));
    std::unique_ptr<Pacer> pacer(new Pacer(descriptor, 1e9 / rate, offset));
    Pacer* const self = pacer.get();
    pacer->poll_ = poller.watch(descriptor, true, false, [self](runtime::Poller::Ready) { self->fire(); });
    return pacer;
}

Pacer::~Pacer() {
    poll_.reset();
    ::close(descriptor_);
}

bool Pacer::take_now(std::optional<std::uint64_t>& slot) {
    if (stopped_) return true;
    if (first_ == 0) first_ = mono_nanoseconds() + offset_;
    if (!waiting_.empty() || due() > mono_nanoseconds()) return false;
    slot = due();
    ++taken_;
    return true;
}

void Pacer::wait(Awaiter& awaiter) {
    waiting_.push_back(&awaiter);
    if (waiting_.size() == 1) arm();
}

// Also takes back what an earlier arming has reported, so that nobody has to read it. Without anybody who waits: disarms.
void Pacer::arm() {
    const auto when = waiting_.empty() ? 0 : due();
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<time_t>(when / 1'000'000'000);
    spec.it_value.tv_nsec = static_cast<long>(when % 1'000'000'000);
    ::timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Pacer::fire() {
    const auto now = mono_nanoseconds();
    while (!waiting_.empty() && due() <= now) {
        Awaiter& first = *waiting_.front();
        waiting_.pop_front();
        first.slot_ = due();
        ++taken_;
        runtime::current_ready_list().push(runtime::resume_of(first.waiter_));
    }
    arm();
}

std::uint64_t Pacer::behind(std::uint64_t when) const {
    if (first_ == 0 || when < first_) return 0;
    const auto due = static_cast<std::uint64_t>(static_cast<double>(when - first_) / interval_) + 1;
    return due > taken_ ? due - taken_ : 0;
}

void Pacer::stop() {
    stopped_ = true;
    for (Awaiter* awaiter : waiting_)
        runtime::current_ready_list().push(runtime::resume_of(awaiter->waiter_));
    waiting_.clear();
}

}  // namespace angarium::bench

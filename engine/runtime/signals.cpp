#include "engine/runtime/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace angarium::runtime {
namespace {

sigset_t service_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
    return set;
}

Signal meaning(std::uint32_t number) {
    switch (number) {
        case SIGHUP:
            return Signal::reload;
        case SIGINT:
            return Signal::interrupt;
        default:
            return Signal::terminate;
    }
}

}  // namespace

void block_service_signals() {
    const auto set = service_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

Result<std::unique_ptr<SignalReader>> SignalReader::open(Poller& poller) {
    const auto set = service_signals();
    const int descriptor = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0) return failure(std::string("cannot read signals: ") + std::strerror(errno));
    std::unique_ptr<SignalReader> reader(new SignalReader(descriptor));
    SignalReader* const self = reader.get();
    reader->poll_ = poller.watch(descriptor, true, false, [self](Poller::Ready) { self->read_all(); });
    return reader;
}

SignalReader::~SignalReader() {
    poll_.reset();
    ::close(descriptor_);
}

void SignalReader::read_all() {
    signalfd_siginfo info;
    while (::read(descriptor_, &info, sizeof info) == sizeof info)
        waiting_.push_back(meaning(info.ssi_signo));
    if (!waiting_.empty()) changed_.signal();
}

Task<std::optional<Signal>> SignalReader::next() {
    while (waiting_.empty() && !closed_) co_await changed_.wait();
    if (waiting_.empty()) co_return std::nullopt;
    const Signal signal = waiting_.front();
    waiting_.pop_front();
    co_return signal;
}

void SignalReader::close() {
    closed_ = true;
    poll_.reset();
    changed_.signal();
}

}  // namespace angarium::runtime

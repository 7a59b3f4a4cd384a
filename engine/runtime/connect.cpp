// Connecting: one operation on the ring, cancelled by the wheel when its deadline passes.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>

#include "engine/runtime/network.hpp"
#include "engine/runtime/sockaddr.hpp"
#include "engine/runtime/socket.hpp"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

namespace angarium::runtime {
namespace {

// Lives in the frame of connect() until the kernel has answered.
class Connecting {
  public:
    Connecting(IoContext& context, int descriptor, const Endpoint& to, MonoTime deadline)
        : context_(context),
          descriptor_(descriptor),
          deadline_(deadline),
          address_(to),
          connect_([](void* self, Completion c) { static_cast<Connecting*>(self)->on_connect(c); }, this),
          timer_([](void* self) { static_cast<Connecting*>(self)->on_deadline(); }, this) {}

    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        waiter_ = waiter;
        timer_.arm(context_.shard.timers(), deadline_);
        context_.ring.connect(connect_, descriptor_, address_.get(), address_.length);
    }
    // The error, or nothing when connected.
    std::optional<IoError> await_resume() const {
        if (result_ == 0) return {};
        if (late_) return IoError::timed_out;
        return io_error_from_errno(-result_);
    }

  private:
    void on_connect(Completion completion) {
        timer_.disarm();
        result_ = completion.result;
        context_.shard.ready().push(resume_of(waiter_));
    }
    void on_deadline() {
        late_ = true;
        context_.ring.cancel(connect_);
    }

    IoContext& context_;
    int descriptor_;
    MonoTime deadline_;
    SocketAddress address_;
    std::coroutine_handle<> waiter_;
    RingOp connect_;
    Timer timer_;
    int result_ = 0;
    bool late_ = false;
};

// A socket ready to connect, or -1 with errno.
int make_socket(bool v4, const std::optional<IpAddress>& source) {
    const int descriptor = ::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor < 0) return -1;
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!source) return descriptor;
    // The port is chosen when connecting: many connections to different peers may share one.
    ::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const SocketAddress address(Endpoint{*source, 0});
    if (::bind(descriptor, address.get(), address.length) == 0) return descriptor;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return -1;
}

}  // namespace

Task<IoResult<std::unique_ptr<Stream>>> TcpNetwork::connect(Endpoint to, std::optional<IpAddress> source,
                                                            MonoTime deadline) {
    const int descriptor = make_socket(to.address.is_v4(), source);
    if (descriptor < 0) co_return std::unexpected(io_error_from_errno(errno));
    Connecting connecting(context_, descriptor, to, deadline);
    const auto error = co_await connecting;
    if (error) {
        context_.ring.close(descriptor);
        co_return std::unexpected(*error);
    }
    co_return make_tcp_stream(context_, descriptor, to);
}

}  // namespace angarium::runtime

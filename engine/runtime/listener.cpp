// Listening: one multishot accept per listener. Connections that nobody has asked for yet wait in a short queue; when it
// is full the accept is cancelled and the kernel's backlog takes over. Accepted sockets inherit TCP_NODELAY.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "engine/runtime/listen_claims.hpp"
#include "engine/runtime/network.hpp"
#include "engine/runtime/sockaddr.hpp"
#include "engine/runtime/socket.hpp"

namespace angarium::runtime {
namespace {

constexpr std::size_t most_waiting = 128;  // connections that nobody has asked for yet

// Lives until the kernel has returned the accept; the Listener is its handle.
class Acceptor {
  public:
    Acceptor(IoContext& context, int descriptor)
        : context_(context),
          descriptor_(descriptor),
          accept_([](void* self, Completion c) { static_cast<Acceptor*>(self)->on_accept(c); }, this) {}

    bool begin_accept(Operation<std::unique_ptr<Stream>>& operation);
    void close();
    void let_go() {
        close();
        let_go_ = true;
        free_if_done();
    }

  private:
    ~Acceptor() { context_.ring.close(descriptor_); }
    void on_accept(Completion completion);
    void admit(int descriptor);
    void refuse(int error);
    void finish(IoResult<std::unique_ptr<Stream>> result) {
        std::exchange(waiter_, nullptr)->complete(std::move(result));
    }
    void free_if_done() {
        if (let_go_ && !accept_.in_flight()) delete this;
    }

    IoContext& context_;
    const int descriptor_;
    RingOp accept_;
    std::deque<std::unique_ptr<Stream>> waiting_;
    std::optional<IoError> error_;  // found while nobody waited
    Operation<std::unique_ptr<Stream>>* waiter_ = nullptr;
    bool closed_ = false;
    bool let_go_ = false;
};

bool Acceptor::begin_accept(Operation<std::unique_ptr<Stream>>& operation) {
    ANGARIUM_ASSERT(waiter_ == nullptr);
    if (closed_) {
        operation.result = std::unexpected(IoError::canceled);
        return true;
    }
    if (!waiting_.empty()) {
        operation.result = std::move(waiting_.front());
        waiting_.pop_front();
        return true;
    }
    if (error_) {
        operation.result = std::unexpected(*error_);
        error_.reset();
        return true;
    }
    waiter_ = &operation;
    if (!accept_.in_flight()) context_.ring.accept_multishot(accept_, descriptor_);
    return false;
}

void Acceptor::close() {
    if (closed_) return;
    closed_ = true;
    waiting_.clear();
    context_.ring.cancel(accept_);
    // The kernel stops taking connections now, not when the descriptor goes.
    ::shutdown(descriptor_, SHUT_RDWR);
    if (waiter_ != nullptr) finish(std::unexpected(IoError::canceled));
}

void Acceptor::on_accept(Completion completion) {
    if (completion.result >= 0)
        admit(completion.result);
    else
        refuse(-completion.result);
    if (waiter_ != nullptr && !accept_.in_flight()) context_.ring.accept_multishot(accept_, descriptor_);
    if (waiting_.size() >= most_waiting) context_.ring.cancel(accept_);
    free_if_done();
}

void Acceptor::admit(int descriptor) {
    Endpoint peer;
    // A peer that has gone already is not worth a session, and policy needs its address.
    if (closed_ || !peer_endpoint(descriptor, peer)) {
        context_.ring.close(descriptor);
        return;
    }
    auto stream = make_tcp_stream(context_, descriptor, peer);
    if (waiter_ != nullptr)
        finish(std::move(stream));
    else
        waiting_.push_back(std::move(stream));
}

void Acceptor::refuse(int error) {
    switch (error) {
        case ECANCELED:     // paused or closed
        case ECONNABORTED:  // the peer gave up in the backlog
        case EINTR:
        case EAGAIN:
            return;
        default:
            break;
    }
    if (closed_) return;
    const auto mapped = io_error_from_errno(error);
    const auto reported = mapped == IoError::no_descriptors ? mapped : IoError::failed;
    if (waiter_ != nullptr)
        finish(std::unexpected(reported));
    else
        error_ = reported;
}

class TcpListener final : public Listener {
  public:
    // `local` has been claimed.
    TcpListener(IoContext& context, int descriptor, const Endpoint& local)
        : acceptor_(*new Acceptor(context, descriptor)), claims_(context.claims), local_(local) {}
    ~TcpListener() override {
        acceptor_.let_go();
        claims_.remove(local_);
    }
    void close() override { acceptor_.close(); }
    const Endpoint& local() const override { return local_; }

  protected:
    bool begin_accept(Operation<std::unique_ptr<Stream>>& operation) override {
        return acceptor_.begin_accept(operation);
    }

  private:
    Acceptor& acceptor_;
    ListenClaims& claims_;
    Endpoint local_;
};

Error listen_error(const Endpoint& endpoint, const char* what) {
    const int error = errno;
    std::string remedy;
    if (error == EACCES) remedy = ": ports below 1024 need CAP_NET_BIND_SERVICE";
    if (error == EADDRINUSE) remedy = ": another program listens there";
    if (error == EADDRNOTAVAIL) remedy = ": no interface has this address";
    return {
        fmt::format("cannot listen on {}: {}: {}{}", endpoint.text(), what, std::strerror(error), remedy)};
}

// A bound socket, or an Error and errno; `shared`: with others of this user that ask for it too.
Result<int> bound_socket(const Endpoint& endpoint, bool shared) {
    const SocketAddress address(endpoint);
    const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
    const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor < 0) return std::unexpected(listen_error(endpoint, "socket"));
    const int on = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (family == AF_INET6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::bind(descriptor, address.get(), address.length) == 0) return descriptor;
    const int why = errno;
    auto error = listen_error(endpoint, "bind");
    ::close(descriptor);
    errno = why;
    return std::unexpected(std::move(error));
}

// Fails when another process listens there. One that is just ending (we may be its successor) gets a moment. Blocks.
Result<void> nobody_else_on(const Endpoint& endpoint) {
    constexpr int attempts = 25;
    for (int attempt = 1;; ++attempt) {
        auto alone = bound_socket(endpoint, false);
        if (alone) {
            ::close(*alone);
            return {};
        }
        if (attempt == attempts || errno != EADDRINUSE) return std::unexpected(std::move(alone.error()));
        std::this_thread::sleep_for(20ms);
    }
}

}  // namespace

Result<std::unique_ptr<Listener>> TcpNetwork::listen(const Endpoint& endpoint) {
    const auto held = context_.claims.lock();
    if (endpoint.port != 0 && !context_.claims.ours(endpoint)) {
        if (auto alone = nobody_else_on(endpoint); !alone) return std::unexpected(std::move(alone.error()));
    }
    const auto descriptor = bound_socket(endpoint, true);
    if (!descriptor) return std::unexpected(descriptor.error());
    if (::listen(*descriptor, listen_backlog) != 0) {
        auto error = listen_error(endpoint, "listen");
        ::close(*descriptor);
        return std::unexpected(std::move(error));
    }
    const auto local = local_endpoint(*descriptor);
    context_.claims.add(local);
    return std::make_unique<TcpListener>(context_, *descriptor, local);
}

}  // namespace angarium::runtime

// Byte streams: the seam to the network. A Stream is full duplex: one read and one write may be under way at the same
// time. Plain TCP, TLS and the simulated network look alike. Owning thread: the shard's.
//
// An operation's state lives in the awaiting coroutine until it completes. Destroying a Stream while an operation is
// under way is a bug: abort() it, let the operation return, then let the stream go. The socket itself is closed when the
// kernel is done with it.
#pragma once

#include <coroutine>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/base/result.hpp"
#include "engine/base/time.hpp"
#include "engine/runtime/task.hpp"

namespace angarium::runtime {

// The shared half of an operation: what runs when it is done (a coroutine, or what stands on this stream), and its result.
template <class T>
struct Operation {
    IoResult<T> result{std::unexpected(IoError::canceled)};
    Ready waiter;
    void complete(IoResult<T> outcome) {
        result = std::move(outcome);
        if (waiter.run != nullptr) current_ready_list().push(waiter);
    }
};

class Stream {
  public:
    virtual ~Stream() = default;

    class [[nodiscard]] ReadAwaiter {
      public:
        ReadAwaiter(Stream& stream, MonoTime deadline) : stream_(stream), deadline_(deadline) {}
        bool await_ready() { return stream_.begin_read(operation_, deadline_); }
        void await_suspend(std::coroutine_handle<> waiter) { operation_.waiter = resume_of(waiter); }
        IoResult<std::string_view> await_resume() { return operation_.result; }

      private:
        Stream& stream_;
        MonoTime deadline_;
        Operation<std::string_view> operation_;
    };
    // Reads some bytes (at least one). They stay valid until the next read() or the stream's end. The end of the
    // stream is IoError::end_of_stream, and is reported again by every later read.
    ReadAwaiter read(MonoTime deadline) { return ReadAwaiter(*this, deadline); }

    class [[nodiscard]] WriteAwaiter {
      public:
        WriteAwaiter(Stream& stream, std::span<const std::string_view> pieces, MonoTime deadline)
            : stream_(stream), pieces_(pieces), deadline_(deadline) {}
        WriteAwaiter(Stream& stream, std::string_view piece, MonoTime deadline)
            : stream_(stream), single_(piece), deadline_(deadline) {}
        bool await_ready() {
            if (pieces_.empty()) pieces_ = std::span<const std::string_view>(&single_, 1);
            return stream_.begin_write(operation_, pieces_, deadline_);
        }
        void await_suspend(std::coroutine_handle<> waiter) { operation_.waiter = resume_of(waiter); }
        IoResult<void> await_resume() {
            if (!operation_.result) return std::unexpected(operation_.result.error());
            return {};
        }

      private:
        Stream& stream_;
        std::string_view single_;
        std::span<const std::string_view> pieces_;
        MonoTime deadline_;
        Operation<std::size_t> operation_;
    };
    // Writes everything, or fails. The span and the bytes must stay valid until it returns. The deadline is for the
    // whole write.
    WriteAwaiter write(std::span<const std::string_view> pieces, MonoTime deadline) {
        return {*this, pieces, deadline};
    }
    WriteAwaiter write(std::string_view piece, MonoTime deadline) { return {*this, piece, deadline}; }

    // No more will be written; the peer reads the end of the stream after what was written. Call with no write under way.
    virtual void half_close() = 0;
    // Operations under way and all later ones fail with `why`. The connection is torn down: what has been written is still
    // delivered, except with IoError::reset, which drops it and resets the peer.
    virtual void abort(IoError why) = 0;
    virtual const Endpoint& peer() const = 0;
    virtual const Endpoint& local() const = 0;
    // Bytes have arrived that no read() has handed out yet (says nothing of what the kernel still holds).
    virtual bool has_input() const = 0;

    // What read() and write() stand on, and streams over other streams. True: done at once, the result is in the
    // operation. Else the stream calls operation.complete() later.
    virtual bool begin_read(Operation<std::string_view>& operation, MonoTime deadline) = 0;
    virtual bool begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                             MonoTime deadline) = 0;
};

class Listener {
  public:
    virtual ~Listener() = default;
    class [[nodiscard]] AcceptAwaiter {
      public:
        explicit AcceptAwaiter(Listener& listener) : listener_(listener) {}
        bool await_ready() { return listener_.begin_accept(operation_); }
        void await_suspend(std::coroutine_handle<> waiter) { operation_.waiter = resume_of(waiter); }
        IoResult<std::unique_ptr<Stream>> await_resume() { return std::move(operation_.result); }

      private:
        Listener& listener_;
        Operation<std::unique_ptr<Stream>> operation_;
    };
    // The next connection. no_descriptors and failed pass: pause and try again. canceled: the listener was closed.
    AcceptAwaiter accept() { return AcceptAwaiter(*this); }
    // No more connections; an accept under way returns canceled.
    virtual void close() = 0;
    virtual const Endpoint& local() const = 0;

  protected:
    virtual bool begin_accept(Operation<std::unique_ptr<Stream>>& operation) = 0;
};

// Where connections come from: one per shard, made for the real ring or for the simulated network.
class Network {
  public:
    virtual ~Network() = default;
    // Port 0 takes a free one. Several shards may listen on the same endpoint (SO_REUSEPORT): each gets its share.
    virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& endpoint) = 0;
    // `source`: the local address to bind, or nullptr for the kernel's choice.
    virtual Task<IoResult<std::unique_ptr<Stream>>> connect(Endpoint to, std::optional<IpAddress> source,
                                                            MonoTime deadline) = 0;
};

}  // namespace angarium::runtime

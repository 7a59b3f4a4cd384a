// The wrapper of liburing: the only place that knows it. One ring per shard, made disabled by whoever starts the shards
// and enabled by the thread that owns it; everything else is called on that thread.
//
// An operation is an intrusive object: its owner keeps it (and every byte that it points to) alive until the last
// completion has been handled. Ring::collect() hands completions to their operations' handlers; handlers record results
// and put waiters on the ready list, they never resume a coroutine. Nothing here allocates.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/assert.hpp"
#include "engine/base/ids.hpp"
#include "engine/base/result.hpp"
#include "engine/base/time.hpp"
#include "engine/runtime/counters.hpp"

struct io_uring;
struct io_uring_buf_ring;
struct io_uring_cqe;
struct io_uring_sqe;

namespace angarium::runtime {

struct Completion {
    int result;       // the operation's own: bytes, a descriptor, or -errno
    bool more;        // a multishot operation that goes on; else this was its last completion
    bool has_buffer;  // `buffer` names the provided buffer that holds the bytes
    std::uint16_t buffer;
};

class RingOp {
  public:
    using Handler = void (*)(void* owner, Completion completion);
    RingOp(Handler handler, void* owner) : handler_(handler), owner_(owner) {}
    RingOp(const RingOp&) = delete;
    RingOp& operator=(const RingOp&) = delete;
    ~RingOp() { ANGARIUM_ASSERT(!in_flight_); }

    // From its start to the call of the handler with the last completion.
    bool in_flight() const { return in_flight_; }

  private:
    friend class Ring;
    Handler handler_;
    void* owner_;
    bool in_flight_ = false;
    bool canceling_ =
        false;            // a cancel is on its way: the last completion is held back until it has come home
    bool ended_ = false;  // the last completion is held back in `last_`
    Completion last_{};
};

class Ring {
  public:
    // `entries`: of the submission queue, a power of two; the completion queue has four times as many. Fewer when there
    // is no memory for so many. Disabled until enable(). Uses SINGLE_ISSUER and DEFER_TASKRUN where the kernel has them, less where not.
    static Result<std::unique_ptr<Ring>> create(unsigned entries);
    static constexpr unsigned least_entries = 64;
    static constexpr unsigned completions_per_entry = 4;
    // Memory that counts towards RLIMIT_MEMLOCK.
    static std::size_t locked_bytes(unsigned entries, unsigned buffers);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    // By the owning thread, before anything below.
    void enable();
    // After the loop has ended: nothing is started any more (closing falls back to plain calls).
    void retire() { running_ = false; }
    bool running() const { return running_; }
    int descriptor() const;
    // Operations that the kernel still holds.
    std::size_t in_flight() const { return in_flight_; }
    const RingCounters& counters() const { return counters_; }
    RingCounters& counters() { return counters_; }  // the loop counts its share

    void accept_multishot(RingOp& op, int descriptor);
    void connect(RingOp& op, int descriptor, const sockaddr* address, socklen_t length);
    // Into provided buffers. `poll_first`: nothing is expected to be there yet.
    void receive_multishot(RingOp& op, int descriptor, bool poll_first);
    void receive(RingOp& op, int descriptor, std::span<char> bytes);
    // Everything, unless it fails.
    void send(RingOp& op, int descriptor, const char* bytes, std::size_t size, int flags);
    void send_gathered(RingOp& op, int descriptor, const msghdr& message, int flags);
    void read(RingOp& op, int descriptor, std::uint64_t offset, std::span<std::byte> bytes);
    void write(RingOp& op, int descriptor, std::uint64_t offset, std::span<const std::byte> bytes,
               bool synced);
    void sync_data(RingOp& op, int descriptor);
    // Ends when the pages from there to the end of the file are on their way to the disk.
    void begin_writeback(RingOp& op, int descriptor, std::uint64_t offset);
    void poll(RingOp& op, int descriptor, unsigned events);

    // Asks the kernel to end it; the handler gets whatever wins the race. Nothing happens when it is not in flight.
    void cancel(RingOp& op);
    // Ends everything in flight: for the end of the loop.
    void cancel_all();
    // Closes a socket's descriptor with the next submission.
    void close(int descriptor);
    // Wakes another ring's owner. When the kernel refuses, `message_refused` runs.
    void message(ShardId to, int ring_descriptor);
    void on_message_refused(void (*refused)(void* owner, ShardId to), void* owner);

    // The ring of provided buffers, group 0. `entries`: a power of two up to 32768. False: the kernel refuses.
    bool register_buffers(unsigned entries);
    void provide_buffer(void* bytes, unsigned size, std::uint16_t id);
    void publish_buffers();

    // One io_uring_enter: submits, and waits until something has completed, at most `most` (0: does not wait).
    void submit_and_wait(Duration most);
    // Hands out the completions that are there. Returns how many.
    std::size_t collect();

  private:
    Ring();
    io_uring_sqe* next_entry();
    io_uring_sqe* start(RingOp& op);
    void finish_cancel(RingOp& op);
    void dispatch(const io_uring_cqe& entry);
    void hand_over(RingOp& op, Completion completion);
    void submit_some();

    std::unique_ptr<io_uring> ring_;
    io_uring_buf_ring* buffers_ = nullptr;
    std::size_t buffers_bytes_ = 0;
    unsigned buffers_mask_ = 0;
    unsigned buffers_unpublished_ = 0;
    std::size_t in_flight_ = 0;
    bool running_ = false;
    bool tells_ = false;  // a flag in shared memory tells whether entering would bring completions
    RingCounters counters_;
    void (*message_refused_)(void*, ShardId) = nullptr;
    void* message_refused_owner_ = nullptr;
};

}  // namespace angarium::runtime

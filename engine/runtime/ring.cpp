#include "engine/runtime/ring.hpp"

#include <fmt/core.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace angarium::runtime {
namespace {

// What an entry's user_data says: 0 is nobody's, else a RingOp with these bits, or a shard to wake.
constexpr std::uint64_t cancel_tag = 1;
constexpr std::uint64_t message_tag = 2;
constexpr std::uint64_t tag_mask = 3;
constexpr std::uint16_t buffer_group = 0;

[[noreturn]] void fatal(const char* what, int error) {
    fmt::print(stderr, "io_uring: {}: {}\n", what, std::strerror(error));
    std::abort();
}

Error explain(int error) {
    switch (error) {
        case ENOSYS:
            return {
                "io_uring is missing: the kernel is older than 6.0 or built without it, or a container's "
                "seccomp profile "
                "hides it (allow io_uring_setup, io_uring_enter and io_uring_register)"};
        case EPERM:
        case EACCES:
            return {
                "io_uring is forbidden: set the sysctl kernel.io_uring_disabled=0, or allow io_uring_setup, "
                "io_uring_enter and io_uring_register in the container's seccomp profile"};
        case ENOMEM:
            return {
                "io_uring got no memory: raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) or the memory "
                "limit"};
        case EMFILE:
        case ENFILE:
            return {"io_uring got no descriptor: raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)"};
        default:
            return {fmt::format("io_uring cannot be set up: {}", std::strerror(error))};
    }
}

}  // namespace

Ring::Ring() : ring_(std::make_unique<io_uring>()) {}

Result<std::unique_ptr<Ring>> Ring::create(unsigned entries) {
    static constexpr unsigned common =
        IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    static constexpr unsigned ladder[] = {
        common | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,  // 6.1
        common | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,   // 6.0
        common | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,                                // 5.19
        common,
    };
    std::unique_ptr<Ring> ring(new Ring);
    int error = 0;
    for (std::size_t step = 0; step < std::size(ladder);) {
        io_uring_params params{};
        params.flags = ladder[step];
        params.cq_entries = entries * completions_per_entry;
        error = -io_uring_queue_init_params(entries, ring->ring_.get(), &params);
        if (error == 0) {
            ring->tells_ = (ladder[step] & IORING_SETUP_TASKRUN_FLAG) != 0;
            return ring;
        }
        if (error == EINVAL)
            ++step;
        else if (error == ENOMEM && entries > least_entries)
            entries /= 2;
        else
            break;
    }
    ring->ring_.reset();
    return std::unexpected(explain(error));
}

std::size_t Ring::locked_bytes(unsigned entries, unsigned buffers) {
    return entries *
               (sizeof(io_uring_sqe) + sizeof(unsigned) + completions_per_entry * sizeof(io_uring_cqe)) +
           buffers * sizeof(io_uring_buf) + 4096;
}

Ring::~Ring() {
    if (!ring_) return;
    io_uring_queue_exit(ring_.get());
    if (buffers_ != nullptr) ::munmap(buffers_, buffers_bytes_);
}

void Ring::enable() {
    // The raw call: liburing 2.3 declares io_uring_enable_rings() but does not export it.
    const int error =
        -io_uring_register(static_cast<unsigned>(ring_->ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (error != 0) fatal("enabling the ring", error);
    io_uring_register_ring_fd(
        ring_.get());  // saves a descriptor lookup a call; without it all works the same
    running_ = true;
}

int Ring::descriptor() const { return ring_->ring_fd; }

void Ring::submit_some() {
    ++counters_.enters;
    const int submitted = io_uring_submit(ring_.get());
    if (submitted >= 0)
        counters_.submissions += static_cast<unsigned>(submitted);
    else if (submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY)
        fatal("submitting", -submitted);
}

io_uring_sqe* Ring::next_entry() {
    ANGARIUM_ASSERT(running_);
    for (int attempt = 0; attempt < 1000; ++attempt) {
        if (io_uring_sqe* const entry = io_uring_get_sqe(ring_.get()); entry != nullptr) return entry;
        submit_some();
    }
    fatal("the submission queue does not drain", EBUSY);
}

io_uring_sqe* Ring::start(RingOp& op) {
    ANGARIUM_ASSERT(!op.in_flight_);
    io_uring_sqe* const entry = next_entry();
    op.in_flight_ = true;
    op.ended_ = false;
    ++in_flight_;
    return entry;
}

void Ring::accept_multishot(RingOp& op, int descriptor) {
    auto* const entry = start(op);
    io_uring_prep_multishot_accept(entry, descriptor, nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::connect(RingOp& op, int descriptor, const sockaddr* address, socklen_t length) {
    auto* const entry = start(op);
    io_uring_prep_connect(entry, descriptor, address, length);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::receive_multishot(RingOp& op, int descriptor, bool poll_first) {
    auto* const entry = start(op);
    io_uring_prep_recv_multishot(entry, descriptor, nullptr, 0, 0);
    if (poll_first) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = buffer_group;
    io_uring_sqe_set_data(entry, &op);
}

void Ring::receive(RingOp& op, int descriptor, std::span<char> bytes) {
    auto* const entry = start(op);
    io_uring_prep_recv(entry, descriptor, bytes.data(), bytes.size(), 0);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::send(RingOp& op, int descriptor, const char* bytes, std::size_t size, int flags) {
    auto* const entry = start(op);
    io_uring_prep_send(entry, descriptor, bytes, size, MSG_NOSIGNAL | MSG_WAITALL | flags);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::send_gathered(RingOp& op, int descriptor, const msghdr& message, int flags) {
    auto* const entry = start(op);
    io_uring_prep_sendmsg(entry, descriptor, &message,
                          static_cast<unsigned>(MSG_NOSIGNAL | MSG_WAITALL | flags));
    io_uring_sqe_set_data(entry, &op);
}

void Ring::read(RingOp& op, int descriptor, std::uint64_t offset, std::span<std::byte> bytes) {
    auto* const entry = start(op);
    io_uring_prep_read(entry, descriptor, bytes.data(), static_cast<unsigned>(bytes.size()), offset);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::write(RingOp& op, int descriptor, std::uint64_t offset, std::span<const std::byte> bytes,
                 bool synced) {
    auto* const entry = start(op);
    io_uring_prep_write(entry, descriptor, bytes.data(), static_cast<unsigned>(bytes.size()), offset);
    if (synced) entry->rw_flags = RWF_DSYNC;
    io_uring_sqe_set_data(entry, &op);
}

void Ring::sync_data(RingOp& op, int descriptor) {
    auto* const entry = start(op);
    io_uring_prep_fsync(entry, descriptor, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::begin_writeback(RingOp& op, int descriptor, std::uint64_t offset) {
    constexpr unsigned to_the_end = 0;
    auto* const entry = start(op);
    io_uring_prep_sync_file_range(entry, descriptor, to_the_end, offset, SYNC_FILE_RANGE_WRITE);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::poll(RingOp& op, int descriptor, unsigned events) {
    auto* const entry = start(op);
    io_uring_prep_poll_add(entry, descriptor, events);
    io_uring_sqe_set_data(entry, &op);
}

void Ring::cancel(RingOp& op) {
    if (!op.in_flight_ || op.canceling_ || !running_) return;
    op.canceling_ = true;
    ++in_flight_;
    auto* const entry = next_entry();
    io_uring_prep_cancel(entry, &op, 0);
    io_uring_sqe_set_data64(entry, reinterpret_cast<std::uintptr_t>(&op) | cancel_tag);
}

void Ring::cancel_all() {
    auto* const entry = next_entry();
    io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(entry, 0);
}

void Ring::close(int descriptor) {
    if (!running_) {
        ::close(descriptor);
        return;
    }
    auto* const entry = next_entry();
    io_uring_prep_close(entry, descriptor);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, 0);
}

void Ring::message(ShardId to, int ring_descriptor) {
    auto* const entry = next_entry();
    io_uring_prep_msg_ring(entry, ring_descriptor, 0, 0, 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(entry, std::uint64_t{index(to)} << 8 | message_tag);
}

void Ring::on_message_refused(void (*refused)(void* owner, ShardId to), void* owner) {
    message_refused_ = refused;
    message_refused_owner_ = owner;
}

bool Ring::register_buffers(unsigned entries) {
    // liburing 2.3 has no io_uring_setup_buf_ring: make the memory here and register it.
    buffers_bytes_ = entries * sizeof(io_uring_buf);
    void* const memory =
        ::mmap(nullptr, buffers_bytes_, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (memory == MAP_FAILED) return false;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = entries;
    registration.bgid = buffer_group;
    if (io_uring_register_buf_ring(ring_.get(), &registration, 0) != 0) {
        ::munmap(memory, buffers_bytes_);
        return false;
    }
    buffers_ = static_cast<io_uring_buf_ring*>(memory);
    buffers_mask_ = entries - 1;
    io_uring_buf_ring_init(buffers_);
    return true;
}

void Ring::provide_buffer(void* bytes, unsigned size, std::uint16_t id) {
    io_uring_buf_ring_add(buffers_, bytes, size, id, static_cast<int>(buffers_mask_),
                          static_cast<int>(buffers_unpublished_++));
}

void Ring::publish_buffers() {
    if (buffers_unpublished_ == 0) return;
    io_uring_buf_ring_advance(buffers_, static_cast<int>(buffers_unpublished_));
    buffers_unpublished_ = 0;
}

void Ring::submit_and_wait(Duration most) {
    ++counters_.turns;
    const unsigned waiting = io_uring_sq_ready(ring_.get());
    int result = 0;
    if (most <= Duration::zero()) {
        const bool work = !tells_ || (IO_URING_READ_ONCE(*ring_->sq.kflags) &
                                      (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
        if (waiting == 0 && !work) return;
        result = io_uring_submit_and_get_events(ring_.get());
    } else {
        const auto seconds = duration_cast<std::chrono::seconds>(most);
        __kernel_timespec timeout{seconds.count(), (most - seconds).count()};
        io_uring_cqe* first = nullptr;
        result = io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, &timeout, nullptr);
    }
    ++counters_.enters;
    counters_.submissions += waiting - io_uring_sq_ready(ring_.get());
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY &&
        result != -ENOMEM)
        fatal("waiting", -result);
}

std::size_t Ring::collect() {
    const unsigned available = io_uring_cq_ready(ring_.get());
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(ring_.get(), head, entry) {
        if (count == available) break;  // later ones belong to the next turn
        ++count;
        dispatch(*entry);
    }
    io_uring_cq_advance(ring_.get(), count);
    counters_.completions += count;
    return count;
}

void Ring::dispatch(const io_uring_cqe& entry) {
    const auto data = entry.user_data;
    if (data == 0) return;
    if ((data & tag_mask) == message_tag) {
        if (message_refused_ != nullptr) message_refused_(message_refused_owner_, ShardId(data >> 8));
        return;
    }
    RingOp& op = *reinterpret_cast<RingOp*>(data & ~tag_mask);
    if ((data & tag_mask) == cancel_tag) {
        finish_cancel(op);
        return;
    }
    const Completion completion{entry.res, (entry.flags & IORING_CQE_F_MORE) != 0,
                                (entry.flags & IORING_CQE_F_BUFFER) != 0,
                                static_cast<std::uint16_t>(entry.flags >> IORING_CQE_BUFFER_SHIFT)};
    // The cancel names the operation by its address: the owner may not free it before the cancel has been answered.
    if (!completion.more && op.canceling_) {
        op.ended_ = true;
        op.last_ = completion;
        return;
    }
    hand_over(op, completion);
}

void Ring::finish_cancel(RingOp& op) {
    --in_flight_;
    op.canceling_ = false;
    if (op.ended_) hand_over(op, op.last_);
}

void Ring::hand_over(RingOp& op, Completion completion) {
    if (!completion.more) {
        op.in_flight_ = false;
        --in_flight_;
    }
    op.handler_(op.owner_, completion);
}

}  // namespace angarium::runtime

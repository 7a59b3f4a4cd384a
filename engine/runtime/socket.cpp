#include "engine/runtime/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/runtime/sockaddr.hpp"

namespace angarium::runtime {
namespace {

// The kernel takes lengths as 32 bits: one send carries at most this much.
constexpr std::size_t most_bytes = std::size_t{1} << 30;

// A timer that is armed too early is left there and moved when it fires: the usual read re-arms nothing.
void arm_lazily(Timer& timer, TimerWheel& wheel, MonoTime deadline) {
    if (!timer.armed() || timer.when() > deadline) timer.arm(wheel, deadline);
}

}  // namespace

TcpConnection::TcpConnection(IoContext& context, int descriptor, const Endpoint& peer)
    : context_(context),
      descriptor_(descriptor),
      peer_(peer),
      receive_([](void* self, Completion c) { static_cast<TcpConnection*>(self)->on_receive(c); }, this),
      read_timer_([](void* self) { static_cast<TcpConnection*>(self)->on_read_deadline(); }, this),
      send_([](void* self, Completion c) { static_cast<TcpConnection*>(self)->on_send(c); }, this),
      write_timer_([](void* self) { static_cast<TcpConnection*>(self)->on_write_deadline(); }, this) {
    ++context_.open_sockets;
}

TcpConnection::~TcpConnection() {
    --context_.open_sockets;
    context_.ring.close(descriptor_);
}

void TcpConnection::let_go() {
    ANGARIUM_ASSERT(reader_ == nullptr && writer_ == nullptr);
    let_go_ = true;
    read_timer_.disarm();
    write_timer_.disarm();
    drop_input();
    return_view();
    context_.ring.cancel(receive_);
    free_if_done();
}

void TcpConnection::free_if_done() {
    if (let_go_ && !receive_.in_flight() && !send_.in_flight()) delete this;
}

const Endpoint& TcpConnection::local() {
    if (!local_) local_ = local_endpoint(descriptor_);
    return *local_;
}

void TcpConnection::half_close() {
    ANGARIUM_ASSERT(writer_ == nullptr);
    if (!output_end_) output_end_ = IoError::canceled;
    ::shutdown(descriptor_, SHUT_WR);
}

void TcpConnection::abort(IoError why) {
    if (aborted_) return;
    aborted_ = why;
    if (why == IoError::reset) {
        const linger at_once{1, 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    } else {
        ::shutdown(descriptor_, SHUT_RDWR);
    }
    context_.ring.cancel(receive_);
    context_.ring.cancel(send_);  // the writer hears of it when the kernel has let go of its bytes
    drop_input();
    if (reader_ != nullptr) finish_read(std::unexpected(why));
}

// --- reading ---

bool TcpConnection::begin_read(Operation<std::string_view>& operation, MonoTime deadline) {
    ANGARIUM_ASSERT(reader_ == nullptr);
    return_view();
    if (aborted_) {
        operation.result = std::unexpected(*aborted_);
        return true;
    }
    if (take_input(operation)) return true;
    reader_ = &operation;
    read_deadline_ = deadline;
    arm_lazily(read_timer_, context_.shard.timers(), deadline);
    arm_receive();
    return false;
}

bool TcpConnection::take_input(Operation<std::string_view>& operation) {
    if (own_length_ > 0) {
        operation.result = std::string_view(own_.get(), std::exchange(own_length_, 0));
        return true;
    }
    if (queue_.empty()) {
        if (input_end_) operation.result = std::unexpected(*input_end_);
        return input_end_.has_value();
    }
    auto& buffers = context_.buffers;
    const auto id = queue_.pop(buffers);
    const auto view = buffers.view(id);
    if (buffers.scarce() && view.size() <= own_size) {
        if (!own_) own_ = std::make_unique_for_overwrite<char[]>(own_size);
        std::memcpy(own_.get(), view.data(), view.size());
        operation.result = std::string_view(own_.get(), view.size());
        buffers.give_back(id);
    } else {
        viewed_ = id;
        operation.result = view;
    }
    return true;
}

void TcpConnection::arm_receive() {
    if (receive_.in_flight()) return;  // also while a pause is on its way: its completion arms again
    const bool poll_first = !std::exchange(expects_input_, true);
    if (context_.buffers.available()) {
        if (own_ && !context_.buffers.scarce()) own_.reset();
        context_.ring.receive_multishot(receive_, descriptor_, poll_first);
        return;
    }
    if (!own_) own_ = std::make_unique_for_overwrite<char[]>(own_size);
    context_.ring.receive(receive_, descriptor_, std::span(own_.get(), own_size));
}

void TcpConnection::on_receive(Completion completion) {
    auto& buffers = context_.buffers;
    const bool wanted = !let_go_ && !aborted_ && completion.result > 0;
    if (completion.has_buffer) {
        buffers.taken(completion.buffer, static_cast<std::uint32_t>(std::max(completion.result, 0)));
        if (wanted)
            queue_.push(buffers, completion.buffer);
        else
            buffers.give_back(completion.buffer);
    } else if (wanted) {
        own_length_ = static_cast<std::size_t>(completion.result);
    }
    if (let_go_) return free_if_done();
    if (aborted_) return;
    if (completion.result == 0) input_end_ = IoError::end_of_stream;
    if (completion.result < 0) note_receive_error(-completion.result);
    if (reader_ != nullptr) {
        Operation<std::string_view>& reader = *reader_;
        if (take_input(reader))
            finish_read(reader.result);
        else
            arm_receive();
    }
    pause_if_over_budget();
}

void TcpConnection::note_receive_error(int error) {
    switch (error) {
        case ENOBUFS:
            context_.buffers.exhausted();
            return;
        case ECANCELED:  // paused
        case EINTR:
        case EAGAIN:
            return;
        default:
            input_end_ = io_error_from_errno(error);
    }
}

void TcpConnection::pause_if_over_budget() {
    if (receive_.in_flight() && queue_.count() >= context_.buffers.budget()) context_.ring.cancel(receive_);
}

void TcpConnection::return_view() {
    if (!viewed_) return;
    context_.buffers.give_back(*viewed_);
    viewed_.reset();
}

void TcpConnection::drop_input() {
    while (!queue_.empty()) context_.buffers.give_back(queue_.pop(context_.buffers));
    own_length_ = 0;
}

void TcpConnection::finish_read(IoResult<std::string_view> result) {
    std::exchange(reader_, nullptr)->complete(std::move(result));
}

void TcpConnection::on_read_deadline() {
    if (reader_ == nullptr) return;
    if (read_deadline_ > context_.shard.now())
        read_timer_.arm(context_.shard.timers(), read_deadline_);
    else
        finish_read(std::unexpected(IoError::timed_out));
}

// --- writing ---

bool TcpConnection::begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                                MonoTime deadline) {
    ANGARIUM_ASSERT(writer_ == nullptr);
    if (aborted_ || output_end_) {
        operation.result = std::unexpected(aborted_ ? *aborted_ : *output_end_);
        return true;
    }
    pieces_ = pieces;
    offset_ = 0;
    written_ = 0;
    advance(0);
    if (pieces_.empty()) {
        operation.result = 0;
        return true;
    }
    writer_ = &operation;
    write_deadline_ = deadline;
    arm_lazily(write_timer_, context_.shard.timers(), deadline);
    send_next();
    return false;
}

void TcpConnection::advance(std::size_t sent) {
    written_ += sent;
    sent += offset_;
    while (!pieces_.empty() && sent >= pieces_.front().size()) {
        sent -= pieces_.front().size();
        pieces_ = pieces_.subspan(1);
    }
    offset_ = sent;
}

void TcpConnection::send_next() {
    std::size_t count = 0, bytes = 0;
    for (const auto& piece : pieces_) {
        if (count == most_pieces || bytes == most_bytes) break;
        const auto rest = count == 0 ? piece.substr(offset_) : piece;
        const auto size = std::min(rest.size(), most_bytes - bytes);
        if (size == 0) continue;
        vectors_[count++] = {const_cast<char*>(rest.data()), size};  // only read by the kernel
        bytes += size;
    }
    if (count == 1) {
        context_.ring.send(send_, descriptor_, static_cast<const char*>(vectors_[0].iov_base), bytes, 0);
        return;
    }
    const bool all = count < most_pieces || pieces_.size() == most_pieces;
    message_.msg_iov = vectors_;
    message_.msg_iovlen = count;
    context_.ring.send_gathered(send_, descriptor_, message_, all ? 0 : MSG_MORE);
}

void TcpConnection::on_send(Completion completion) {
    if (completion.result > 0) advance(static_cast<std::size_t>(completion.result));
    const bool again = completion.result >= 0 || completion.result == -EINTR || completion.result == -EAGAIN;
    if (!again && !output_end_) output_end_ = io_error_from_errno(-completion.result);
    if (aborted_) {
        finish_write(std::unexpected(*aborted_));
    } else if (pieces_.empty()) {
        output_end_.reset();  // done after all, though a deadline may have passed meanwhile
        finish_write(written_);
    } else if (output_end_)
        finish_write(std::unexpected(*output_end_));
    else
        send_next();
    free_if_done();
}

void TcpConnection::finish_write(IoResult<std::size_t> result) {
    std::exchange(writer_, nullptr)->complete(std::move(result));
}

void TcpConnection::on_write_deadline() {
    if (writer_ == nullptr) return;
    if (write_deadline_ > context_.shard.now()) {
        write_timer_.arm(context_.shard.timers(), write_deadline_);
        return;
    }
    if (!output_end_) output_end_ = IoError::timed_out;
    context_.ring.cancel(send_);
}

// --- the handle ---

namespace {

class TcpStream final : public Stream {
  public:
    TcpStream(IoContext& context, int descriptor, const Endpoint& peer)
        : connection_(*new TcpConnection(context, descriptor, peer)) {}
    ~TcpStream() override { connection_.let_go(); }

    void half_close() override { connection_.half_close(); }
    void abort(IoError why) override { connection_.abort(why); }
    const Endpoint& peer() const override { return connection_.peer(); }
    const Endpoint& local() const override { return connection_.local(); }
    bool has_input() const override { return connection_.has_input(); }

  protected:
    bool begin_read(Operation<std::string_view>& operation, MonoTime deadline) override {
        return connection_.begin_read(operation, deadline);
    }
    bool begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                     MonoTime deadline) override {
        return connection_.begin_write(operation, pieces, deadline);
    }

  private:
    TcpConnection& connection_;
};

}  // namespace

std::unique_ptr<Stream> make_tcp_stream(IoContext& context, int descriptor, const Endpoint& peer) {
    return std::make_unique<TcpStream>(context, descriptor, peer);
}

}  // namespace angarium::runtime

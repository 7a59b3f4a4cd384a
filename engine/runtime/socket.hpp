// TCP as a Stream. The stream that users hold is a handle; the connection behind it lives until the kernel has returned
// its last operation, and closes the descriptor then.
//
// Reading: one multishot receive per connection fills provided buffers; read() hands out a view into the oldest one and
// gives the one before back. A connection that has queued its budget of unread buffers pauses (the receive is cancelled)
// and goes on when it has been drained, so TCP's own flow control reaches the peer. When the shard has no provided
// buffer left, a connection whose reader waits receives into a small block of its own: nobody's progress depends on
// another connection being read.
//
// Writing: one send in flight, gathered, complete or failed. After a failed or timed-out write the stream takes no more.
//
// Errors: see IoError; end_of_stream and reset come after everything that arrived before. A read that timed out may be
// tried again. Owning thread: the shard's.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <memory>
#include <optional>

#include "engine/runtime/context.hpp"
#include "engine/runtime/stream.hpp"

namespace angarium::runtime {

class TcpConnection {
  public:
    TcpConnection(IoContext& context, int descriptor, const Endpoint& peer);
    TcpConnection(const TcpConnection&) = delete;
    TcpConnection& operator=(const TcpConnection&) = delete;

    bool begin_read(Operation<std::string_view>& operation, MonoTime deadline);
    bool begin_write(Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                     MonoTime deadline);
    void half_close();
    void abort(IoError why);
    const Endpoint& peer() const { return peer_; }
    const Endpoint& local();
    bool has_input() const { return own_length_ > 0 || !queue_.empty(); }
    // The handle goes: frees the connection when the kernel is done with it.
    void let_go();

  private:
    ~TcpConnection();
    // Reading.
    void on_receive(Completion completion);
    void note_receive_error(int error);
    bool take_input(Operation<std::string_view>& operation);
    void arm_receive();
    void pause_if_over_budget();
    void return_view();
    void drop_input();
    void finish_read(IoResult<std::string_view> result);
    void on_read_deadline();
    // Writing.
    void on_send(Completion completion);
    void send_next();
    void advance(std::size_t sent);
    void finish_write(IoResult<std::size_t> result);
    void on_write_deadline();

    void free_if_done();

    // One batch of a gathered write; longer ones take several sends.
    static constexpr std::size_t most_pieces = 16;
    // A block of our own, for when the provided buffers are out or scarce.
    static constexpr std::size_t own_size = 4096;

    IoContext& context_;
    const int descriptor_;
    bool let_go_ = false;
    std::optional<IoError> aborted_;
    Endpoint peer_;
    std::optional<Endpoint> local_;

    // Reading.
    RingOp receive_;
    ReceiveBuffers::Queue queue_;
    std::optional<std::uint16_t> viewed_;  // the buffer that the reader is looking at
    std::unique_ptr<char[]> own_;
    std::size_t own_length_ = 0;        // bytes received into own_ and not yet read
    std::optional<IoError> input_end_;  // what a read says once everything has been read
    bool expects_input_ = false;        // the next receive will probably find something at once
    Operation<std::string_view>* reader_ = nullptr;
    MonoTime read_deadline_ = no_deadline;
    Timer read_timer_;

    // Writing.
    RingOp send_;
    std::optional<IoError> output_end_;
    Operation<std::size_t>* writer_ = nullptr;
    std::span<const std::string_view> pieces_;  // what remains; the first from `offset_`
    std::size_t offset_ = 0;
    std::size_t written_ = 0;
    MonoTime write_deadline_ = no_deadline;
    Timer write_timer_;
    msghdr message_{};
    iovec vectors_[most_pieces];
};

// Takes over a connected TCP descriptor (blocking mode, TCP_NODELAY set by the caller).
std::unique_ptr<Stream> make_tcp_stream(IoContext& context, int descriptor, const Endpoint& peer);

}  // namespace angarium::runtime

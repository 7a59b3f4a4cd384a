// A Stream without a network, for unit tests: what the peer sends is put in by the test, what was written is read by it.
// The test keeps the Wire, the tested code owns the MemoryStream at its end. Needs a current shard for timers.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "engine/runtime/shard.hpp"
#include "engine/runtime/stream.hpp"

namespace angarium::support {

class MemoryStream;

// The peer's end.
struct Wire {
    std::string sent;          // everything that was written to us
    std::size_t writes = 0;    // by so many writes
    bool half_closed = false;  // the tested code has said all it wanted
    std::optional<IoError> aborted;
    bool gone = false;     // the stream was destroyed
    bool stalled = false;  // we take no more: writes wait (unstall ends that)

    void send(std::string_view bytes);
    void close();  // we send no more
    void reset();  // we tear it down
    void unstall();

  private:
    friend class MemoryStream;
    MemoryStream* stream_ = nullptr;
    std::string arriving_;
    std::optional<IoError> ended_;
};

class MemoryStream final : public runtime::Stream {
  public:
    MemoryStream(std::shared_ptr<Wire> wire, Endpoint peer, Endpoint local)
        : wire_(std::move(wire)),
          peer_(peer),
          local_(local),
          read_timer_(&read_expired, this),
          write_timer_(&write_expired, this) {
        wire_->stream_ = this;
    }
    ~MemoryStream() override {
        ANGARIUM_ASSERT(reading_ == nullptr && writing_ == nullptr);
        wire_->stream_ = nullptr;
        wire_->gone = true;
    }

    void half_close() override { wire_->half_closed = true; }
    void abort(IoError why) override {
        if (!wire_->aborted) wire_->aborted = why;
        read_timer_.disarm();
        write_timer_.disarm();
        if (reading_ != nullptr) std::exchange(reading_, nullptr)->complete(std::unexpected(why));
        if (writing_ != nullptr) std::exchange(writing_, nullptr)->complete(std::unexpected(why));
    }
    const Endpoint& peer() const override { return peer_; }
    const Endpoint& local() const override { return local_; }
    bool has_input() const override { return !wire_->arriving_.empty(); }

    // Called by the Wire.
    void changed() {
        if (reading_ != nullptr && readable()) {
            read_timer_.disarm();
            std::exchange(reading_, nullptr)->complete(take());
        }
        if (writing_ != nullptr && !wire_->stalled) {
            write_timer_.disarm();
            std::exchange(writing_, nullptr)->complete(send(pieces_));
        }
    }

  protected:
    bool begin_read(runtime::Operation<std::string_view>& operation, MonoTime deadline) override {
        ANGARIUM_ASSERT(reading_ == nullptr);
        if (readable()) {
            operation.result = take();
            return true;
        }
        reading_ = &operation;
        read_timer_.arm(runtime::Shard::current().timers(), deadline);
        return false;
    }
    bool begin_write(runtime::Operation<std::size_t>& operation, std::span<const std::string_view> pieces,
                     MonoTime deadline) override {
        ANGARIUM_ASSERT(writing_ == nullptr && !wire_->half_closed);
        if (wire_->aborted) {
            operation.result = std::unexpected(*wire_->aborted);
            return true;
        }
        ++wire_->writes;
        if (wire_->stalled) {
            pieces_ = pieces;
            writing_ = &operation;
            write_timer_.arm(runtime::Shard::current().timers(), deadline);
            return false;
        }
        operation.result = send(pieces);
        return true;
    }

  private:
    std::size_t send(std::span<const std::string_view> pieces) {
        std::size_t bytes = 0;
        for (const auto piece : pieces) {
            wire_->sent += piece;
            bytes += piece.size();
        }
        return bytes;
    }
    bool readable() const { return wire_->aborted || !wire_->arriving_.empty() || wire_->ended_; }
    IoResult<std::string_view> take() {
        if (wire_->aborted) return std::unexpected(*wire_->aborted);
        if (wire_->arriving_.empty()) return std::unexpected(*wire_->ended_);
        handed_out_ = std::make_unique<std::string>(std::exchange(wire_->arriving_, {}));
        return std::string_view(*handed_out_);
    }
    static void read_expired(void* self) {
        auto& operation = static_cast<MemoryStream*>(self)->reading_;
        std::exchange(operation, nullptr)->complete(std::unexpected(IoError::timed_out));
    }
    static void write_expired(void* self) {
        auto& operation = static_cast<MemoryStream*>(self)->writing_;
        std::exchange(operation, nullptr)->complete(std::unexpected(IoError::timed_out));
    }

    std::shared_ptr<Wire> wire_;
    Endpoint peer_, local_;
    std::unique_ptr<std::string> handed_out_;  // of its own, so that a stale view is a use after free
    std::span<const std::string_view>
        pieces_;  // of a write that waits: they stay the caller's, as with a ring
    runtime::Operation<std::string_view>* reading_ = nullptr;
    runtime::Operation<std::size_t>* writing_ = nullptr;
    runtime::Timer read_timer_, write_timer_;
};

inline void Wire::send(std::string_view bytes) {
    arriving_ += bytes;
    if (stream_ != nullptr) stream_->changed();
}
inline void Wire::close() {
    if (!ended_) ended_ = IoError::end_of_stream;
    if (stream_ != nullptr) stream_->changed();
}
inline void Wire::reset() {
    ended_ = IoError::reset;
    arriving_.clear();
    if (stream_ != nullptr) stream_->abort(IoError::reset);
}
inline void Wire::unstall() {
    stalled = false;
    if (stream_ != nullptr) stream_->changed();
}

}  // namespace angarium::support

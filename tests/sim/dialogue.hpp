// What clients and servers of the simulated world have in common: reading lines and bytes from a stream. Written apart from the
// relay's own protocol code, which must not judge itself. One thread.
#pragma once

#include <optional>
#include <string>

#include "engine/runtime/stream.hpp"
#include "engine/runtime/task.hpp"

namespace angarium::sim {

class LineSource {
  public:
    explicit LineSource(runtime::Stream& stream) : stream_(stream) {}

    // The next line without its CRLF; nothing: the stream has ended, or the deadline passed.
    runtime::Task<std::optional<std::string>> line(MonoTime deadline) {
        for (auto from = taken_;;) {
            const auto end = buffer_.find("\r\n", from);
            if (end != std::string::npos) {
                std::optional<std::string> line = buffer_.substr(taken_, end - taken_);
                taken_ = end + 2;
                co_return line;
            }
            const auto known = buffer_.size() - taken_;
            const bool more = co_await fill(deadline);
            if (!more) co_return std::nullopt;
            from = taken_ + known - (known > 0 ? 1 : 0);  // a CR may have been the last
        }
    }
    runtime::Task<std::optional<std::string>> bytes(std::size_t count, MonoTime deadline) {
        while (buffer_.size() - taken_ < count) {
            const bool more = co_await fill(deadline);
            if (!more) co_return std::nullopt;
        }
        std::optional<std::string> bytes = buffer_.substr(taken_, count);
        taken_ += count;
        co_return bytes;
    }
    bool has_line() const { return buffer_.find("\r\n", taken_) != std::string::npos; }
    bool ended() const { return ended_; }

  private:
    runtime::Task<bool> fill(MonoTime deadline) {
        const auto read = co_await stream_.read(deadline);
        if (!read) {
            ended_ = true;
            co_return false;
        }
        buffer_.erase(0, taken_);
        taken_ = 0;
        buffer_ += *read;
        co_return true;
    }
    runtime::Stream& stream_;
    std::string buffer_;
    std::size_t taken_ = 0;  // of the buffer
    bool ended_ = false;
};

}  // namespace angarium::sim

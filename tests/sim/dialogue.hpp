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
        for (;;) {
            const auto end = buffer_.find("\r\n");
            if (end != std::string::npos) {
                std::optional<std::string> line = buffer_.substr(0, end);
                buffer_.erase(0, end + 2);
                co_return line;
            }
            const bool more = co_await fill(deadline);
            if (!more) co_return std::nullopt;
        }
    }
    runtime::Task<std::optional<std::string>> bytes(std::size_t count, MonoTime deadline) {
        while (buffer_.size() < count) {
            const bool more = co_await fill(deadline);
            if (!more) co_return std::nullopt;
        }
        std::optional<std::string> bytes = buffer_.substr(0, count);
        buffer_.erase(0, count);
        co_return bytes;
    }
    bool has_line() const { return buffer_.find("\r\n") != std::string::npos; }
    bool ended() const { return ended_; }

  private:
    runtime::Task<bool> fill(MonoTime deadline) {
        const auto read = co_await stream_.read(deadline);
        if (!read) {
            ended_ = true;
            co_return false;
        }
        buffer_ += *read;
        co_return true;
    }
    runtime::Stream& stream_;
    std::string buffer_;
    bool ended_ = false;
};

}  // namespace angarium::sim

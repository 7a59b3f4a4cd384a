// Signals as values: TERM, INT and HUP read by a coroutine on one shard. Owning thread: the shard's, except where noted.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "engine/base/result.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/task.hpp"

namespace angarium::runtime {

enum class Signal : std::uint8_t {
    terminate,  // TERM: drain and end
    interrupt,  // INT: Ctrl-C
    reload,     // HUP
};

// In main(), before any thread starts: from then on these signals wait for a SignalReader, and a closed connection
// raises no SIGPIPE.
void block_service_signals();

class SignalReader {
  public:
    static Result<std::unique_ptr<SignalReader>> open(Poller& poller);
    ~SignalReader();
    SignalReader(const SignalReader&) = delete;
    SignalReader& operator=(const SignalReader&) = delete;

    // The next signal; nothing once closed. One waiter at a time.
    Task<std::optional<Signal>> next();
    void close();

  private:
    explicit SignalReader(int descriptor) : descriptor_(descriptor) {}
    void read_all();

    int descriptor_;
    std::unique_ptr<Poll> poll_;
    std::deque<Signal> waiting_;
    Event changed_;
    bool closed_ = false;
};

}  // namespace angarium::runtime

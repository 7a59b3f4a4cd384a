// The generator at work: its shards and sessions, from the first connection to the summary. Owning thread: the caller's,
// which blocks in run().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bench/histogram.hpp"
#include "bench/ledger.hpp"
#include "bench/send.hpp"
#include "bench/send_errors.hpp"
#include "bench/usage.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

// One shard's counts; written by it only, read by any thread.
struct alignas(128) SendTally {
    Counter messages;    // every recipient accepted
    Counter recipients;  // accepted
    Counter failed;      // messages that at least one recipient will not get
    Counter retried;     // transactions tried again after a 4xx
    Counter
        unknown;  // the connection was lost before the reply to the content: sent again under a new number
    Counter interrupted;  // the connection was lost earlier: sent again
    Counter connections;  // that were greeted
    Counter connect_errors;
    Counter open;  // connections now

    // Read by others at the end.
    SendErrors errors;
    Handshakes handshakes;
    std::uint64_t bytes = 0;                         // of messages that every recipient accepted
    std::uint64_t measured = 0, measured_bytes = 0;  // of those, without the warm-up
    std::uint64_t behind = 0;                        // open loop: due when time was over, and never begun
    Histogram latency;  // content handed out (open loop: slot due) to its reply, nanoseconds
    Histogram service;  // open loop: content handed out to its reply
    std::uint64_t first = 0,
                  last = 0;  // begin of the first transaction, last acceptance: monotonic nanoseconds
};

struct SendSummary {
    std::uint64_t run = 0;
    std::uint64_t bytes = 0;                         // of accepted messages
    std::uint64_t measured = 0, measured_bytes = 0;  // without the warm-up
    std::uint64_t behind = 0;                        // open loop: due when time was over, and never begun
    std::uint64_t messages = 0, recipients = 0, failed = 0, retried = 0, unknown = 0, interrupted = 0;
    std::uint64_t connections = 0, connect_errors = 0;
    SendErrors errors;
    Handshakes handshakes;
    Histogram latency, service;
    double seconds = 0;  // that the measured ones took
    CpuTime cpu;
    RingUse ring;
    std::uint64_t peak_memory = 0;
    bool complete = false;  // everything asked for was accepted
    std::string trouble;    // the last reason why a connection could not be made or was of no use
};

// What a progress line needs.
struct SendProgress {
    std::uint64_t messages = 0, failed = 0, retried = 0, unknown = 0, open = 0;
    double seconds = 0;
};

class SendRun {
  public:
    explicit SendRun(const SendOptions& options);
    ~SendRun();
    SendRun(const SendRun&) = delete;
    SendRun& operator=(const SendRun&) = delete;

    // Sends until all is accepted, or the time is over, or (with `signals`) TERM or INT comes. `progress` hears the state
    // once a second on a shard's thread. Errors: the options contradict each other, or the kernel refuses.
    Result<SendSummary> run(bool signals, std::function<void(const SendProgress&)> progress);

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace angarium::bench

// The measurement of `bench relay`, from the empty folder to the summary. Owning thread: main's, which blocks in it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bench/relay.hpp"
#include "bench/usage.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

struct Percentiles {
    double p50 = 0, p99 = 0, p999 = 0;  // seconds
};

// What one of the three did and used.
struct RelayPart {
    double rate = 0;  // messages a second
    Percentiles
        latency;  // generator: until the 250; relay: from there until delivered; sink: from sent until received
    double messages = 0;  // that the following stands for
    CpuTime cpu;
    std::uint64_t memory = 0;   // most at a time, bytes (PSS)
    std::uint64_t written = 0;  // bytes, while so many bytes of messages were received:
    double received = 0;
    double syncs = 0;               // of the journal's groups
    double enters_per_message = 0;  // io_uring_enter calls, from its start on
};

struct RelaySummary {
    RelayPart generator, relay, sink;
    std::uint64_t warmed =
        0;  // messages of the warm-up, each for all its recipients, which are not in what follows
    std::uint64_t accepted = 0;   // messages
    std::uint64_t copies = 0;     // accepted: one for each recipient
    std::uint64_t delivered = 0;  // copies
    std::uint64_t duplicated = 0, damaged = 0, foreign = 0;
    std::uint64_t lost() const { return copies > delivered ? copies - delivered : 0; }
    std::uint64_t waiting = 0;                   // for dead destinations, at the end
    std::uint64_t domains = 0, connections = 0;  // that the sink saw
    double messages_per_connection = 0;
    std::uint64_t dns_queries = 0;
    std::string sent, received;  // what generator and sink reported: JSON
    std::string folder;
    std::string smtp, http, config;  // the relay's addresses and configuration
    // Everything was accepted and arrived once and undamaged.
    bool exact() const {
        return accepted > 0 && delivered == copies && duplicated == 0 && damaged == 0 && foreign == 0;
    }
};

struct RelayRunHooks {
    std::function<void(std::uint64_t accepted, std::uint64_t delivered)>
        progress;                                   // once a second; may be empty
    std::function<void(const RelaySummary&)> done;  // once; with `stay` while everything still runs
};

class RelayRun {
  public:
    RelayRun(const RelayOptions& options, RelayRunHooks hooks);
    ~RelayRun();
    RelayRun(const RelayRun&) = delete;
    RelayRun& operator=(const RelayRun&) = delete;

    // Errors: something did not start, stopped moving, failed, or a signal came.
    Result<void> run();
    bool interrupted() const;

  private:
    class Measurement;
    std::unique_ptr<Measurement> measurement_;
};

}  // namespace angarium::bench

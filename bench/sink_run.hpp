// The sink at work: its shards, listeners, sessions and DNS server, from start to summary. Owning thread: the caller's,
// which blocks in run(); stop() may come from any thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "bench/ledger.hpp"
#include "bench/sink.hpp"
#include "bench/usage.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

// What the sink has to say when all is over.
struct SinkSummary {
    std::uint64_t expected = 0;  // 0: unknown
    std::uint64_t messages = 0, bytes = 0, recipients = 0, unique = 0, duplicated = 0, untracked = 0,
                  foreign = 0, damaged = 0;
    std::uint64_t rejected_recipients = 0, deferred_recipients = 0, deferred_messages = 0, disconnects = 0,
                  refused_messages = 0;
    std::uint64_t connections = 0, empty_connections = 0, most_messages = 0, most_open = 0;
    std::uint64_t queries = 0;  // of DNS
    double seconds = 0;         // from the first arrival to the last
    CpuTime cpu;
    RingUse ring;
    std::uint64_t peak_memory = 0;
    Histogram latency;
    std::vector<std::uint64_t> per_domain;
    std::uint64_t other_domains = 0;
    std::string domain_suffix;
    std::vector<IdSet::Run> runs;

    std::uint64_t lost() const { return expected > unique ? expected - unique : 0; }
    bool clean() const { return lost() == 0 && duplicated == 0 && damaged == 0; }
};

struct SinkAddresses {
    std::vector<Endpoint> smtp;
    std::optional<Endpoint> dns;
};

class SinkRun {
  public:
    explicit SinkRun(const SinkOptions& options);
    ~SinkRun();
    SinkRun(const SinkRun&) = delete;
    SinkRun& operator=(const SinkRun&) = delete;

    // Serves until what is expected has come, or stop(), or (with `signals`) TERM or INT. `ready` hears the addresses once
    // everything listens, `report` the state every options.report_every; both on a shard's thread. Errors: the kernel
    // or an address refuses.
    Result<SinkSummary> run(bool signals, std::function<void(const SinkAddresses&)> ready,
                            std::function<void(const Ledger&, double seconds)> report);
    void stop();

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace angarium::bench

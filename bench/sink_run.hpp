// The sink at work: its shards, listeners, sessions and DNS server, from start to summary. Owning thread: the caller's,
// which blocks in run(); stop() may come from any thread.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/dns_answer.hpp"
#include "bench/ledger.hpp"
#include "bench/sink.hpp"
#include "bench/usage.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

// What the sink has to say when all is over.
struct SinkSummary {
    std::uint64_t expected = 0;  // 0: unknown
    std::uint64_t messages = 0, bytes = 0, recipients = 0, unique = 0, duplicated = 0, untracked = 0,
                  foreign = 0, damaged = 0, refused_messages = 0;
    std::array<std::array<std::uint64_t, deed_names.size()>, mail_stages> script{};
    std::uint64_t connections = 0, empty_connections = 0, most_open = 0, commands = 0, flights = 0;
    Histogram messages_each;  // of connections that had any
    TlsMode tls = TlsMode::none;
    Handshakes handshakes;
    std::array<std::array<std::uint64_t, dns_result_names.size()>, dns_type_names.size()> dns{};

    // What rates and latencies count: everything, or what came once the warm-up was over.
    std::uint64_t warm_up = 0;     // copies
    std::uint64_t warm_since = 0;  // microseconds since 1970; 0: not reached, or there is no warm-up
    std::uint64_t measured = 0, measured_bytes = 0;
    std::uint64_t last_arrival = 0;  // microseconds since 1970
    double seconds = 0;              // from the first arrival (or the end of the warm-up) to the last
    Histogram latency;

    CpuTime cpu;
    RingUse ring;
    std::uint64_t peak_memory = 0;
    struct Domain {
        std::uint64_t copies = 0, measured = 0;
    };
    std::vector<Domain> per_domain;  // by the domain's number
    std::uint64_t other_domains = 0;
    std::string domain_suffix;
    std::vector<IdSet::Run> runs;

    std::uint64_t lost() const { return expected > unique ? expected - unique : 0; }
    bool clean() const { return lost() == 0 && duplicated == 0 && damaged == 0; }
    std::uint64_t queries() const;  // of DNS
    std::uint64_t deeds(Stage stage, Deed deed) const {
        return script[static_cast<std::size_t>(stage)][static_cast<std::size_t>(deed)];
    }
};

struct SinkAddresses {
    std::vector<Endpoint> smtp;
    std::optional<Endpoint> dns, http;
};

// Who hears what while it runs, on a shard's thread; each may be empty.
struct SinkListener {
    std::function<void(const SinkAddresses&)> ready;            // everything listens
    std::function<void(const Ledger&, double seconds)> report;  // every options.report_every
    std::function<void(std::uint64_t microseconds)> warm;       // the warm-up is over since then
};

class SinkRun {
  public:
    explicit SinkRun(const SinkOptions& options);
    ~SinkRun();
    SinkRun(const SinkRun&) = delete;
    SinkRun& operator=(const SinkRun&) = delete;

    // Serves until what is expected has come, or stop(), or (with `signals`) TERM or INT. Errors: the kernel or an address
    // refuses.
    Result<SinkSummary> run(bool signals, SinkListener listener);
    void stop();

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace angarium::bench

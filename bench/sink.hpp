// `angarium bench sink`: takes mail over SMTP, keeps none of it and accounts for every message of `angarium bench send`:
// received, lost, duplicated, damaged. Answers DNS for the generated domains, so that delivery by MX can be measured on
// one machine. Misbehaves by script. Owning thread: the caller's; it starts shards of its own and returns when all is
// done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/script.hpp"
#include "bench/tls.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"

namespace angarium::bench {

struct SinkOptions {
    std::vector<Endpoint> listen;  // port 0: a free one
    unsigned shards = 1;
    std::uint64_t expect =
        0;  // copies; ends when they have come and nothing more for a second. 0: until a signal
    std::uint64_t warm_up = 0;     // unique copies that come before rates and latencies count
    std::optional<Endpoint> dns;   // also answer DNS here
    std::optional<Endpoint> http;  // show /metrics here
    unsigned domains = 100;        // d000 ... under domain_suffix exist
    std::string domain_suffix = "example.test";
    // mx0 ... under domain_suffix; domain n has mx<n mod mx_hosts>, whose address is one that is listened on. 0: as many
    // as there are addresses.
    unsigned mx_hosts = 0;
    std::uint32_t ttl = 300;                          // seconds, of every DNS answer
    bool pipelining = true;                           // offered
    bool chunking = true;                             // offered
    std::uint64_t size_limit = 100ull * 1024 * 1024;  // bytes of one message
    std::uint64_t bandwidth = 0;                      // bytes a second that one connection is read at; 0: any
    TlsMode tls = TlsMode::none;
    bool tls_resume = true;        // sessions may be resumed
    std::string certificate, key;  // PEM files; empty: a certificate made in memory, signed by itself
    std::vector<Rule> script;
    std::uint64_t seed = 1;   // of the script's draws
    Duration report_every{};  // a JSON line on standard output this often; 0: never
    bool json = false;        // the summary
};

// Runs until `expect` is reached or TERM or INT comes, prints the summary on standard output and returns the exit code:
// 0 only if (with `expect`) nothing was lost, and nothing was duplicated or damaged. Says on standard error
// "listening smtp ADDRESS:PORT", the same for dns and http, "ready", and with a warm-up "warm SECONDS" (since 1970) when it
// has come.
int run_sink(const SinkOptions& options);

}  // namespace angarium::bench

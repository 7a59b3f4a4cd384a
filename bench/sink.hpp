// `angarium bench sink`: takes mail over SMTP, keeps none of it and accounts for every message of `angarium bench send`:
// received, lost, duplicated, damaged. Answers DNS for the generated domains, so that delivery by MX can be measured on
// one machine. Misbehaves by script. Owning thread: the caller's; it starts shards of its own and returns when all is
// done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"

namespace angarium::bench {

// What a server may do to its clients, drawn per message or recipient; probabilities 0 .. 1.
struct Misbehaviour {
    Duration delay{};        // before the reply to end-of-data
    double reject_rcpt = 0;  // 550 to RCPT
    double defer_rcpt = 0;   // 451 to RCPT
    double defer_data = 0;   // 451 to end-of-data; the message does not count as received
    double disconnect = 0;   // closes instead of answering end-of-data; likewise
    std::uint64_t seed = 1;
};

struct SinkOptions {
    std::vector<Endpoint> listen;  // port 0: a free one
    unsigned shards = 1;
    std::uint64_t expect =
        0;  // messages; ends when they have come and nothing more for a second. 0: until a signal
    std::optional<Endpoint> dns;  // also answer DNS here, over UDP
    unsigned domains = 100;       // d000 ... under domain_suffix exist
    std::string domain_suffix = "example.test";
    unsigned mx_hosts = 1;    // mx0 ... under domain_suffix; domain n has mx<n mod mx_hosts>
    std::uint32_t ttl = 300;  // seconds, of every DNS answer
    bool pipelining = true;   // offered
    bool chunking = true;     // offered
    std::uint64_t size_limit = 100ull * 1024 * 1024;  // bytes of one message
    Misbehaviour misbehaviour;
    Duration report_every{};  // a JSON line on standard output this often; 0: never
    bool json = false;        // the summary
};

// Runs until `expect` is reached or TERM or INT comes, prints the summary on standard output and returns the exit code:
// 0 only if (with `expect`) nothing was lost, and nothing was duplicated or damaged. Says on standard error
// "listening smtp ADDRESS:PORT", "listening dns ADDRESS:PORT" and "ready".
int run_sink(const SinkOptions& options);

}  // namespace angarium::bench

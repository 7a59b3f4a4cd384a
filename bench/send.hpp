// `angarium bench send`: generates mail over SMTP and measures how it is taken.
//
// Every message is unique (X-Angarium-Bench: <run>-<number> <send time in microseconds>) and carries a checksum of its
// text (X-Angarium-Check), so that `angarium bench sink` can tell what was lost, doubled or damaged. Owning thread: the
// caller's; it starts shards of its own and returns when all is done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/sizes.hpp"
#include "bench/tls.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"
#include "engine/sasl/mechanism.hpp"

namespace angarium::bench {

struct SendOptions {
    Endpoint to;
    std::uint64_t messages = 0;                 // accepted in all; 0: until `duration` is over
    Duration duration{};                        // 0: until `messages` are accepted
    std::uint64_t warm_up = 0;                  // the first of them, which rates and latencies do not count
    unsigned sessions = 50;                     // connections at a time, over all shards
    std::vector<SizeShare> sizes{SizeShare{}};  // of messages, headers included
    std::vector<std::string>
        files;                // messages to send instead of generated ones; a folder stands for its *.eml
    unsigned recipients = 1;  // of one message; its header has four digits for them
    static constexpr unsigned most_recipients = 9999;
    unsigned domains = 1;  // recipient domains d000 ... under domain_suffix
    double zipf = 0;       // exponent of the law by which they are chosen; 0: uniformly
    std::string domain_suffix = "example.test";
    std::string from = "a@sender.test";
    std::vector<std::string> addresses;         // every message's recipients, instead of generated ones
    std::string hello = "bench.angarium.test";  // the name in EHLO
    std::optional<sasl::Credentials> auth;      // every connection logs in
    std::optional<sasl::Mechanism> mechanism;   // nothing: the best that is offered
    TlsMode tls = TlsMode::none;
    std::string tls_name;  // asked for by SNI, and compared with the certificate; a name or an address
    std::string ca;  // a PEM file of authorities that must have signed the certificate; empty: any will do
    bool tls_resume = true;  // sessions are resumed where the server lets us
    runtime::TlsVersion tls_newest = runtime::TlsVersion::v1_3;
    double rate = 0;          // messages a second, open loop; 0: closed loop, as fast as they are taken
    Duration pause{};         // of a session between messages, closed loop
    bool pipelining = false;  // MAIL, RCPT and DATA (or BDAT) in one flight, where offered
    bool chunking = false;    // BDAT instead of DATA, where offered
    std::uint64_t messages_per_session = 0;  // then QUIT and a new connection; 0: sessions are kept
    unsigned shards = 1;
    std::uint64_t seed = 0;   // of the run's name and the choice of domains; 0: from the kernel
    Duration timeout = 300s;  // for one reply
    bool json = false;
    bool progress = false;
};

// Runs, prints the result on standard output (diagnostics and progress on standard error) and returns the exit code:
// 0 only if everything asked for was accepted.
int run_send(const SendOptions& options);

}  // namespace angarium::bench

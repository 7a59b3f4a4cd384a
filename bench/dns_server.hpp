// The tiny DNS server: a nonblocking UDP socket on the shard's poller, and TCP on the same port for what the script
// truncates. Owning thread: the shard's.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "bench/dns_answer.hpp"
#include "bench/ledger.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/ring_shard.hpp"
#include "engine/runtime/sockaddr.hpp"

namespace angarium::bench {

// Queries by type and result.
struct DnsTally {
    std::array<std::array<Counter, dns_result_names.size()>, dns_type_names.size()> queries;
    std::uint64_t total() const;
};

class DnsServer {
  public:
    // Port 0 takes one that is free for both. The script and the tally outlive the server. Errors: the address cannot be
    // bound.
    static Result<std::unique_ptr<DnsServer>> open(runtime::RingShard& shard, const Endpoint& endpoint,
                                                   Zone zone, const Script& script, std::uint64_t seed,
                                                   DnsTally& tally);
    ~DnsServer();
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;

    // No more answers; to be awaited before it goes.
    runtime::Task<void> stop();
    const Endpoint& local() const { return listener_->local(); }

  private:
    DnsServer(runtime::RingShard& shard, int descriptor, std::unique_ptr<runtime::Listener> listener,
              Zone zone, const Script& script, std::uint64_t seed, DnsTally& tally);
    void serve();
    // Fills response_; how long it has to wait.
    Duration answer(std::span<const std::uint8_t> query, bool datagram);
    void send(std::span<const std::uint8_t> response, const runtime::SocketAddress& to);
    runtime::Task<void> send_later(std::vector<std::uint8_t> response, runtime::SocketAddress to,
                                   Duration delay);
    runtime::Task<void> pass(Duration delay);
    runtime::Task<void> accept();
    runtime::Task<void> converse(std::unique_ptr<runtime::Stream> stream);

    runtime::RingShard& shard_;
    const int descriptor_;
    std::unique_ptr<runtime::Listener> listener_;
    const Zone zone_;
    const Script& script_;
    Random random_;
    DnsTally& tally_;
    bool stopping_ = false;
    std::vector<std::uint8_t> response_;
    std::unique_ptr<runtime::Poll> poll_;
    std::vector<runtime::Stream*> streams_;
    runtime::Gate gate_;
};

}  // namespace angarium::bench

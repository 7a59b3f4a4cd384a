// The tiny DNS server on UDP: a nonblocking socket on the shard's poller. Owning thread: the shard's.
#pragma once

#include <memory>
#include <vector>

#include "bench/dns_answer.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::bench {

class DnsServer {
  public:
    // Port 0 takes a free one. Errors: the address cannot be bound.
    static Result<std::unique_ptr<DnsServer>> open(runtime::Poller& poller, const Endpoint& endpoint,
                                                   Zone zone);
    ~DnsServer();
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;

    const Endpoint& local() const { return local_; }
    std::uint64_t queries() const { return queries_; }

  private:
    DnsServer(int descriptor, Zone zone);
    void serve();

    int descriptor_;
    Zone zone_;
    Endpoint local_;
    std::uint64_t queries_ = 0;
    std::vector<std::uint8_t> response_;
    std::unique_ptr<runtime::Poll> poll_;
};

}  // namespace angarium::bench

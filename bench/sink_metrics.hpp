// The sink's /metrics: its counters as they are at the moment, as Prometheus text. Owning thread: the shard's on which
// HTTP is served; the counters may be written by others meanwhile.
#pragma once

#include <string>

#include "bench/dns_server.hpp"
#include "bench/ledger.hpp"
#include "engine/http/message.hpp"

namespace angarium::bench {

std::string sink_metrics(const Ledger& ledger, const DnsTally& dns);

// Ledger and tally outlive it.
class MetricsPage final : public http::Service {
  public:
    MetricsPage(const Ledger& ledger, const DnsTally& dns) : ledger_(ledger), dns_(dns) {}
    runtime::Task<http::Response> answer(const http::Request& request) override;

  private:
    const Ledger& ledger_;
    const DnsTally& dns_;
};

}  // namespace angarium::bench

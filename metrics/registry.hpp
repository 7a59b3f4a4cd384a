// The Registry: the sheets of all shards, what the whole process knows by callback, and the text that a
// scrape gets. Made before the shards start and outlives them. Gauges and build information are set before
// the first scrape; exposition() may then run on any thread while shards count.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.hpp"
#include "metrics/sheet.hpp"

namespace angarium::metrics {

class Registry {
  public:
    explicit Registry(unsigned shards);

    unsigned shards() const { return static_cast<unsigned>(sheets_.size()); }
    // Written by that shard's thread only.
    Sheet& sheet(ShardId shard);
    const Sheet& sheet(ShardId shard) const;

    // A level that the process knows as a whole (memory, free disk): asked at each scrape instead of the
    // sheets, on the scraping thread, so it must be quick, block on nothing and be safe there.
    void gauge(Level id, std::function<double()> read);
    // Exported as the labels of angarium_build_info.
    void build(std::string_view version, std::string_view compiler);

    // Sums over the shards, for summaries, health and tests.
    std::uint64_t total(Count id) const;
    std::int64_t total(Level id) const;  // of the sheets; callbacks are not asked
    std::uint64_t observations(Spread id) const;

    // Prometheus text format 0.0.4. The work is bounded by the catalogue times the shards.
    std::string exposition() const;

  private:
    std::vector<std::unique_ptr<Sheet>> sheets_;
    std::array<std::function<double()>, levels> gauges_;
    std::string version_ = "unknown", compiler_ = "unknown";
};

}  // namespace angarium::metrics

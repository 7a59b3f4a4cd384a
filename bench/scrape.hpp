// A look at a server's /metrics: fetched over HTTP, read, summed. Blocks its caller, at most for some seconds.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/base/endpoint.hpp"
#include "engine/base/result.hpp"

namespace angarium::bench {

class Scrape {
  public:
    // Errors: nobody answers with 200 there.
    static Result<Scrape> of(const Endpoint& server);
    // Prometheus' text format.
    explicit Scrape(std::string_view text);
    Scrape() = default;

    // The sum over all labels; 0 for a name that is not there.
    double total(std::string_view name) const;
    // Of a histogram (its name without suffix) what came since `before`, in its unit: the value that `percent` of all
    // do not exceed, by straight lines within buckets as Prometheus does it. 0 when nothing came.
    double percentile(std::string_view name, double percent, const Scrape& before) const;

  private:
    std::map<double, double> buckets(std::string_view name) const;  // by upper bound, cumulated
    std::map<std::string, double, std::less<>> samples_;            // by name{labels}
};

}  // namespace angarium::bench

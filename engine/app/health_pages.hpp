// The pages of the running server: /metrics for Prometheus, /healthz (the process and its shard are alive) and /readyz
// (mail is accepted, or why not). Owning thread: the shard on which the server listens.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/http/router.hpp"
#include "metrics/registry.hpp"

namespace angarium::app {

// Nothing when mail is accepted, else why it is not ("recovering", "draining").
using Readiness = std::function<std::optional<std::string>()>;

class HealthPages {
  public:
    HealthPages(const metrics::Registry& registry, Readiness readiness);
    // Adds the pages; they must outlive the router.
    void add_to(http::Router& router);

  private:
    class Metrics final : public http::Service {
      public:
        explicit Metrics(const metrics::Registry& registry) : registry_(registry) {}
        runtime::Task<http::Response> answer(const http::Request& request) override;

      private:
        const metrics::Registry& registry_;
    };
    class Alive final : public http::Service {
      public:
        runtime::Task<http::Response> answer(const http::Request& request) override;
    };
    class Ready final : public http::Service {
      public:
        explicit Ready(Readiness readiness) : readiness_(std::move(readiness)) {}
        runtime::Task<http::Response> answer(const http::Request& request) override;

      private:
        Readiness readiness_;
    };

    Metrics metrics_;
    Alive alive_;
    Ready ready_;
};

}  // namespace angarium::app

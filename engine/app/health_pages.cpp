// See health_pages.hpp.
#include "engine/app/health_pages.hpp"

namespace angarium::app {

HealthPages::HealthPages(const metrics::Registry& registry, Readiness readiness)
    : metrics_(registry), ready_(std::move(readiness)) {}

void HealthPages::add_to(http::Router& router) {
    router.add("/metrics", "GET, HEAD", metrics_);
    router.add("/healthz", "GET, HEAD", alive_);
    router.add("/readyz", "GET, HEAD", ready_);
}

runtime::Task<http::Response> HealthPages::Metrics::answer(const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = registry_.exposition();
    co_return response;
}

runtime::Task<http::Response> HealthPages::Alive::answer(const http::Request&) {
    http::Response response;
    response.body = "ok\n";
    co_return response;
}

runtime::Task<http::Response> HealthPages::Ready::answer(const http::Request&) {
    if (const auto why = readiness_()) co_return http::error_response(503, "not ready: " + *why);
    http::Response response;
    response.body = "ready\n";
    co_return response;
}

}  // namespace angarium::app

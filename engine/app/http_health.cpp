// See http_health.hpp.
#include "engine/app/http_health.hpp"

namespace angarium::app {

HealthPages::HealthPages(const metrics::Registry& registry, Readiness readiness)
    : metrics_(registry), ready_(std::move(readiness)) {}

void HealthPages::add_to(HttpRouter& router) {
    router.add("/metrics", "GET, HEAD", metrics_);
    router.add("/healthz", "GET, HEAD", alive_);
    router.add("/readyz", "GET, HEAD", ready_);
}

runtime::Task<HttpResponse> HealthPages::Metrics::answer(const HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = registry_.exposition();
    co_return response;
}

runtime::Task<HttpResponse> HealthPages::Alive::answer(const HttpRequest&) {
    HttpResponse response;
    response.body = "ok\n";
    co_return response;
}

runtime::Task<HttpResponse> HealthPages::Ready::answer(const HttpRequest&) {
    if (const auto why = readiness_()) co_return http_error(503, "not ready: " + *why);
    HttpResponse response;
    response.body = "ready\n";
    co_return response;
}

}  // namespace angarium::app

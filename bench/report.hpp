// What the reports of both ends have in common: labelled lines for people, and latency, CPU and ring use in either form. Json is
// nlohmann::ordered_json, which only the .cpp files know. Pure functions.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "bench/histogram.hpp"
#include "bench/text.hpp"
#include "bench/tls.hpp"
#include "bench/usage.hpp"

namespace angarium::bench {

// What a run has used.
struct Cost {
    std::uint64_t messages = 0;
    CpuTime cpu;
    RingUse ring;
    std::uint64_t peak_memory = 0;  // bytes
};

class TextReport {
  public:
    void line(std::string_view what, std::string_view text) {
        fmt::format_to(std::back_inserter(buffer_), "{:<14}{}\n", what, text);
    }
    void cost(const Cost& cost);
    // Nothing where there was no TLS.
    void handshakes(const Handshakes& tls);
    std::string text() const { return fmt::to_string(buffer_); }

  private:
    fmt::memory_buffer buffer_;
};

inline double per_message(double whole, const Cost& cost) {
    return ratio(whole, static_cast<double>(cost.messages));
}

// {"count", "mean", "p50" ... "max"}, seconds.
template <class Json>
Json latency_json(const Histogram& histogram) {
    Json out;
    out["count"] = histogram.count();
    out["mean"] = histogram.mean() / 1e9;
    for (const auto& [name, percent] :
         {std::pair{"p50", 50.0}, {"p90", 90.0}, {"p99", 99.0}, {"p99.9", 99.9}, {"max", 100.0}})
        out[name] = static_cast<double>(histogram.percentile(percent)) / 1e9;
    return out;
}

// {"mode", "full", "resumed", "failed", "ciphers", "verification"}.
template <class Json>
Json handshakes_json(TlsMode mode, const Handshakes& tls) {
    return {{"mode", to_string(mode)},
            {"full", latency_json<Json>(tls.full)},
            {"resumed", latency_json<Json>(tls.resumed)},
            {"failed", tls.failed},
            {"ciphers", tls.ciphers},
            {"verification", tls.verifications}};
}

// Adds cpu_seconds, cpu_microseconds_per_message, ring_..._per_message and peak_memory_bytes.
template <class Json>
void add_cost(Json& out, const Cost& cost) {
    out["cpu_seconds"] = {{"user", cost.cpu.user}, {"system", cost.cpu.system}};
    out["cpu_microseconds_per_message"] = per_message(cost.cpu.total() * 1e6, cost);
    out["ring_enters_per_message"] = per_message(static_cast<double>(cost.ring.enters), cost);
    out["ring_completions_per_message"] = per_message(static_cast<double>(cost.ring.completions), cost);
    out["peak_memory_bytes"] = cost.peak_memory;
}

}  // namespace angarium::bench

#include "bench/report.hpp"

namespace angarium::bench {
void TextReport::cost(const Cost& cost) {
    line("cpu", fmt::format("{:.2f} s user, {:.2f} s system: {:.1f} us a message", cost.cpu.user,
                            cost.cpu.system, per_message(cost.cpu.total() * 1e6, cost)));
    line("ring", fmt::format("{:.2f} enters and {:.2f} completions a message",
                             per_message(static_cast<double>(cost.ring.enters), cost),
                             per_message(static_cast<double>(cost.ring.completions), cost)));
    line("memory", size_text(static_cast<double>(cost.peak_memory)) + " at most");
}

void TextReport::handshakes(const Handshakes& tls) {
    if (tls.all() == 0) return;
    line("tls", fmt::format("{} full handshakes, {} resumed, {} failed", tls.full.count(),
                            tls.resumed.count(), tls.failed));
    if (tls.full.count() > 0) line("  full", latency_text(tls.full));
    if (tls.resumed.count() > 0) line("  resumed", latency_text(tls.resumed));
    for (const auto& [cipher, count] : tls.ciphers) line("  spoken", fmt::format("{} x {}", count, cipher));
    for (const auto& [verdict, count] : tls.verifications)
        line("  certificate", fmt::format("{} x {}", count, verdict));
}

}  // namespace angarium::bench

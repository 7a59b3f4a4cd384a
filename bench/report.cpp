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

}  // namespace angarium::bench

#include "bench/send.hpp"

#include <unistd.h>

#include <cstdio>

#include <fmt/core.h>

#include "bench/send_report.hpp"
#include "bench/send_run.hpp"
#include "engine/runtime/descriptors.hpp"
#include "engine/runtime/signals.hpp"

namespace angarium::bench {
namespace {

// One line that changes on a terminal, one line a second elsewhere.
class ProgressLine {
  public:
    void show(const SendProgress& now) {
        const auto text = send_progress_text(before_, now);
        before_ = now;
        fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", text, terminal_ ? "" : "\n");
        std::fflush(stderr);
        shown_ = true;
    }
    void end() const {
        if (shown_ && terminal_) fmt::print(stderr, "\n");
    }

  private:
    const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool shown_ = false;
    SendProgress before_;
};

}  // namespace

int run_send(const SendOptions& options) {
    runtime::block_service_signals();
    runtime::allow_all_descriptors();
    ProgressLine line;
    std::function<void(const SendProgress&)> progress;
    if (options.progress) progress = [&line](const SendProgress& now) { line.show(now); };
    SendRun send(options);
    const auto summary = send.run(true, progress);
    line.end();
    if (!summary) {
        fmt::print(stderr, "angarium bench send: {}\n", summary.error().text);
        return 1;
    }
    const auto text = options.json ? send_json(options, *summary) : send_text(options, *summary);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return summary->complete ? 0 : 1;
}

}  // namespace angarium::bench

// The Prometheus text format (0.0.4) as it is written: a family's head, then its samples. Escapes what must be; names and
// labels are the caller's to get right. A value; one thread.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace angarium::metrics {

// Of a label's value or a help text: backslash, quote and line end.
std::string escaped(std::string_view text);

class Exposition {
  public:
    // `type`: counter, gauge or histogram.
    void family(std::string_view name, std::string_view type, std::string_view help) {
        fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    // `labels`: what stands inside the braces (`kind="mx"`), or nothing.
    template <class T>
    void sample(std::string_view name, std::string_view labels, const T& value) {
        if (labels.empty())
            fmt::format_to(std::back_inserter(text_), "{} {}\n", name, value);
        else
            fmt::format_to(std::back_inserter(text_), "{}{{{}}} {}\n", name, labels, value);
    }
    std::string text() const { return fmt::to_string(text_); }

  private:
    fmt::memory_buffer text_;
};

}  // namespace angarium::metrics

// What the program says about itself on standard error: one line each, with time and level. Mail events are not here: they
// are in the delivery log. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace angarium::app {

// "debug", "info", "warning", "error". Called once, before threads start.
void open_diagnostics(std::string_view level);
void say_info(std::string_view text);
void say_warning(std::string_view text);
void say_error(std::string_view text);
// Plain, without time and level, and at once: what scripts wait for ("listening smtp 127.0.0.1:2525", "ready").
void announce(std::string_view line);

}  // namespace angarium::app

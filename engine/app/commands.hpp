// The program's commands, one function each; main.cpp parses what they are given. Results go to standard output, diagnostics
// to standard error. The return value is the exit code (sysexits where they fit).
#pragma once

#include <optional>
#include <string>

#include "engine/app/config.hpp"

namespace angarium::app {

inline constexpr int exit_ok = 0, exit_usage = 64, exit_unavailable = 69, exit_cannot_create = 73,
                     exit_temporary = 75, exit_config = 78;

// The configuration; without one, what is wrong with it has been said on standard error.
std::optional<Config> load_or_complain(const std::string& file);

int serve_command(const std::string& config_file, bool repair_journal);
int check_command(const std::string& config_file);
int queue_summary_command(const std::string& config_file, bool json);
int version_command();

}  // namespace angarium::app

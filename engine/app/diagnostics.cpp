#include "engine/app/diagnostics.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>

namespace angarium::app {

void open_diagnostics(std::string_view level) {
    auto logger = spdlog::stderr_color_mt("angarium");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    logger->set_level(spdlog::level::from_str(std::string(level)));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

void say_info(std::string_view text) { spdlog::info("{}", text); }
void say_warning(std::string_view text) { spdlog::warn("{}", text); }
void say_error(std::string_view text) { spdlog::error("{}", text); }

void announce(std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stderr);
}

}  // namespace angarium::app

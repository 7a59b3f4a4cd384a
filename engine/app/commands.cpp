#include "engine/app/commands.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/app/config.hpp"
#include "engine/app/diagnostics.hpp"
#include "engine/app/material.hpp"
#include "engine/app/relay.hpp"

namespace angarium::app {
namespace {

void say(const ConfigErrors& errors) {
    for (const auto& error : errors) fmt::print(stderr, "{}\n", error.text);
}

// One GET to the running relay; the body of a 200 answer.
Result<std::string> ask_relay(const Endpoint& address, std::string_view path) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{10, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    std::copy_n(address.address.bytes().begin(), 4, reinterpret_cast<unsigned char*>(&to.sin_addr));
    std::string answer;
    bool ok =
        address.address.is_v4() && ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    const auto request =
        fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, address.text());
    ok = ok &&
         ::send(socket, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
    char buffer[16384];
    while (ok) {
        const auto got = ::recv(socket, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        answer.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(socket);
    const auto body = answer.find("\r\n\r\n");
    if (!answer.starts_with("HTTP/1.1 200 ") || body == std::string::npos)
        return failure(fmt::format("no relay answers at http://{}{}: is `angarium serve` running?",
                                   address.text(), path));
    return answer.substr(body + 4);
}

void print_summary(const nlohmann::json& summary) {
    const auto& stored = summary["stored"];
    fmt::print(
        "{} messages young (in the journal only); in the store {} messages: {} ready and {} deferred "
        "deliveries, {} MiB on disk\n",
        summary["young_messages"].get<std::uint64_t>(), stored["messages"].get<std::uint64_t>(),
        stored["ready"].get<std::uint64_t>(), stored["deferred"].get<std::uint64_t>(),
        stored["disk_bytes"].get<std::uint64_t>() >> 20);
    const auto& destinations = summary["destinations"];
    if (destinations.empty()) {
        fmt::print("nothing waits\n");
        return;
    }
    fmt::print("\n{:<40} {:>9} {:>9} {:>9} {:>6} {:>9}  {}\n", "destination", "young", "ready", "in flight",
               "store", "next try", "last failure");
    for (const auto& line : destinations) {
        const auto next = line.contains("next_attempt_in_seconds")
                              ? fmt::format("{:.0f}s", line["next_attempt_in_seconds"].get<double>())
                              : std::string("-");
        fmt::print("{:<40} {:>9} {:>9} {:>9} {:>6} {:>9}  {}\n", line["domain"].get<std::string>(),
                   line["young"].get<std::uint64_t>(), line["ready"].get<std::uint64_t>(),
                   line["attempting"].get<std::uint64_t>(), line["more_in_store"].get<bool>() ? "more" : "-",
                   next, line.value("last_reason", "-"));
    }
    const auto known = summary["destinations_known"].get<std::uint64_t>();
    if (known > destinations.size())
        fmt::print("... and {} more destinations\n", known - destinations.size());
}

}  // namespace

std::optional<Config> load_or_complain(const std::string& file) {
    auto config = load_config(file, read_system_facts());
    if (config) return std::move(*config);
    say(config.error());
    return std::nullopt;
}

int serve_command(const std::string& config_file, bool repair_journal) {
    auto config = load_or_complain(config_file);
    if (!config) return exit_config;
    open_diagnostics(config->log.level);
    for (const auto& warning : config->warnings) say_warning(warning);
    return run_relay({config_file, std::move(*config), repair_journal});
}

int check_command(const std::string& config_file) {
    const auto config = load_or_complain(config_file);
    if (!config) return exit_config;
    DkimKeys dkim_keys(1);
    const auto warn = [](const std::string& text) { fmt::print(stderr, "warning: {}\n", text); };
    const auto material = read_material(*config, 1, runtime::TlsTicketKeys::random(), dkim_keys, warn);
    if (!material) {
        say(material.error());
        return exit_config;
    }
    fmt::print("{}\n{}", print_config(*config), relay_table(*config));
    for (const auto& warning : config->warnings) fmt::print(stderr, "warning: {}\n", warning);
    return exit_ok;
}

int queue_summary_command(const std::string& config_file, bool json) {
    const auto config = load_or_complain(config_file);
    if (!config) return exit_config;
    std::string line;
    std::getline(std::ifstream(control_file(*config)), line);
    const auto address = Endpoint::parse(line);
    if (!address) {
        fmt::print(stderr, "no relay runs on the queue at {} ({} is missing), or its [http] address is off\n",
                   config->queue.path, control_file(*config));
        return exit_unavailable;
    }
    const auto answer = ask_relay(*address, "/queue");
    if (!answer) {
        fmt::print(stderr, "{}\n", answer.error().text);
        return exit_unavailable;
    }
    if (json) {
        fmt::print("{}", *answer);
        return exit_ok;
    }
    const auto summary = nlohmann::json::parse(*answer, nullptr, false);
    if (summary.is_discarded()) {
        fmt::print(stderr, "the relay's answer is not JSON; is it of the same version?\n");
        return exit_unavailable;
    }
    print_summary(summary);
    return exit_ok;
}

int version_command() {
    fmt::print("angarium {} ({})\n", ANGARIUM_VERSION, ANGARIUM_COMPILER);
    return exit_ok;
}

}  // namespace angarium::app

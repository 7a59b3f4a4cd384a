// The program: parses the command line and calls one command.
#include <CLI/CLI.hpp>

#include <functional>

#include "bench/command_line.hpp"
#include "engine/app/commands.hpp"

int main(int argc, char** argv) {
    using namespace angarium;
    CLI::App program("angarium: a high-throughput SMTP relay and outbound queue");
    program.require_subcommand(1);
    std::function<int()> chosen;
    std::string config_file = "/etc/angarium/angarium.toml";
    const auto with_config = [&](CLI::App* command) {
        command->add_option("--config", config_file, "the configuration file")->capture_default_str();
        return command;
    };

    auto* serve = with_config(program.add_subcommand("serve", "run the relay"));
    bool repair = false;
    serve->add_flag("--repair-journal", repair,
                    "go on behind damaged journal groups; what was in them is lost");
    serve->callback([&] { chosen = [&] { return app::serve_command(config_file, repair); }; });

    auto* check = with_config(
        program.add_subcommand("check", "validate the configuration and print it with all defaults"));
    check->callback([&] { chosen = [&] { return app::check_command(config_file); }; });

    auto* queue = program.add_subcommand("queue", "what waits where (asks the running relay)");
    queue->require_subcommand(1);
    auto* summary = with_config(
        queue->add_subcommand("summary", "totals, and the destinations with the most waiting mail"));
    bool json = false;
    summary->add_flag("--json", json, "for machines");
    summary->callback([&] { chosen = [&] { return app::queue_summary_command(config_file, json); }; });

    auto* bench = program.add_subcommand("bench", "generate load, receive it, measure the disk's own limit");
    bench->require_subcommand(1);
    bench::add_bench_commands(*bench, [&](std::function<int()> run) { chosen = std::move(run); });

    program.add_subcommand("version", "print the version")->callback([&] { chosen = app::version_command; });

    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return program.exit(error) == 0 ? app::exit_ok : app::exit_usage;
    }
    return chosen();
}

// The program: parses the command line and calls one command.
#include <CLI/CLI.hpp>

#include <functional>

#include "bench/command_line.hpp"
#include "engine/app/commands.hpp"
#include "engine/app/dkim_commands.hpp"
#include "engine/app/user_commands.hpp"

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

    auto* user = program.add_subcommand("user", "the accounts of a listener's `auth` file");
    user->require_subcommand(1);
    app::UserAddOptions account;
    const auto with_file = [&](CLI::App* command) {
        command->add_option("--file", account.file, "the file of accounts")->required();
        return command;
    };
    auto* add = with_file(user->add_subcommand(
        "add", "make an account; its password is asked for, or the first line of standard input"));
    add->add_option("name", account.name, "as it will log in")->required();
    add->add_flag("--replace", account.replace,
                  "give an account that is there a new password and new bounds");
    add->add_flag("!--no-scram", account.scram,
                  "without SCRAM-SHA-256, whose verifier is quicker to try passwords on");
    add->add_option(
           "--from", account.from,
           "the only senders that it may use: town.com, *.town.com, jack@town.com; several with commas")
        ->delimiter(',')
        ->allow_extra_args(false);
    add->add_option("--cost", account.cost, "log2 of scrypt's N: one more doubles time and memory of a login")
        ->check(CLI::Range(10, 18))
        ->capture_default_str();
    add->callback([&] { chosen = [&] { return app::user_add_command(account); }; });
    auto* remove = with_file(user->add_subcommand("remove", "remove an account"));
    remove->add_option("name", account.name)->required();
    remove->callback([&] { chosen = [&] { return app::user_remove_command(account.file, account.name); }; });
    auto* list = with_file(user->add_subcommand("list", "names, mechanisms and senders; no hashes"));
    list->add_flag("--json", json, "for machines");
    list->callback([&] { chosen = [&] { return app::user_list_command(account.file, json); }; });

    auto* dkim = program.add_subcommand("dkim", "keys that sign mail, and their DNS records");
    dkim->require_subcommand(1);
    app::DkimKeygenOptions keygen_options;
    auto* keygen = dkim->add_subcommand("keygen", "make a key, and print the DNS record that belongs to it");
    keygen->add_option("--domain", keygen_options.domain, "that it signs for")->required();
    keygen->add_option("--selector", keygen_options.selector, "the key's name in DNS, such as s2026")
        ->required();
    keygen->add_option("--type", keygen_options.type, "rsa-2048, rsa-4096 or ed25519")->capture_default_str();
    keygen->add_option("--out", keygen_options.out, "file for the private key, readable by this user only")
        ->required();
    keygen->add_flag("--force", keygen_options.force, "replace an existing file");
    keygen->callback([&] { chosen = [&] { return app::dkim_keygen_command(keygen_options); }; });
    auto* records =
        with_config(dkim->add_subcommand("check", "look up the records of all keys and compare them"));
    std::string domain;
    records->add_option("--domain", domain, "only this domain's");
    records->add_flag("--json", json, "for machines");
    records->callback([&] { chosen = [&] { return app::dkim_check_command(config_file, domain, json); }; });

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

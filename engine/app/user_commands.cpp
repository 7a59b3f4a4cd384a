#include "engine/app/user_commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/accounts/accounts_file.hpp"
#include "engine/app/commands.hpp"
#include "engine/sasl/mechanism.hpp"

namespace angarium::app {
namespace {

int complain(std::string_view what) {
    fmt::print(stderr, "angarium user: {}\n", what);
    return exit_config;
}

// A terminal that shows nothing of what is typed, and takes Ctrl-C for a character: no signal leaves it like that.
class Silence {
  public:
    Silence() {
        ::tcgetattr(STDIN_FILENO, &before_);
        auto silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;
    ~Silence() {
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        fmt::print(stderr, "\n");
    }

  private:
    termios before_{};
};

// One line of standard input, without its end; at most a character more than a password may have.
std::string read_line() {
    std::string line;
    char c = 0;
    while (line.size() <= sasl::max_password + 1 && ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') line += c;
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

std::string ask(std::string_view prompt) {
    const Silence silence;  // before the prompt: who types at once is not shown either
    fmt::print(stderr, "{}", prompt);
    std::fflush(stderr);
    return read_line();
}

Result<std::string> read_password() {
    std::string password;
    if (::isatty(STDIN_FILENO) == 1) {
        password = ask("Password: ");
        auto again = ask("Again: ");
        const bool same = again == password;
        sasl::wipe(again);
        if (!same) {
            sasl::wipe(password);
            return failure("the two passwords differ; nothing was changed");
        }
    } else {
        password = read_line();
    }
    if (sasl::is_password(password)) return password;
    const bool empty = password.empty();
    sasl::wipe(password);
    return failure(
        empty ? std::string("no password; type it, or give it as the first line of standard input")
              : fmt::format("that is no password; use UTF-8 without control characters, at most {} octets",
                            sasl::max_password));
}

std::string mechanisms_of(const accounts::Account& account) {
    return account.scram ? "PLAIN LOGIN SCRAM-SHA-256" : "PLAIN LOGIN";
}

}  // namespace

int user_add_command(const UserAddOptions& options) {
    if (!accounts::is_account_name(options.name))
        return complain(fmt::format(
            "that is no account name; use UTF-8 without spaces and control characters, not beginning "
            "with # or @, at most {} octets",
            sasl::max_name));
    if (const auto from = smtp::AddressPatterns::make(options.from); !from)
        return complain(
            fmt::format("--from: \"{}\" is no sender; write a domain or an address, such as town.com, "
                        "*.town.com or jack@town.com",
                        from.error()));
    accounts::NewAccount account;
    account.name = options.name;
    account.cost.log2_n = options.cost;
    account.scram = options.scram;
    account.from = options.from;
    if (!sasl::is_possible(account.cost))
        return complain(fmt::format("--cost: {} is out of range", options.cost));
    auto password = read_password();
    if (!password) return complain(password.error().text);
    account.password = std::move(*password);
    const auto line = accounts::account_line(account);
    sasl::wipe(account.password);
    const auto done = accounts::edit_accounts(options.file, true, [&](std::string_view text) {
        return accounts::with_account(text, options.name, line, options.replace);
    });
    return done ? exit_ok : complain(done.error().text);
}

int user_remove_command(const std::string& file, const std::string& name) {
    const auto done = accounts::edit_accounts(
        file, false, [&](std::string_view text) { return accounts::without_account(text, name); });
    return done ? exit_ok : complain(done.error().text);
}

int user_list_command(const std::string& file, bool json) {
    const auto accounts = accounts::load_accounts(file);
    if (!accounts) {
        for (const auto& error : accounts.error()) complain(error.text);
        return exit_config;
    }
    if (json) {
        auto list = nlohmann::ordered_json::array();
        for (const auto& account : (*accounts)->all()) {
            nlohmann::ordered_json one;
            one["name"] = account.name;
            one["mechanisms"] = nlohmann::json::array({"PLAIN", "LOGIN"});
            if (account.scram) one["mechanisms"].push_back("SCRAM-SHA-256");
            one["from"] = account.from;  // empty: any
            list.push_back(std::move(one));
        }
        fmt::print("{}\n", list.dump());
        return exit_ok;
    }
    for (const auto& account : (*accounts)->all())
        fmt::print("{:<32} {:<26} {}\n", account.name, mechanisms_of(account),
                   account.from.empty() ? "any sender" : fmt::format("{}", fmt::join(account.from, " ")));
    return exit_ok;
}

}  // namespace angarium::app

// The file of accounts: any text is read or refused with errors that name the file and quote no hash; accounts are added and
// removed without touching the others.
#include <algorithm>

#include "engine/accounts/account.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using accounts::Accounts;
constexpr std::string_view line =
    "fuzz@example.net scrypt=10:8:1:c2FsdHNhbHRzYWx0c2FsdA==:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= "
    "from=example.net";

bool has(const Accounts& accounts, std::string_view name) { return accounts.find(name) != nullptr; }

void edit(std::string_view text, const Accounts& before) {
    const auto with = accounts::with_account(text, "fuzz@example.net", line, false);
    require(with.has_value() != has(before, "fuzz@example.net"), "one account a name");
    if (!with) return;
    const auto more = Accounts::parse(*with, "accounts");
    require(more && more->all().size() == before.all().size() + 1 && has(*more, "fuzz@example.net"),
            "one more");
    for (const auto& account : before.all()) require(has(*more, account.name), "the others stay");
    const auto without = accounts::without_account(*with, "fuzz@example.net");
    require(without.has_value(), "what was added can be removed");
    const auto fewer = Accounts::parse(*without, "accounts");
    require(fewer && fewer->all().size() == before.all().size(), "and is gone");
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    const auto text = text_of(data, size);
    const auto accounts = Accounts::parse(text, "accounts");
    if (!accounts) {
        require(!accounts.error().empty(), "a refusal has a reason");
        for (const auto& error : accounts.error())
            require(error.text.starts_with("accounts:") && !has_control(error.text),
                    "which names the file, on one line");
        accounts::with_account(text, "fuzz@example.net", line, true);
        accounts::without_account(text, "fuzz@example.net");
        return 0;
    }
    for (const auto& account : accounts->all()) {
        require(accounts::is_account_name(account.name) && accounts->find(account.name) == &account,
                "an account has its name");
        require(sasl::is_possible(account.password.cost), "a hash is affordable");
    }
    accounts->scram_verifier("nobody@example.net");
    edit(text, *accounts);
    return 0;
}

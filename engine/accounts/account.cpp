#include "engine/accounts/account.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/base/assert.hpp"
#include "engine/base/base64.hpp"
#include "engine/sasl/mechanism.hpp"
#include "engine/smtp/command.hpp"
#include "engine/smtp/text.hpp"

namespace angarium::accounts {
namespace {

constexpr std::size_t salt_size = 16, seed_size = 32;
constexpr std::string_view seed_word = "@seed";
constexpr std::string_view remedy = "make the account anew with `angarium user add --replace`";

// Takes the next word off the front; empty at the end.
std::string_view take_word(std::string_view& text) {
    const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(" \t"));
    text.remove_prefix(word.size());
    return word;
}

// Takes a line off the front, without its end.
std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::optional<unsigned> number(std::string_view text) {
    const auto value = smtp::parse_decimal(text);
    if (!value || *value > UINT32_MAX) return std::nullopt;
    return static_cast<unsigned>(*value);
}

std::optional<sasl::Digest> digest(std::string_view text) {
    const auto bytes = decode_base64(text);
    sasl::Digest out;
    if (!bytes || bytes->size() != out.size()) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), out.begin());
    return out;
}

std::optional<std::string> salt(std::string_view text) {
    auto bytes = decode_base64(text);
    if (!bytes || bytes->empty() || bytes->size() > sasl::max_salt) return std::nullopt;
    return bytes;
}

// Each reads one field's value. Nothing when it is good; else what is wrong.
using Wrong = std::optional<std::string>;

Wrong read_scrypt(std::string_view value, Account& account) {
    const auto parts = split(value, ':');
    if (parts.size() != 5) return fmt::format("scrypt= needs five parts; {}", remedy);
    const auto log2_n = number(parts[0]), r = number(parts[1]), p = number(parts[2]);
    const auto with = salt(parts[3]);
    const auto hash = digest(parts[4]);
    if (!log2_n || !r || !p || !with || !hash) return fmt::format("scrypt= has a damaged part; {}", remedy);
    const sasl::ScryptCost cost{*log2_n, *r, *p};
    if (!sasl::is_possible(cost))
        return fmt::format("scrypt= asks for too much or too little work; {}", remedy);
    account.password = {cost, *with, *hash};
    return std::nullopt;
}

Wrong read_scram(std::string_view value, Account& account) {
    const auto parts = split(value, ':');
    if (parts.size() != 4) return fmt::format("scram-sha-256= needs four parts; {}", remedy);
    const auto iterations = number(parts[0]);
    const auto with = salt(parts[1]);
    const auto stored = digest(parts[2]), server = digest(parts[3]);
    if (!iterations || !with || !stored || !server)
        return fmt::format("scram-sha-256= has a damaged part; {}", remedy);
    if (*iterations < sasl::least_iterations || *iterations > sasl::most_iterations)
        return fmt::format("scram-sha-256= must have {} to {} iterations; {}", sasl::least_iterations,
                           sasl::most_iterations, remedy);
    account.scram = {*with, *iterations, *stored, *server};
    return std::nullopt;
}

Wrong read_from(std::string_view value, Account& account) {
    for (const auto pattern : split(value, ',')) account.from.emplace_back(pattern);
    auto made = smtp::AddressPatterns::make(account.from);
    if (!made) {
        std::string pattern;
        smtp::append_cleaned(pattern, made.error());
        return fmt::format(
            "from= has \"{}\"; write domains and addresses with commas between, such as "
            "from=town.com,jack@hill.org",
            pattern);
    }
    account.senders = std::make_shared<const smtp::AddressPatterns>(std::move(*made));
    return std::nullopt;
}

Wrong read_account(std::string_view name, std::string_view rest, Account& account) {
    if (!is_account_name(name))
        return "is no account name; use up to 255 octets of UTF-8 without spaces and controls";
    account.name = name;
    bool hashed = false;
    for (auto field = take_word(rest); !field.empty(); field = take_word(rest)) {
        const auto value = [&](std::string_view key) -> std::optional<std::string_view> {
            if (!field.starts_with(key)) return std::nullopt;
            return field.substr(key.size());
        };
        Wrong wrong;
        if (const auto scrypt = value("scrypt=")) {
            if (std::exchange(hashed, true)) return "has scrypt= twice; remove one";
            wrong = read_scrypt(*scrypt, account);
        } else if (const auto scram = value("scram-sha-256=")) {
            if (account.scram) return "has scram-sha-256= twice; remove one";
            wrong = read_scram(*scram, account);
        } else if (const auto from = value("from=")) {
            if (!account.from.empty()) return "has from= twice; join them with a comma";
            wrong = read_from(*from, account);
        } else {
            wrong = "has a field that is unknown; known are scrypt=, scram-sha-256= and from=";
        }
        if (wrong) return wrong;
    }
    if (!hashed) return fmt::format("has no scrypt=; {}", remedy);
    return std::nullopt;
}

// Where the account's line lies in the text: begin and length with the line end.
std::optional<std::pair<std::size_t, std::size_t>> place_of(std::string_view text, std::string_view name) {
    auto rest = text;
    while (!rest.empty()) {
        const auto begin = text.size() - rest.size();
        auto line = take_line(rest);
        if (take_word(line) == name) return std::pair(begin, text.size() - rest.size() - begin);
    }
    return std::nullopt;
}

std::string encoded(const sasl::Digest& digest) { return base64(sasl::bytes_of(digest)); }

}  // namespace

bool is_account_name(std::string_view name) {
    return sasl::is_name(name) && name.find(' ') == std::string_view::npos && name.front() != '#' &&
           name.front() != '@';
}

std::expected<Accounts, std::vector<Error>> Accounts::parse(std::string_view text, std::string_view file) {
    static std::atomic<std::uint64_t> generations = 0;
    Accounts made;
    std::vector<Error> errors;
    std::size_t at = 0;
    const auto report = [&](std::string_view name, std::string_view what) {
        const bool shown =
            name == seed_word ||
            (is_account_name(name) && name.find("=") == std::string_view::npos);  // no hash without a name
        errors.push_back(Error{fmt::format("{}:{}: {}: {}", file, at, shown ? name : "this line", what)});
    };
    while (!text.empty()) {
        ++at;
        auto line = take_line(text);
        const auto name = take_word(line);
        if (name.empty() || name.starts_with('#')) continue;
        if (name == seed_word) {
            const auto seed = decode_base64(take_word(line));
            if (!seed || seed->size() < salt_size)
                report(name, "is damaged; remove the line, the next `angarium user add` writes another");
            else
                made.seed_ = *seed;
            continue;
        }
        Account account;
        if (const auto wrong = read_account(name, line, account))
            report(name, *wrong);
        else
            made.accounts_.push_back(std::move(account));
    }
    auto& all = made.accounts_;
    std::sort(all.begin(), all.end(), [](const Account& a, const Account& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < all.size(); ++i)
        if (all[i].name == all[i - 1].name)
            errors.push_back(
                Error{fmt::format("{}: {}: is there twice; remove one of its lines", file, all[i].name)});
    if (!errors.empty()) return std::unexpected(std::move(errors));
    if (made.seed_.empty()) made.seed_ = sasl::random_bytes(seed_size);
    for (const auto& account : all)
        if (account.scram) made.iterations_.push_back(account.scram->iterations);
    made.generation_ = ++generations;
    return made;
}

const Account* Accounts::find(std::string_view name) const {
    const auto place =
        std::lower_bound(accounts_.begin(), accounts_.end(), name,
                         [](const Account& account, std::string_view n) { return account.name < n; });
    return place != accounts_.end() && place->name == name ? &*place : nullptr;
}

sasl::Digest Accounts::derived(std::string_view what, std::string_view name) const {
    return sasl::hmac_sha256(seed_, std::string(what).append(name));
}

// A name that does not exist must be no rarer a case than one that does: it takes after an account.
template <class T>
const T& Accounts::one_of(const std::vector<T>& all, std::string_view what, std::string_view name) const {
    const auto digest = derived(what, name);
    std::uint64_t lot;
    std::memcpy(&lot, digest.data(), sizeof lot);
    return all[lot % all.size()];
}

bool Accounts::check(std::string_view name, std::string_view password) const {
    static const PasswordHash nobody{{}, std::string(salt_size, '\0')};
    const auto* const account = find(name);
    const auto& hash = account != nullptr ? account->password : nobody;
    const auto digest = sasl::scrypt(password, hash.salt, cost_of(name));
    return sasl::equal_in_constant_time(sasl::bytes_of(digest), sasl::bytes_of(hash.digest)) &&
           account != nullptr;
}

sasl::ScryptCost Accounts::cost_of(std::string_view name) const {
    if (accounts_.empty()) return {};
    const auto& other = one_of(accounts_, "cost ", name);
    const auto* const account = find(name);
    return (account != nullptr ? *account : other).password.cost;
}

sasl::ScramVerifier Accounts::scram_verifier(std::string_view name) const {
    sasl::ScramVerifier none;
    none.salt = sasl::bytes_of(derived("salt ", name)).substr(0, salt_size);
    if (any_scram()) none.iterations = one_of(iterations_, "iterations ", name);
    none.stored_key = derived("stored ", name);
    none.server_key = derived("server ", name);
    const auto* const account = find(name);  // only now, so that both take the same time
    return account != nullptr && account->scram ? *account->scram : none;
}

std::string account_line(const NewAccount& account) {
    ANGARIUM_ASSERT(is_account_name(account.name) && sasl::is_password(account.password));
    const auto with = sasl::random_bytes(salt_size);
    auto line = fmt::format("{} scrypt={}:{}:{}:{}:{}", account.name, account.cost.log2_n, account.cost.r,
                            account.cost.p, base64(with),
                            encoded(sasl::scrypt(account.password, with, account.cost)));
    if (account.scram) {
        const auto scram = sasl::make_scram_verifier(account.password, sasl::random_bytes(salt_size),
                                                     sasl::default_iterations);
        line += fmt::format(" scram-sha-256={}:{}:{}:{}", scram.iterations, base64(scram.salt),
                            encoded(scram.stored_key), encoded(scram.server_key));
    }
    if (!account.from.empty()) line += fmt::format(" from={}", fmt::join(account.from, ","));
    return line;
}

Result<std::string> with_account(std::string_view text, std::string_view name, std::string_view line,
                                 bool replace) {
    std::string out(text);
    const auto place = place_of(text, name);
    if (place && !replace)
        return failure(
            fmt::format("{}: is there already; --replace gives it a new password and new bounds", name));
    if (place) {
        out.replace(place->first, place->second, std::string(line) + "\n");
    } else {
        if (!out.empty() && !out.ends_with('\n')) out += '\n';
        out.append(line) += '\n';
    }
    if (!place_of(text, seed_word))
        out.insert(0, fmt::format("{} {}\n", seed_word, base64(sasl::random_bytes(seed_size))));
    if (text.empty())
        out.insert(0, "# Accounts of angarium: written by `angarium user`, read at start and on HUP.\n");
    return out;
}

Result<std::string> without_account(std::string_view text, std::string_view name) {
    std::string out(text);
    const auto place = place_of(text, name);
    if (!place)
        return failure(fmt::format("{}: there is no such account; `angarium user list` shows all", name));
    out.erase(place->first, place->second);
    return out;
}

}  // namespace angarium::accounts

// Who may log in: names with their hashed passwords, and the senders that they may use. Read from text, immutable, looked at
// by any thread. The text's form, one account a line, fields apart by spaces:
//
//   # a comment
//   @seed BASE64                                  behind the false answers to SCRAM, so that they never change
//   jack@town.com scrypt=15:8:1:SALT:HASH scram-sha-256=16384:SALT:STORED:SERVER from=town.com,hill@well.org
//
//   scrypt           log2 N : r : p : salt : hash (RFC 7914)           needed
//   scram-sha-256    iterations : salt : StoredKey : ServerKey         without it the account cannot use SCRAM (RFC 7677)
//   from             the senders that it may use, as patterns          without it: any
//
// Binary values are in base64. Errors name file, line and remedy; they never quote a hash.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/sasl/crypto.hpp"
#include "engine/sasl/scram.hpp"
#include "engine/smtp/address_patterns.hpp"

namespace angarium::accounts {

struct PasswordHash {
    sasl::ScryptCost cost;
    std::string salt;
    sasl::Digest digest{};
};

struct Account {
    std::string name;
    PasswordHash password;
    std::optional<sasl::ScramVerifier> scram;
    std::vector<std::string> from;                         // as written
    std::shared_ptr<const smtp::AddressPatterns> senders;  // null: any
};

class Accounts {
  public:
    // `file` stands in the errors, of which all are found in one go.
    static std::expected<Accounts, std::vector<Error>> parse(std::string_view text, std::string_view file);

    const std::vector<Account>& all() const { return accounts_; }  // by name
    const Account* find(std::string_view name) const;
    // Some account may use SCRAM.
    bool any_scram() const { return !iterations_.empty(); }
    // Another number for every set that was ever parsed by this process.
    std::uint64_t generation() const { return generation_; }

    // Hashes the password: some 50 ms, for a name that does not exist as for any other.
    bool check(std::string_view name, std::string_view password) const;
    // What that hash takes: the account's cost, or some account's, the same for that name while the file is.
    sasl::ScryptCost cost_of(std::string_view name) const;
    // The account's, or one that nobody can satisfy, always the same for that name, with some account's iterations.
    sasl::ScramVerifier scram_verifier(std::string_view name) const;

  private:
    sasl::Digest derived(std::string_view what, std::string_view name) const;
    template <class T>
    const T& one_of(const std::vector<T>& all, std::string_view what, std::string_view name) const;

    std::vector<Account> accounts_;
    std::vector<std::uint32_t> iterations_;  // of all SCRAM verifiers
    std::string seed_;
    std::uint64_t generation_ = 0;
};

// A name for an account: as sasl::is_name, without spaces, and not like a comment or a directive.
bool is_account_name(std::string_view name);

struct NewAccount {
    std::string name, password;
    sasl::ScryptCost cost;
    bool scram = true;
    std::vector<std::string> from;
};
// Its line, without the line end. The name and the password must be such, the patterns good.
std::string account_line(const NewAccount& account);

// The text with a line for `name`: in the place of the one that is there (only with `replace`), or at the end. A text without
// a seed gets one.
Result<std::string> with_account(std::string_view text, std::string_view name, std::string_view line,
                                 bool replace);
Result<std::string> without_account(std::string_view text, std::string_view name);

}  // namespace angarium::accounts

// The file of accounts on disk: read whole, written anew and renamed into place, so that a reader finds either the old
// accounts or the new ones. Blocks: never on a shard. Errors name the file and the remedy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/accounts/account.hpp"

namespace angarium::accounts {

// Refuses what everybody may read or write.
std::expected<std::shared_ptr<const Accounts>, std::vector<Error>> load_accounts(const std::string& file);

// Changes the file's text while no other `edit` does. A file that is not there counts as empty text, and is made (mode 0600)
// if `create`. `change` returns the new text, or the error that leaves all as it was. Owner and mode stay, except for
// what everybody may.
Result<void> edit_accounts(const std::string& file, bool create,
                           const std::function<Result<std::string>(std::string_view text)>& change);

}  // namespace angarium::accounts

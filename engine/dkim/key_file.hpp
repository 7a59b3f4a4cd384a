// Key files: read only where nobody else can read them, written so that nobody else ever could. Blocking; any thread but a
// shard's. Errors name the file and the remedy.
#pragma once

#include <string>

#include "engine/base/result.hpp"

namespace angarium::dkim {

// The text of a private key's file. Refused when every user of the system may read or write it.
Result<std::string> read_key_file(const std::string& path);

// Writes it with mode 0600, whole or not at all. An existing file is only replaced with `force`.
Result<void> write_key_file(const std::string& path, const std::string& text, bool force);

}  // namespace angarium::dkim

// `angarium dkim keygen` and `angarium dkim check`: a key with its DNS record, and whether the records belong to the keys.
// Results go to standard output; the return value is the exit code.
#pragma once

#include <string>

namespace angarium::app {

struct DkimKeygenOptions {
    std::string domain, selector, type = "rsa-2048", out;
    bool force = false;
};
// Writes the key's file (mode 0600) and prints the record.
int dkim_keygen_command(const DkimKeygenOptions& options);

// Looks up the record of every key of the configuration (of `domain` only, if given). 0: all are ok; 1: one is not; 75: a lookup
// failed, the rest is ok.
int dkim_check_command(const std::string& config_file, const std::string& domain, bool json);

}  // namespace angarium::app

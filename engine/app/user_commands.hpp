// `angarium user`: makes, removes and lists the accounts of a listener's `auth` file. A password comes from standard input,
// or is asked for at a terminal without echo; never from the command line, which other users can read. The return value is
// the exit code.
#pragma once

#include <string>
#include <vector>

namespace angarium::app {

struct UserAddOptions {
    std::string file, name;
    bool replace = false;           // an account that is there already
    bool scram = true;              // may log in with SCRAM-SHA-256 too
    std::vector<std::string> from;  // the senders that it may use; empty: any
    unsigned cost = 15;             // log2 of scrypt's N
};

int user_add_command(const UserAddOptions& options);
int user_remove_command(const std::string& file, const std::string& name);
int user_list_command(const std::string& file, bool json);

}  // namespace angarium::app

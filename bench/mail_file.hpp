// A message of somebody's own, read from a file and made fit for SMTP (RFC 5321 section 2.3.8, section 4.5): every line
// ends in CRLF. Fields that begin with "X-Angarium-" are left out, since they would be taken for ours. Read once, before
// a run; immutable then.
//
// Errors name file, line and remedy: not readable, empty, no header, a line over 998 octets, NUL, a CR inside a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"

namespace angarium::bench {

struct MailFile {
    std::string plain;        // header, empty line, body
    std::size_t body_at = 0;  // where in it the body begins; its end when there is none
    bool eight_bit = false;   // has octets over 127

    static Result<MailFile> read(const std::string& path);
    // `text` is what the file `path` holds.
    static Result<MailFile> parse(std::string_view text, const std::string& path);
};

// The files that `path` stands for: itself, or all *.eml of a folder in the order of their names.
Result<std::vector<std::string>> mail_files_at(const std::string& path);

}  // namespace angarium::bench

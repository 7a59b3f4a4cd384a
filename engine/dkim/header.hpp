// A message's header section: its fields, and its author. Pure; views point into the text. Errors: nothing is
// returned for what is not well-formed enough to be signed: two readers could see two things in it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::dkim {

struct Field {
    std::string_view name;  // as written
    std::string_view text;  // the whole field with its folds, without its last CRLF
};

// The fields in their order. `section`: lines that end in CRLF (the last may lack it), without the empty line behind
// them. Nothing when a line neither begins with a name and a colon (RFC 5322 section 2.2) nor continues the one above.
std::optional<std::vector<Field>> split_fields(std::string_view section);

struct Author {
    std::string domain;                  // as A-labels, in lower case
    std::vector<std::string> addresses;  // as they stand there, without comments and white space
};

// Who wrote it. The domain is the one by which a message is judged (RFC 7489 section 3.1, "RFC5322.From").
// Nothing unless there is exactly one From field, whose mailboxes (RFC 5322 section 3.6.2, groups of RFC 6854) all have the same domain.
std::optional<Author> author_of(std::span<const Field> fields);

}  // namespace angarium::dkim

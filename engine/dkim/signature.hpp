// One signature: what it covers, the DKIM-Signature field (RFC 6376 section 3.5), and the bytes that are signed (section 3.7).
// Pure values and functions, any thread.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/dkim/canonical.hpp"
#include "engine/dkim/crypto.hpp"
#include "engine/dkim/header.hpp"

namespace angarium::dkim {

// Field names in lower case. The default of what is signed where it occurs: what RFC 6376 section 5.4.1 recommends, and what says
// how the body is read and who may unsubscribe (RFC 8058 section 4).
std::vector<std::string> default_headers();
// The default of what is named once more than it occurs, so that nobody can add another on the way (section 8.15).
std::vector<std::string> default_oversign();

// How one [[dkim]] entry signs; the same for all its domains.
struct Form {
    std::string selector;
    CanonicalPair canonical;
    std::vector<std::string> headers = default_headers();    // lower case
    std::vector<std::string> oversign = default_oversign();  // lower case
    std::chrono::seconds expire{0};                          // x= so long behind t=; 0: no x=
};

// The names of h= for this message: each of `headers` as often as it occurs, each of `oversign` once more; From always.
std::vector<std::string_view> names_to_sign(const Form& form, std::span<const Field> fields);

// The field with an empty b=, folded, without its last CRLF. Lines stay below 78 octets where their words do.
std::string compose(const Form& form, Algorithm algorithm, std::string_view domain,
                    std::span<const std::string_view> names, const Digest& body, std::chrono::sys_seconds at);

// The digest that is signed: the named fields, from the bottom up where a name occurs again (section 5.4.2), then `signature`, the
// field itself with an empty b=.
Digest header_digest(const Library& library, std::span<const Field> fields,
                     std::span<const std::string_view> names, std::string_view signature, Canonical how);

// Writes the value of b= behind the composed field, folded, and ends the field.
void complete(std::string& field, std::string_view signature);

}  // namespace angarium::dkim

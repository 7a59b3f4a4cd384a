// The public key in DNS (RFC 6376 section 3.6.1): the TXT record that belongs to a private key, and whether one that was found
// does. Pure. Errors: what is wrong with a record is its verdict.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/dkim/crypto.hpp"

namespace angarium::dkim {

// "selector._domainkey.example.net".
std::string record_name(std::string_view selector, std::string_view domain);
// "v=DKIM1; k=rsa; p=...".
std::string record_text(const PrivateKey& key);
// A line for a zone file: the text in strings of at most 255 octets (RFC 6376 section 3.6.2.2).
std::string zone_line(std::string_view selector, std::string_view domain, const PrivateKey& key);

enum class RecordVerdict : std::uint8_t { ok, missing, different, revoked };
std::string_view to_string(RecordVerdict verdict);

struct RecordFinding {
    RecordVerdict verdict = RecordVerdict::missing;
    std::string detail;  // for people; may be empty when it is ok
};

// `texts`: the TXT records of the name, each with its strings joined.
RecordFinding compare(const PrivateKey& key, const std::vector<std::string>& texts);

}  // namespace angarium::dkim

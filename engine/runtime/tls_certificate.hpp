// What a certificate says: its fingerprint and its names. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.hpp"

struct x509_st;

namespace angarium::runtime {

// Names that hold blanks, controls or a zero byte are left out.
struct TlsCertificate {
    std::string fingerprint;         // SHA-256 of the whole certificate, 64 lower-case hex digits
    std::vector<std::string> names;  // DNS and e-mail alternative names, then the common name; in lower case
};

TlsCertificate describe_certificate(x509_st* certificate);

// The DNS names that it is for; its common name where it has no alternative names (RFC 6125 section 6.4.4). In lower case.
std::vector<std::string> host_names(x509_st* certificate);

// It is not valid any more.
bool has_ended(const x509_st* certificate, WallTime now);

// Until when the first certificate of a PEM text is valid; nothing: there is none.
std::optional<WallTime> end_of_certificate(const std::string& pem);

}  // namespace angarium::runtime

// A TLS identity: a certificate with the chain above it, and its private key, as PEM texts. Read or made once, then handed
// by value to every shard's context. Any thread; reading blocks.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.hpp"

namespace angarium::runtime {

struct TlsIdentity {
    std::string chain;       // PEM: the certificate, then those that lead to a root
    std::string key;         // PEM: its private key, not encrypted
    std::string chain_name;  // where they are from, for errors
    std::string key_name;
};

// Errors name the file and the remedy; a key that other users may read is refused. What the files hold is judged when a context is made of them.
Result<TlsIdentity> read_identity(const std::string& certificate_file, const std::string& key_file);

// The certificates of authorities, PEM.
Result<std::string> read_authorities(const std::string& file);

// A key (ECDSA, P-256) and a certificate that it signs itself, for these host names or addresses (at least one), valid for
// thirty days. For measuring and for tests: nobody has a reason to trust it.
Result<TlsIdentity> make_identity(const std::vector<std::string>& names);

}  // namespace angarium::runtime

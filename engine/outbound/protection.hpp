// Protection: what mail demands of the connection that carries it (TLS, certificates, login), and what a session needs to
// meet the demand. Connections are exchangeable only under the same protection: its number belongs to the key under which
// they are reused, and to the site's name where it is not the usual one. Values only; any thread.
//
//   none           plain text, STARTTLS or not
//   opportunistic  TLS where it is offered and works, with any certificate; else plain text, and the host is remembered
//   required       TLS with any certificate, else the mail waits
//   verified       TLS, and a certificate that leads to one of our authorities and is for the right name, else it waits
//
// Without DNSSEC `verified` believes DNS about who the exchangers are: what it then verifies is their names. `names`
// says what the certificate must be for instead, whatever DNS says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/runtime/tls_context.hpp"
#include "engine/runtime/tls_stream.hpp"
#include "engine/runtime/workers.hpp"
#include "engine/sasl/client.hpp"

namespace angarium::outbound {

enum class TlsPolicy : std::uint8_t { none, opportunistic, required, verified };
std::string_view to_string(TlsPolicy);

struct Protection {
    TlsPolicy policy = TlsPolicy::none;
    bool implicit = false;              // TLS from the first byte on (RFC 8314), rather than by STARTTLS
    std::vector<std::string> names;     // verified: instead of the host's; ".example.net": anything below it
    std::string authorities;            // file of those who sign certificates, PEM; empty: nobody is trusted
    bool authorities_optional = false;  // the file need not be there: then nothing can be verified
    std::string certificate, key;       // files of our own certificate; empty: none
    std::string user, password_file;    // whom we log in as (AUTH, RFC 4954); empty: nobody
    bool auth_without_tls = false;      // also where the password can be read on its way
    friend bool operator==(const Protection&, const Protection&) = default;
};

// By its place in Options::protections; the first is the usual one.
using ProtectionId = std::uint16_t;

// What distinguishes the name of a site under protection `id` from its usual name: nothing for the first, else
// "/verified", or "/verified-3" where others before it have the same policy.
std::string site_suffix(const std::vector<Protection>& all, ProtectionId id);

// Whom a shard's sessions log in as, and what makes the next SCRAM login cheap.
struct Login {
    sasl::Credentials credentials;
    std::shared_ptr<const sasl::ScramKeys> keys = nullptr;
};

// What was read for a protection: contexts and secrets. A reload makes new ones; sessions keep what they began with.
struct Material {
    std::shared_ptr<runtime::TlsContext> tls = nullptr;  // null: no TLS
    std::shared_ptr<Login> login = nullptr;              // null: none
};
// One shard's, by ProtectionId.
using Materials = std::vector<Material>;

// Reads the files and makes the contexts, one for each distinct set of authorities, certificate and leniency (opportunistic TLS
// takes weak keys: better than plain text): for one shard, since contexts are not shared. Blocks; any thread. Errors name file and remedy.
Result<Materials> make_materials(const std::vector<Protection>& protections);

// What one session has to do before it carries mail.
struct Security {
    TlsPolicy policy = TlsPolicy::none;
    bool implicit = false;
    std::shared_ptr<runtime::TlsContext> tls;  // null: plain text
    runtime::TlsPeer peer;
    std::string host;              // for words
    std::shared_ptr<Login> login;  // null: none
    bool auth_without_tls = false;
    runtime::Workers* workers = nullptr;  // hash passwords; null: the shard does
};

}  // namespace angarium::outbound

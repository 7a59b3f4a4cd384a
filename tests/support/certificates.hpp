// Certificates for tests, made on the spot: an authority of their own, and what it or nobody has signed. Owning thread:
// the test's.
#pragma once

#include <memory>
#include <string>

#include "engine/runtime/tls_identity.hpp"

namespace angarium::support {

struct CertificateForm {
    std::string name = "mx.example.test";
    bool rsa = false;      // else ECDSA, P-256
    bool expired = false;  // yesterday
};

class Authority {
  public:
    explicit Authority(const std::string& name = "Test Authority");
    ~Authority();
    // Signed by this authority.
    runtime::TlsIdentity issue(const CertificateForm& form = {}) const;
    // Its own certificate, PEM.
    std::string certificate() const;

  private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

// The one that a test program's clients trust; made once.
const Authority& authority();

// The identity's key behind a passphrase.
std::string encrypted_key(const runtime::TlsIdentity& identity);

}  // namespace angarium::support

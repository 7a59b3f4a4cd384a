// A TlsIdentity as OpenSSL's objects: certificate, chain and key, checked to belong together. For contexts. Any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/runtime/tls_identity.hpp"

struct ossl_lib_ctx_st;
struct ssl_ctx_st;

namespace angarium::runtime {

class TlsPair {
  public:
    // Errors name the file and the remedy.
    static Result<TlsPair> parse(const TlsIdentity& identity, ossl_lib_ctx_st* library);
    ~TlsPair();
    TlsPair(TlsPair&&) noexcept;
    TlsPair& operator=(TlsPair&&) noexcept;

    // The context shows it to peers that can use its kind of key; one of each kind.
    Result<void> install(ssl_ctx_st* context) const;
    int kind() const;  // of its key, OpenSSL's EVP_PKEY_...
    // The DNS names that it is for, in lower case; "*.example.net" is one.
    const std::vector<std::string>& names() const;
    const std::string& file() const;

  private:
    struct Inside;
    explicit TlsPair(std::unique_ptr<Inside> inside);
    std::unique_ptr<Inside> inside_;
};

}  // namespace angarium::runtime

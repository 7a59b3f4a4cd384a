// What signing needs of OpenSSL 3.0: SHA-256 and private keys. crypto.cpp is the only file that knows OpenSSL here.
//
// OpenSSL takes a lock at every algorithm that it looks up, and another at every use of a key that threads share. So each
// shard has a Library of its own (a library context with what is needed looked up once) and keys parsed for it.
// Threads: making a Library or a key is allowed anywhere; sign() on any thread, several at once; the rest on one at a time.
// Errors: Result names the key's file and the remedy; a signature that cannot be made is nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.hpp"

struct evp_md_ctx_st;
struct evp_md_st;
struct evp_pkey_ctx_st;
struct evp_pkey_st;
struct ossl_lib_ctx_st;

namespace angarium::dkim {

// RFC 6376 section 3.3 and RFC 8463 section 3.
enum class Algorithm : std::uint8_t { rsa_sha256, ed25519_sha256 };
std::string_view to_string(Algorithm algorithm);    // as in a=: "rsa-sha256"
std::string_view key_type_of(Algorithm algorithm);  // as in k=: "rsa"

using Digest = std::array<unsigned char, 32>;
inline std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// OpenSSL keeps things for each thread that has worked with a library context, and looks for them in it when that thread ends. So a
// Library outlives all such threads, or is used by one thread only.
class Library {
  public:
    Library();
    ~Library();
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    ossl_lib_ctx_st* native() const { return native_; }
    const evp_md_st* sha256() const { return sha256_; }

  private:
    ossl_lib_ctx_st* native_;
    evp_md_st* sha256_;
};

class Sha256 {
  public:
    explicit Sha256(const Library& library);
    ~Sha256();
    Sha256(Sha256&& other) noexcept;
    Sha256& operator=(Sha256&&) = delete;
    void update(std::string_view bytes);
    Digest finish();

  private:
    evp_md_ctx_st* native_;
};

inline constexpr unsigned least_rsa_bits = 1024;  // RFC 8301 section 3.2: verifiers refuse less
inline constexpr unsigned good_rsa_bits = 2048;   // and signers should use at least this

class PrivateKey {
  public:
    // From PEM text without a passphrase: RSA of at least `least_rsa_bits`, or Ed25519. `name`: where it is from.
    static Result<PrivateKey> parse(const Library& library, const std::string& pem, const std::string& name);
    // A new one; `rsa_bits` only for RSA.
    static Result<PrivateKey> generate(const Library& library, Algorithm algorithm, int rsa_bits);
    ~PrivateKey();
    PrivateKey(PrivateKey&& other) noexcept;
    PrivateKey& operator=(PrivateKey&&) = delete;

    Algorithm algorithm() const { return algorithm_; }
    unsigned bits() const;
    // PKCS #8 in PEM form: a secret.
    std::string pem() const;
    // The public key as p= holds it before base64: SubjectPublicKeyInfo of RSA, the 32 octets of Ed25519 (RFC 8463 section 4).
    std::string public_key() const;
    // RSA as the text of RFC 6376 has it, RSAPublicKey without its algorithm; few publish that. Empty for Ed25519.
    std::string bare_public_key() const;
    // Of a SHA-256 digest: PKCS #1 v1.5 with RSA, PureEdDSA over the digest with Ed25519 (RFC 8463 section 3).
    std::optional<std::string> sign(const Digest& digest) const;

  private:
    PrivateKey(evp_pkey_st* native, Algorithm algorithm) : native_(native), algorithm_(algorithm) {}
    Result<void> prepare(const Library& library, const std::string& name);

    evp_pkey_st* native_;
    Algorithm algorithm_;
    // Ready to sign; every signature takes a copy, which looks nothing up.
    evp_pkey_ctx_st* rsa_ = nullptr;
    evp_md_ctx_st* ed25519_ = nullptr;
};

}  // namespace angarium::dkim

#include "engine/dkim/crypto.hpp"

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "engine/base/assert.hpp"
#include "engine/base/free.hpp"

namespace angarium::dkim {
namespace {

using Text = std::unique_ptr<BIO, Free<BIO_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

std::string take_error() {
    const auto code = ERR_peek_error();  // the first one is the cause
    ERR_clear_error();
    const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    return reason != nullptr ? reason : "no reason given";
}

// Instead of asking at the terminal.
int note_encrypted(char*, int, int, void* encrypted) {
    *static_cast<bool*>(encrypted) = true;
    return -1;
}

template <class Encode>
std::string der_of(const EVP_PKEY* key, Encode encode) {
    unsigned char* bytes = nullptr;
    const int size = encode(key, &bytes);
    ANGARIUM_ASSERT(size > 0);
    std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return out;
}

}  // namespace

std::string_view to_string(Algorithm algorithm) {
    return algorithm == Algorithm::rsa_sha256 ? "rsa-sha256" : "ed25519-sha256";
}
std::string_view key_type_of(Algorithm algorithm) {
    return algorithm == Algorithm::rsa_sha256 ? "rsa" : "ed25519";
}

Library::Library() : native_(OSSL_LIB_CTX_new()) {
    ANGARIUM_ASSERT(native_ != nullptr);
    sha256_ = EVP_MD_fetch(native_, "SHA256", nullptr);
    ANGARIUM_ASSERT(sha256_ != nullptr);
}

Library::~Library() {
    EVP_MD_free(sha256_);
    OSSL_LIB_CTX_free(native_);
}

Sha256::Sha256(const Library& library) : native_(EVP_MD_CTX_new()) {
    ANGARIUM_ASSERT(native_ != nullptr && EVP_DigestInit_ex2(native_, library.sha256(), nullptr) == 1);
}
Sha256::~Sha256() { EVP_MD_CTX_free(native_); }
Sha256::Sha256(Sha256&& other) noexcept : native_(std::exchange(other.native_, nullptr)) {}

void Sha256::update(std::string_view bytes) { EVP_DigestUpdate(native_, bytes.data(), bytes.size()); }

Digest Sha256::finish() {
    Digest digest;
    unsigned size = 0;
    const bool done = EVP_DigestFinal_ex(native_, digest.data(), &size) == 1 && size == digest.size();
    ANGARIUM_ASSERT(done);
    return digest;
}

Result<PrivateKey> PrivateKey::parse(const Library& library, const std::string& pem,
                                     const std::string& name) {
    ERR_clear_error();
    const Text text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    bool encrypted = false;
    EVP_PKEY* const native = PEM_read_bio_PrivateKey_ex(text.get(), nullptr, note_encrypted, &encrypted,
                                                        library.native(), nullptr);
    if (encrypted) {
        ERR_clear_error();
        return failure(fmt::format(
            "the key in {} is encrypted, and nobody is there to type its passphrase; store it without one, "
            "readable by this user only (openssl pkey -in FILE -out FILE)",
            name));
    }
    if (native == nullptr)
        return failure(
            fmt::format("{} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----): {}; "
                        "`angarium dkim keygen` makes one",
                        name, take_error()));
    const bool rsa = EVP_PKEY_is_a(native, "RSA") == 1, ed25519 = EVP_PKEY_is_a(native, "ED25519") == 1;
    PrivateKey key(native, rsa ? Algorithm::rsa_sha256 : Algorithm::ed25519_sha256);
    if (!rsa && !ed25519)
        return failure(fmt::format("the key in {} is of the kind {}; DKIM knows RSA and Ed25519", name,
                                   EVP_PKEY_get0_type_name(native)));
    if (rsa && key.bits() < least_rsa_bits)
        return failure(
            fmt::format("the RSA key in {} has {} bits, and receivers refuse less than {}; make one of {} "
                        "(`angarium dkim keygen`)",
                        name, key.bits(), least_rsa_bits, good_rsa_bits));
    if (auto prepared = key.prepare(library, name); !prepared) return std::unexpected(prepared.error());
    return key;
}

Result<PrivateKey> PrivateKey::generate(const Library& library, Algorithm algorithm, int rsa_bits) {
    ERR_clear_error();
    EVP_PKEY* const native =
        algorithm == Algorithm::rsa_sha256
            ? EVP_PKEY_Q_keygen(library.native(), nullptr, "RSA", static_cast<std::size_t>(rsa_bits))
            : EVP_PKEY_Q_keygen(library.native(), nullptr, "ED25519");
    if (native == nullptr) return failure(fmt::format("cannot make a key: {}", take_error()));
    PrivateKey key(native, algorithm);
    if (auto prepared = key.prepare(library, "the new key"); !prepared)
        return std::unexpected(prepared.error());
    return key;
}

Result<void> PrivateKey::prepare(const Library& library, const std::string& name) {
    bool ready = false;
    if (algorithm_ == Algorithm::rsa_sha256) {
        rsa_ = EVP_PKEY_CTX_new_from_pkey(library.native(), native_, nullptr);
        ready = rsa_ != nullptr && EVP_PKEY_sign_init(rsa_) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(rsa_, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(rsa_, library.sha256()) == 1;
    } else {
        ed25519_ = EVP_MD_CTX_new();
        ready = ed25519_ != nullptr && EVP_DigestSignInit_ex(ed25519_, nullptr, nullptr, library.native(),
                                                             nullptr, native_, nullptr) == 1;
    }
    if (!ready) return failure(fmt::format("OpenSSL cannot sign with the key in {}: {}", name, take_error()));
    return {};
}

PrivateKey::~PrivateKey() {
    EVP_MD_CTX_free(ed25519_);
    EVP_PKEY_CTX_free(rsa_);
    EVP_PKEY_free(native_);
}

PrivateKey::PrivateKey(PrivateKey&& other) noexcept
    : native_(std::exchange(other.native_, nullptr)),
      algorithm_(other.algorithm_),
      rsa_(std::exchange(other.rsa_, nullptr)),
      ed25519_(std::exchange(other.ed25519_, nullptr)) {}

unsigned PrivateKey::bits() const { return static_cast<unsigned>(EVP_PKEY_get_bits(native_)); }

std::string PrivateKey::pem() const {
    const Text text(BIO_new(BIO_s_secmem()));
    const bool written =
        PEM_write_bio_PKCS8PrivateKey(text.get(), native_, nullptr, nullptr, 0, nullptr, nullptr) == 1;
    ANGARIUM_ASSERT(written);
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(text.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string PrivateKey::public_key() const {
    if (algorithm_ == Algorithm::rsa_sha256) return der_of(native_, i2d_PUBKEY);
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    const bool got =
        EVP_PKEY_get_raw_public_key(native_, reinterpret_cast<unsigned char*>(raw.data()), &size) == 1;
    ANGARIUM_ASSERT(got && size == raw.size());
    return raw;
}

std::string PrivateKey::bare_public_key() const {
    return algorithm_ == Algorithm::rsa_sha256 ? der_of(native_, i2d_PublicKey) : std::string();
}

std::optional<std::string> PrivateKey::sign(const Digest& digest) const {
    std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(native_)), '\0');
    auto* const out = reinterpret_cast<unsigned char*>(signature.data());
    std::size_t size = signature.size();
    bool made = false;
    if (rsa_ != nullptr) {
        const KeyContext context(EVP_PKEY_CTX_dup(rsa_));
        made = context && EVP_PKEY_sign(context.get(), out, &size, digest.data(), digest.size()) == 1;
    } else {
        const DigestContext context(EVP_MD_CTX_new());
        made = context && EVP_MD_CTX_copy_ex(context.get(), ed25519_) == 1 &&
               EVP_DigestSign(context.get(), out, &size, digest.data(), digest.size()) == 1;
    }
    if (!made) {
        ERR_clear_error();
        return std::nullopt;
    }
    signature.resize(size);
    return signature;
}

}  // namespace angarium::dkim

#include "engine/sasl/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "engine/base/assert.hpp"
#include "engine/base/free.hpp"

namespace angarium::sasl {
namespace {

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// Fetched once: OpenSSL 3.0 takes locks whenever an algorithm is looked up by name.
const EVP_MD* sha256_method() {
    static EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    ANGARIUM_ASSERT(method != nullptr);
    return method;
}

// A thread's HMAC, which knows its digest and needs but a key.
EVP_MAC_CTX* keyed(std::string_view key) {
    static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    thread_local const std::unique_ptr<EVP_MAC_CTX, Free<EVP_MAC_CTX_free>> context(EVP_MAC_CTX_new(method));
    thread_local bool prepared = false;
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                     OSSL_PARAM_construct_end()};
    // A null key would mean the one before.
    static constexpr unsigned char no_key = 0;
    const auto* const from = key.empty() ? &no_key : octets(key);
    ANGARIUM_ASSERT(context != nullptr);
    ANGARIUM_ASSERT(EVP_MAC_init(context.get(), from, key.size(), prepared ? nullptr : parameters) == 1);
    prepared = true;
    return context.get();
}

}  // namespace

Digest sha256(std::string_view text) {
    Digest out;
    ANGARIUM_ASSERT(EVP_Digest(text.data(), text.size(), out.data(), nullptr, sha256_method(), nullptr) == 1);
    return out;
}

Digest hmac_sha256(std::string_view key, std::string_view text) {
    Digest out;
    auto* const context = keyed(key);
    std::size_t size = 0;
    ANGARIUM_ASSERT(EVP_MAC_update(context, octets(text), text.size()) == 1);
    ANGARIUM_ASSERT(EVP_MAC_final(context, out.data(), &size, out.size()) == 1 && size == out.size());
    return out;
}

Digest pbkdf2_sha256(std::string_view password, std::string_view salt, std::uint32_t iterations) {
    Digest out;
    const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets(salt),
                                       static_cast<int>(salt.size()), static_cast<int>(iterations),
                                       sha256_method(), static_cast<int>(out.size()), out.data());
    ANGARIUM_ASSERT(done == 1);
    return out;
}

bool is_possible(const ScryptCost& cost) {
    return cost.log2_n >= 1 && cost.log2_n <= 24 && cost.r >= 1 && cost.r <= 64 && cost.p >= 1 &&
           cost.p <= 64 && cost.memory() <= max_scrypt_memory;
}

Digest scrypt(std::string_view password, std::string_view salt, const ScryptCost& cost) {
    ANGARIUM_ASSERT(is_possible(cost));
    Digest out;
    constexpr std::uint64_t beside = 4 << 20;  // what OpenSSL counts besides the large table
    const int done = EVP_PBE_scrypt(password.data(), password.size(), octets(salt), salt.size(),
                                    std::uint64_t{1} << cost.log2_n, cost.r, cost.p,
                                    max_scrypt_memory + beside, out.data(), out.size());
    ANGARIUM_ASSERT(done == 1);
    return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    ANGARIUM_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
    return out;
}

void wipe(std::string& secret) {
    secret.resize(secret.capacity());  // a longer one may have been there before
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

}  // namespace angarium::sasl

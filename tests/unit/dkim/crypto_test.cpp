#include "engine/dkim/crypto.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/unit/dkim/samples.hpp"

namespace angarium::dkim {
namespace {

Digest digest_of(const Library& library, std::string_view text) {
    Sha256 hash(library);
    hash.update(text);
    return hash.finish();
}

TEST(Crypto, Sha256) {
    const Library library;
    EXPECT_EQ(base64(bytes_of(digest_of(library, ""))), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    EXPECT_EQ(base64(bytes_of(digest_of(library, "\r\n"))), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
    Sha256 hash(library);
    hash.update("a");
    hash.update("bc");
    EXPECT_EQ(hash.finish(), digest_of(library, "abc"));
}

TEST(Crypto, Keys) {
    const Library library;
    const auto rsa = PrivateKey::parse(library, samples::rsa_pem, "rsa.pem");
    ASSERT_TRUE(rsa) << rsa.error().text;
    EXPECT_EQ(rsa->algorithm(), Algorithm::rsa_sha256);
    EXPECT_EQ(rsa->bits(), 1024u);
    EXPECT_EQ(base64(rsa->public_key()), samples::rsa_public);
    const auto ed25519 = PrivateKey::parse(library, samples::ed25519_pem(), "ed.pem");
    ASSERT_TRUE(ed25519) << ed25519.error().text;
    EXPECT_EQ(ed25519->algorithm(), Algorithm::ed25519_sha256);
    EXPECT_EQ(base64(ed25519->public_key()), samples::ed25519_public);
}

TEST(Crypto, MadeKeysSign) {
    const Library library;
    const auto digest = digest_of(library, "text");
    for (const auto algorithm : {Algorithm::rsa_sha256, Algorithm::ed25519_sha256}) {
        const auto key = PrivateKey::generate(library, algorithm, 2048);
        ASSERT_TRUE(key);
        const auto signature = key->sign(digest);
        ASSERT_TRUE(signature);
        EXPECT_TRUE(samples::verifies(key->pem(), digest, *signature));
        EXPECT_FALSE(samples::verifies(key->pem(), digest_of(library, "other"), *signature));
        const auto again = PrivateKey::parse(library, key->pem(), "again");
        ASSERT_TRUE(again);
        EXPECT_EQ(again->public_key(), key->public_key());
    }
}

TEST(Crypto, OneKeyOnSeveralThreads) {
    const Library library;
    const auto digest = digest_of(library, "text");
    for (const auto& pem : {samples::rsa_pem, samples::ed25519_pem()}) {
        const auto key = PrivateKey::parse(library, pem, "key");
        const auto expected = key->sign(digest);
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (int n = 0; n < 50; ++n) EXPECT_EQ(key->sign(digest), expected);
            });
        for (auto& thread : threads) thread.join();
    }
}

TEST(Crypto, WhatIsNoKeyIsNamed) {
    const Library library;
    const auto error = [&](const std::string& pem) {
        const auto key = PrivateKey::parse(library, pem, "key.pem");
        return key ? "none" : key.error().text;
    };
    EXPECT_TRUE(error("").starts_with("key.pem holds no private key in PEM form")) << error("");
    EXPECT_TRUE(error("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
                    .starts_with("key.pem holds no"));
    EVP_PKEY* const small = EVP_RSA_gen(768);
    EVP_PKEY* const curve = EVP_EC_gen("P-256");
    const auto pem_of = [](EVP_PKEY* key, const EVP_CIPHER* cipher) {
        BIO* const text = BIO_new(BIO_s_mem());
        PEM_write_bio_PrivateKey(text, key, cipher, nullptr, 0, nullptr, const_cast<char*>("secret"));
        char* bytes = nullptr;
        const auto size = BIO_get_mem_data(text, &bytes);
        std::string out(bytes, static_cast<std::size_t>(size));
        BIO_free(text);
        return out;
    };
    EXPECT_TRUE(error(pem_of(small, nullptr)).starts_with("the RSA key in key.pem has 768 bits"))
        << error(pem_of(small, nullptr));
    EXPECT_TRUE(error(pem_of(curve, nullptr)).starts_with("the key in key.pem is of the kind EC"));
    EXPECT_TRUE(error(pem_of(curve, EVP_aes_128_cbc())).starts_with("the key in key.pem is encrypted"));
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
}

}  // namespace
}  // namespace angarium::dkim

#include "engine/sasl/crypto.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace angarium::sasl {
namespace {

std::string hex(const Digest& digest) {
    std::string out;
    for (const auto octet : digest) {
        out += "0123456789abcdef"[octet >> 4];
        out += "0123456789abcdef"[octet & 15];
    }
    return out;
}

TEST(Crypto, Sha256) {  // FIPS 180-2
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Crypto, Hmac) {  // RFC 4231; keys change from call to call, and the empty one is a key too
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        EXPECT_EQ(hex(hmac_sha256("", "")),
                  "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
        EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                                  "Test Using Larger Than Block-Size Key - Hash Key First")),
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
    std::thread([] {
        EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }).join();
}

TEST(Crypto, Pbkdf2) {  // RFC 7914 section 11
    EXPECT_EQ(hex(pbkdf2_sha256("passwd", "salt", 1)),
              "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
}

TEST(Crypto, Scrypt) {  // RFC 7914 section 12, the first half of each
    EXPECT_EQ(hex(scrypt("", "", {4, 1, 1})),
              "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
    EXPECT_EQ(hex(scrypt("password", "NaCl", {10, 8, 16})),
              "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
    EXPECT_EQ(hex(scrypt("pleaseletmein", "SodiumChloride", {14, 8, 1})),
              "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

TEST(Crypto, ScryptKnowsWhatItCannotDo) {
    EXPECT_TRUE(is_possible({}));
    EXPECT_TRUE(is_possible({18, 8, 1}));
    for (const ScryptCost cost :
         {ScryptCost{0, 8, 1}, {25, 1, 1}, {10, 0, 1}, {10, 65, 1}, {10, 8, 0}, {10, 8, 65}, {19, 8, 1}})
        EXPECT_FALSE(is_possible(cost)) << cost.log2_n << " " << cost.r << " " << cost.p;
    scrypt("p", "s", {18, 8, 1});  // the largest
}

TEST(Crypto, Compares) {
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abcd"));
    EXPECT_TRUE(equal_in_constant_time("", ""));
}

TEST(Crypto, Wipes) {
    std::string secret = "a rather long secret, so that it lies on the heap";
    const auto* const bytes = secret.data();
    wipe(secret);
    EXPECT_TRUE(secret.empty());
    EXPECT_EQ(bytes[5], '\0');
    EXPECT_NE(random_bytes(16), random_bytes(16));
}

}  // namespace
}  // namespace angarium::sasl

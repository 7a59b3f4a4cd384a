#include "tests/support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "engine/base/assert.hpp"

namespace angarium::support {
namespace {

constexpr long day = 24 * 60 * 60;  // seconds

std::string taken(BIO* bio) {
    char* bytes = nullptr;
    const auto length = BIO_get_mem_data(bio, &bytes);
    std::string text(bytes, static_cast<std::size_t>(length));
    BIO_free(bio);
    return text;
}

std::string pem(X509* certificate) {
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return taken(bio);
}

std::string pem(EVP_PKEY* key, const char* passphrase = nullptr) {
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase != nullptr ? EVP_aes_128_cbc() : nullptr, nullptr, 0,
                                  nullptr, const_cast<char*>(passphrase));
    return taken(bio);
}

void extend(X509* certificate, int kind, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    ANGARIUM_ASSERT(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

X509* unsigned_certificate(EVP_PKEY* key, const std::string& name, long from, long until) {
    static std::atomic<long> serial{1000};
    X509* const certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return certificate;
}

}  // namespace

struct Authority::Inside {
    EVP_PKEY* key;
    X509* certificate;
};

Authority::Authority(const std::string& name) : inside_(std::make_unique<Inside>()) {
    inside_->key = EVP_EC_gen("P-256");
    inside_->certificate = unsigned_certificate(inside_->key, name, -10 * day, 10 * day);
    X509_set_issuer_name(inside_->certificate, X509_get_subject_name(inside_->certificate));
    extend(inside_->certificate, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(inside_->certificate, inside_->key, EVP_sha256());
}

Authority::~Authority() {
    X509_free(inside_->certificate);
    EVP_PKEY_free(inside_->key);
}

std::string Authority::certificate() const { return pem(inside_->certificate); }

runtime::TlsIdentity Authority::issue(const CertificateForm& form) const {
    EVP_PKEY* const key = form.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509* const certificate =
        unsigned_certificate(key, form.name, -5 * day, form.expired ? -1 * day : 5 * day);
    X509_set_issuer_name(certificate, X509_get_subject_name(inside_->certificate));
    extend(certificate, NID_subject_alt_name, "DNS:" + form.name);
    X509_sign(certificate, inside_->key, EVP_sha256());
    runtime::TlsIdentity identity{pem(certificate), pem(key), "chain.pem", "key.pem"};
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

const Authority& authority() {
    static const Authority made;
    return made;
}

std::string encrypted_key(const runtime::TlsIdentity& identity) {
    BIO* const bio = BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size()));
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    auto text = pem(key, "secret");
    EVP_PKEY_free(key);
    return text;
}

}  // namespace angarium::support

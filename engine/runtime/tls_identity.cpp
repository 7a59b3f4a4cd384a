#include "engine/runtime/tls_identity.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/core.h>

#include "engine/base/assert.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/free.hpp"
#include "engine/runtime/tls_error.hpp"

namespace angarium::runtime {
namespace {

constexpr long day = 24 * 60 * 60;  // seconds

using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Text = std::unique_ptr<BIO, Free<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;

Result<std::string> read_file(const std::string& path, std::string_view what) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    if (!file || !text || text.str().empty())
        return failure(fmt::format("cannot read the {} '{}': {}; name a PEM file that this user may read",
                                   what, path, errno != 0 ? std::strerror(errno) : "it is empty or no file"));
    return text.str();
}

// As OpenSSH does: a key that everybody may read is no secret any more, and somebody should know.
Result<void> check_secrecy(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IRWXO) == 0) return {};
    return failure(
        fmt::format("the private key '{}' is open to every user of this system (mode {:04o}); if nobody has "
                    "read it, chmod o= '{}', else have a new one certified",
                    path, status.st_mode & 07777, path));
}

std::string content(BIO* bio) {
    char* bytes = nullptr;
    const auto length = BIO_get_mem_data(bio, &bytes);
    return {bytes, static_cast<std::size_t>(length)};
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::vector<std::string>& names) {
    std::uint64_t serial = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
    serial >>= 1;  // positive
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -day);  // for peers whose clocks differ
    X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * day);
    X509_set_pubkey(certificate, key);
    auto* const subject = X509_get_subject_name(certificate);
    // A common name has at most 64 characters; the names that count are the alternative ones.
    const auto common = names.front().substr(0, 64);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    std::string alternatives;
    for (const auto& name : names)
        alternatives += fmt::format("{}{}:{}", alternatives.empty() ? "" : ",",
                                    IpAddress::parse(name) ? "IP" : "DNS", name);
    return add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(certificate, NID_subject_alt_name, alternatives);
}

}  // namespace

Result<TlsIdentity> read_identity(const std::string& certificate_file, const std::string& key_file) {
    auto chain = read_file(certificate_file, "certificate");
    if (!chain) return std::unexpected(chain.error());
    auto key = read_file(key_file, "private key");
    if (!key) return std::unexpected(key.error());
    if (key->find("PRIVATE KEY") != std::string::npos)  // else it is something else, which need not be secret
        if (auto secret = check_secrecy(key_file); !secret) return std::unexpected(secret.error());
    return TlsIdentity{std::move(*chain), std::move(*key), certificate_file, key_file};
}

Result<std::string> read_authorities(const std::string& file) {
    return read_file(file, "authorities' certificates");
}

Result<TlsIdentity> make_identity(const std::vector<std::string>& names) {
    ANGARIUM_ASSERT(!names.empty());
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate(X509_new());
    const Text chain(BIO_new(BIO_s_mem())), secret(BIO_new(BIO_s_mem()));
    const bool made =
        key && certificate && chain && secret && fill(certificate.get(), key.get(), names) &&
        X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0 &&
        PEM_write_bio_X509(chain.get(), certificate.get()) == 1 &&
        PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1;
    if (!made)
        return failure(fmt::format("cannot make a certificate for '{}': {}; name a host or an address",
                                   names.front(), take_openssl_error()));
    return TlsIdentity{content(chain.get()), content(secret.get()), "the certificate made in memory",
                       "its key"};
}

}  // namespace angarium::runtime

#include "engine/runtime/tls_certificate.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "engine/base/assert.hpp"
#include "engine/base/free.hpp"

namespace angarium::runtime {
namespace {

// Lower-case and plain; empty: it is of no use as a name.
std::string plain_name(const ASN1_STRING* text) {
    unsigned char* bytes = nullptr;
    const int length = ASN1_STRING_to_UTF8(&bytes, text);
    std::string name(reinterpret_cast<char*>(bytes), length > 0 ? static_cast<std::size_t>(length) : 0);
    OPENSSL_free(bytes);
    const bool plain =
        std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
    if (!plain) return {};
    for (auto& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name;
}

void add(std::vector<std::string>& names, std::string name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
}

// False: there is no such extension.
bool add_alternatives(X509* certificate, bool email, std::vector<std::string>& names) {
    const std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>> all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (!all) return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
        const auto* const one = sk_GENERAL_NAME_value(all.get(), i);
        if (one->type == GEN_DNS) add(names, plain_name(one->d.dNSName));
        if (one->type == GEN_EMAIL && email) add(names, plain_name(one->d.rfc822Name));
    }
    return true;
}

void add_common_name(X509* certificate, std::vector<std::string>& names) {
    const auto* const subject = X509_get_subject_name(certificate);
    const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (place >= 0) add(names, plain_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place))));
}

std::optional<WallTime> end_of(const X509* certificate) {
    std::tm when{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) return std::nullopt;
    return WallTime(std::chrono::seconds(::timegm(&when)));
}

}  // namespace

TlsCertificate describe_certificate(X509* certificate) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const bool digested = X509_digest(certificate, EVP_sha256(), digest, &length) == 1;
    ANGARIUM_ASSERT(digested);
    TlsCertificate out;
    static constexpr char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < length; ++i) {
        out.fingerprint += digits[digest[i] >> 4];
        out.fingerprint += digits[digest[i] & 15];
    }
    add_alternatives(certificate, true, out.names);
    add_common_name(certificate, out.names);
    return out;
}

std::vector<std::string> host_names(X509* certificate) {
    std::vector<std::string> names;
    if (!add_alternatives(certificate, false, names)) add_common_name(certificate, names);
    return names;
}

bool has_ended(const X509* certificate, WallTime now) {
    const auto end = end_of(certificate);
    return !end || *end <= now;
}

std::optional<WallTime> end_of_certificate(const std::string& pem) {
    const std::unique_ptr<BIO, Free<BIO_free>> text(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const std::unique_ptr<X509, Free<X509_free>> certificate(
        PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    return certificate ? end_of(certificate.get()) : std::nullopt;
}

}  // namespace angarium::runtime

// What the TLS tests of outbound share: an authority that the client trusts, contexts for peers, and the client's materials.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "engine/outbound/protection.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/temporary_file.hpp"

namespace angarium::outbound::test {

using support::authority, support::TemporaryFile;

// Its certificate, as a file.
inline const std::string& authorities() {
    static const TemporaryFile file(authority().certificate());
    return file.path();
}

inline std::shared_ptr<runtime::TlsContext> server_context(runtime::TlsIdentity identity) {
    runtime::TlsServerOptions options;
    options.identities.push_back(std::move(identity));
    auto made = runtime::TlsContext::server(options);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text);
    return made.value_or(nullptr);
}

inline std::shared_ptr<runtime::TlsContext> server_context(const support::CertificateForm& form = {}) {
    return server_context(authority().issue(form));
}

inline Protection protection(TlsPolicy policy) {
    Protection made;
    made.policy = policy;
    made.authorities = authorities();
    return made;
}

}  // namespace angarium::outbound::test

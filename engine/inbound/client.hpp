// What is known of a session's client: where it is, and what TLS and AUTH have shown. The session fills it in as it learns;
// the relay policy judges it, Received: and the delivery log tell it. A plain value. Owning thread: the shard's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/smtp/address_patterns.hpp"

namespace angarium::inbound {

struct Client {
    Endpoint peer;
    // Under TLS; then what was agreed on: "TLSv1.3", "TLS_AES_128_GCM_SHA256". The texts live for ever.
    bool secure = false;
    std::string_view tls_version, tls_cipher;
    // Authenticated as (RFC 4954). Empty: nobody.
    std::string identity;
    // The senders that this identity may use. Null: any.
    std::shared_ptr<const smtp::AddressPatterns> senders;
    // SHA-256 of a verified client certificate, 64 lower-case hex digits. Empty: none was shown, or none that is trusted.
    std::string certificate;
    // And the names in it: its DNS and e-mail alternative names, its common name.
    std::vector<std::string> certificate_names;
};

}  // namespace angarium::inbound

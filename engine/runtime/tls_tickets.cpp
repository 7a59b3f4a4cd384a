#include "engine/runtime/tls_tickets.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "engine/base/assert.hpp"

namespace angarium::runtime {
namespace {

TlsTicketKeys::Key random_key() {
    TlsTicketKeys::Key key;
    const auto fill = [](auto& bytes) {
        return RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
    };
    const bool filled = fill(key.name) && fill(key.cipher) && fill(key.mac);
    ANGARIUM_ASSERT(filled);
    return key;
}

}  // namespace

std::shared_ptr<TlsTicketKeys> TlsTicketKeys::random() {
    return std::shared_ptr<TlsTicketKeys>(new TlsTicketKeys());
}

TlsTicketKeys::~TlsTicketKeys() {
    OPENSSL_cleanse(&newest_, sizeof newest_);
    OPENSSL_cleanse(&before_, sizeof before_);
}

// Throws away what is too old, and makes a new key where the newest one is.
void TlsTicketKeys::turn(MonoTime now) {
    if (any_ && now < made_ + life) return;
    two_ = any_ && now < made_ + 2 * life;
    before_ = newest_;
    newest_ = random_key();
    any_ = true;
    made_ = now;
}

TlsTicketKeys::Key TlsTicketKeys::newest(MonoTime now) {
    const std::lock_guard lock(mutex_);
    turn(now);
    return newest_;
}

std::optional<TlsTicketKeys::Found> TlsTicketKeys::find(std::span<const unsigned char, 16> name,
                                                        MonoTime now) {
    const std::lock_guard lock(mutex_);
    turn(now);
    if (std::ranges::equal(name, newest_.name)) return Found{newest_, false};
    if (two_ && std::ranges::equal(name, before_.name)) return Found{before_, true};
    return std::nullopt;
}

}  // namespace angarium::runtime

#include "engine/runtime/tls_sessions.hpp"

#include <openssl/ssl.h>

namespace angarium::runtime {

TlsSessions::~TlsSessions() {
    for (const auto& kept : kept_) SSL_SESSION_free(kept.session);
}

SSL_SESSION* TlsSessions::find(std::string_view key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    const auto place = found->second;
    if (SSL_SESSION_is_resumable(place->session) == 0) {
        remove(place);
        return nullptr;
    }
    kept_.splice(kept_.begin(), kept_, place);
    return place->session;
}

void TlsSessions::keep(std::string_view key, SSL_SESSION* session) {
    forget(key);
    kept_.push_front({std::string(key), session});
    places_.emplace(kept_.front().key, kept_.begin());
    if (kept_.size() > most_) remove(std::prev(kept_.end()));
}

void TlsSessions::forget(std::string_view key) {
    if (const auto found = places_.find(key); found != places_.end()) remove(found->second);
}

void TlsSessions::remove(Place place) {
    SSL_SESSION_free(place->session);
    places_.erase(place->key);
    kept_.erase(place);
}

}  // namespace angarium::runtime

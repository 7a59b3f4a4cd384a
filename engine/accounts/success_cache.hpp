// Which logins were right a short while ago, so that a client that logs in again costs a hash of a microsecond and not
// one of a twentieth of a second. Keys are digests under a key of the process: no password is in here, nor can one be tried from
// outside. Bounded; the oldest go first. No locks: one thread's, or under its holder's lock.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstring>
#include <deque>

#include "engine/base/time.hpp"
#include "engine/sasl/crypto.hpp"

namespace angarium::accounts {

class SuccessCache {
  public:
    SuccessCache(Duration lifetime, std::size_t most) : lifetime_(lifetime), most_(most) {}

    bool contains(const sasl::Digest& key, MonoTime now) const;
    void add(const sasl::Digest& key, MonoTime now);
    void forget(const sasl::Digest& key) { ends_.erase(key); }
    std::size_t size() const { return ends_.size(); }

  private:
    struct Hash {  // keys are uniform already
        std::size_t operator()(const sasl::Digest& key) const {
            std::size_t word;
            std::memcpy(&word, key.data(), sizeof word);
            return word;
        }
    };
    void drop_oldest();

    const Duration lifetime_;
    const std::size_t most_;
    absl::flat_hash_map<sasl::Digest, MonoTime, Hash> ends_;
    std::deque<std::pair<MonoTime, sasl::Digest>>
        order_;  // by end; one whose end is not the map's was renewed
};

}  // namespace angarium::accounts

// Judges logins for one shard without holding it up. A password that was right within the last minutes is known by a digest
// (success_cache.hpp); else a worker thread hashes it, equal ones that arrive meanwhile join in, and what is under way is
// bounded. Who fails too often is not looked at for a while (attempt_limits.hpp). SCRAM proves itself in the dialogue; only its
// outcome is told here.
//
// A login that is in the cache is right even for an address or name that is blocked, at the address where it was right
// before: a program that works goes on working while somebody guesses, and who guesses elsewhere learns nothing from the
// cache. Owning thread: the shard's; LoginShare is everybody's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <coroutine>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/accounts/account.hpp"
#include "engine/accounts/attempt_limits.hpp"
#include "engine/accounts/success_cache.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/task.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/sheet.hpp"

namespace angarium::accounts {

struct LoginOptions {
    AttemptLimits::Options attempts;
    unsigned under_way = 64;         // hashes, over all shards; they take some 50 ms each on a worker thread
    Duration remembered = 10min;     // how long a right password is not hashed again for an address
    std::size_t successes = 10'000;  // remembered by each shard, and by all together; about 100 bytes each
};

// What all shards share. Outlives them.
class LoginShare {
  public:
    LoginShare(const LoginOptions& options, runtime::Workers& workers);

  private:
    friend class Logins;
    const LoginOptions options_;
    const std::string secret_;  // of this process: the cache's keys depend on it
    runtime::Workers& workers_;
    AttemptLimits limits_;
    std::atomic<unsigned> under_way_{0};
    std::mutex mutex_;        // taken by worker threads, and by a shard for whoever is new to it or blocked
    SuccessCache successes_;  // under it
};

enum class LoginResult : std::uint8_t {
    right,
    wrong,
    blocked,  // too many failures: not looked at
    busy,     // too many passwords wait to be hashed
};

// Where a login comes from.
struct LoginOrigin {
    IpAddress client;
    bool exempt = false;  // a relay network: its failures do not count against it
};

class Logins {
  public:
    Logins(LoginShare& share, runtime::Shard& shard, metrics::Sheet& sheet);
    ~Logins();

    // The arguments are copied. At its end nothing of the password is left here.
    runtime::Task<LoginResult> check(std::shared_ptr<const Accounts> accounts, std::string name,
                                     std::string password, LoginOrigin origin);
    // Before SCRAM's challenge and again before its proof is read: its own messages show whether a proof is right, so who is
    // blocked, perhaps only meanwhile, must not come to offer one.
    bool is_heard(const Accounts& accounts, std::string_view name, LoginOrigin origin);
    // What SCRAM has found out.
    LoginResult proven(const Accounts& accounts, std::string_view name, bool right, LoginOrigin origin);

  private:
    class Verification;
    sasl::Digest key_of(const Accounts& accounts, std::string_view kind, std::string_view name,
                        std::string_view secret) const;
    sasl::Digest scram_key(const Accounts& accounts, std::string_view name, LoginOrigin origin) const;
    void judge(std::string_view name, bool right, LoginOrigin origin);
    void finished(Verification& verification);
    bool known_elsewhere(const sasl::Digest& key);
    void remember(const sasl::Digest& key);
    void forget(const sasl::Digest& key);

    LoginShare& share_;
    runtime::Shard& shard_;
    metrics::Sheet& sheet_;
    SuccessCache successes_;
    absl::flat_hash_map<sasl::Digest, std::shared_ptr<Verification>> under_way_;
};

}  // namespace angarium::accounts

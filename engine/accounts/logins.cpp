#include "engine/accounts/logins.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/base/assert.hpp"

namespace angarium::accounts {

using metrics::Count;
using metrics::Level;

LoginShare::LoginShare(const LoginOptions& options, runtime::Workers& workers)
    : options_(options),
      secret_(sasl::random_bytes(32)),
      workers_(workers),
      limits_(options.attempts),
      successes_(options.remembered, options.successes) {}

// One password on its way through a worker thread, and who waits for it.
class Logins::Verification final : public runtime::Job {
  public:
    Verification(Logins& logins, std::shared_ptr<const Accounts> accounts, std::string name,
                 const std::string& password, const sasl::Digest& key)
        : logins_(logins),
          accounts_(std::move(accounts)),
          name_(std::move(name)),
          password_(password),
          key_(key),
          began_(logins.shard_.now()) {}
    ~Verification() override { sasl::wipe(password_); }

    void work() override {
        auto& share = logins_.share_;
        {
            const std::scoped_lock lock(share.mutex_);
            right_ = share.successes_.contains(key_, began_);  // another shard's
        }
        if (right_) return;
        right_ = accounts_->check(name_, password_);
        if (!right_) return;
        const std::scoped_lock lock(share.mutex_);
        share.successes_.add(key_, began_);
    }
    void done() override { logins_.finished(*this); }

    const sasl::Digest& key() const { return key_; }
    MonoTime began() const { return began_; }
    bool right() const { return right_; }

    class Awaiter {
      public:
        explicit Awaiter(Verification& verification) : verification_(verification) {}
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { verification_.waiters_.push_back(waiter); }
        void await_resume() const {}

      private:
        Verification& verification_;
    };
    void wake() {
        for (const auto waiter : waiters_) runtime::current_ready_list().push(runtime::resume_of(waiter));
    }

  private:
    Logins& logins_;
    const std::shared_ptr<const Accounts> accounts_;
    const std::string name_;
    std::string password_;
    const sasl::Digest key_;
    const MonoTime began_;
    bool right_ = false;
    std::vector<std::coroutine_handle<>> waiters_;
};

Logins::Logins(LoginShare& share, runtime::Shard& shard, metrics::Sheet& sheet)
    : share_(share),
      shard_(shard),
      sheet_(sheet),
      successes_(share.options_.remembered, share.options_.successes) {}

Logins::~Logins() { ANGARIUM_ASSERT(under_way_.empty()); }

sasl::Digest Logins::key_of(const Accounts& accounts, std::string_view kind, std::string_view name,
                            std::string_view secret) const {
    std::string text;
    text.reserve(kind.size() + 8 + name.size() + secret.size() + 2);  // no copy is left behind by growing
    text.append(kind);
    for (auto generation = accounts.generation(); generation != 0; generation >>= 8)
        text += static_cast<char>(generation & 0xff);
    text.append(1, '\0').append(name).append(1, '\0').append(
        secret);  // neither name nor password holds a NUL
    const auto key = sasl::hmac_sha256(share_.secret_, text);
    sasl::wipe(text);
    return key;
}

runtime::Task<LoginResult> Logins::check(std::shared_ptr<const Accounts> accounts, std::string name,
                                         std::string password, LoginOrigin origin) {
    const auto from_here = fmt::format("password from {} ", origin.client.unmapped().text());
    const auto here = key_of(*accounts, from_here, name, password);
    if (successes_.contains(here, shard_.now())) {
        sheet_.add(Count::auth_cached);
        sasl::wipe(password);
        co_return LoginResult::right;
    }
    if (share_.limits_.blocked(origin.client, origin.exempt, name, shard_.now())) {
        sasl::wipe(password);
        co_return known_elsewhere(here) ? LoginResult::right : LoginResult::blocked;
    }
    const auto key = key_of(*accounts, "password", name, password);
    if (successes_.contains(key, shard_.now())) {
        sheet_.add(Count::auth_cached);
        sasl::wipe(password);
        judge(name, true, origin);
        remember(here);
        co_return LoginResult::right;
    }
    std::shared_ptr<Verification> verification;
    if (const auto same = under_way_.find(key); same != under_way_.end()) {
        verification = same->second;
        sasl::wipe(password);
    } else {
        if (share_.under_way_.fetch_add(1) >= share_.options_.under_way) {
            share_.under_way_.fetch_sub(1);
            sasl::wipe(password);
            co_return LoginResult::busy;
        }
        verification = std::make_shared<Verification>(*this, std::move(accounts), name, password, key);
        sasl::wipe(password);
        under_way_.emplace(key, verification);
        sheet_.add(Level::auth_waiting, 1);
        share_.workers_.submit(*verification);
    }
    Verification::Awaiter done(*verification);
    co_await done;
    const bool right = verification->right();
    // Of many that wait at the same time only so many are judged, as if they had come one after the other.
    if (share_.limits_.blocked(origin.client, origin.exempt, name, shard_.now())) {
        const bool known = right && known_elsewhere(here);
        co_return known ? LoginResult::right : LoginResult::blocked;
    }
    judge(name, right, origin);
    if (right) remember(here);
    co_return right ? LoginResult::right : LoginResult::wrong;
}

void Logins::finished(Verification& verification) {
    share_.under_way_.fetch_sub(1);
    sheet_.add(Level::auth_waiting, -1);
    sheet_.observe(metrics::Spread::auth_time, shard_.now() - verification.began());
    if (verification.right()) successes_.add(verification.key(), shard_.now());
    verification.wake();
    const auto key = verification.key();
    under_way_.erase(key);  // its waiters hold it
}

sasl::Digest Logins::scram_key(const Accounts& accounts, std::string_view name, LoginOrigin origin) const {
    return key_of(accounts, "scram", name, origin.client.unmapped().text());
}

bool Logins::is_heard(const Accounts& accounts, std::string_view name, LoginOrigin origin) {
    const auto now = shard_.now();
    if (!share_.limits_.blocked(origin.client, origin.exempt, name, now)) return true;
    const auto key = scram_key(accounts, name, origin);
    return successes_.contains(key, now) || known_elsewhere(key);
}

LoginResult Logins::proven(const Accounts& accounts, std::string_view name, bool right, LoginOrigin origin) {
    const auto now = shard_.now();
    const auto key = scram_key(accounts, name, origin);
    const bool known = successes_.contains(key, now);
    if (right && known) return LoginResult::right;
    if (share_.limits_.blocked(origin.client, origin.exempt, name, now)) {
        if (right && known_elsewhere(key)) return LoginResult::right;
        if (!right) forget(key);  // it was heard for a login that works: whoever guesses there is not again
        return LoginResult::blocked;
    }
    judge(name, right, origin);
    if (right) remember(key);
    return right ? LoginResult::right : LoginResult::wrong;
}

// On another shard. Asked only about who is blocked: the lock is everybody's.
bool Logins::known_elsewhere(const sasl::Digest& key) {
    const std::scoped_lock lock(share_.mutex_);
    return share_.successes_.contains(key, shard_.now());
}

void Logins::remember(const sasl::Digest& key) {
    successes_.add(key, shard_.now());
    const std::scoped_lock lock(share_.mutex_);
    share_.successes_.add(key, shard_.now());
}

void Logins::forget(const sasl::Digest& key) {
    successes_.forget(key);
    const std::scoped_lock lock(share_.mutex_);
    share_.successes_.forget(key);
}

void Logins::judge(std::string_view name, bool right, LoginOrigin origin) {
    if (right)
        share_.limits_.succeeded(origin.client, name, shard_.now());
    else
        share_.limits_.failed(origin.client, origin.exempt, name, shard_.now());
}

}  // namespace angarium::accounts

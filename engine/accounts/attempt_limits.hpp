// How many failed logins an address, and a name, may have before further ones are not even looked at. Each is a bucket
// that a failure fills and time empties: `most` failures at once, then one more every `forgets`. Shared by all shards; its
// lock is taken when a login fails, and before a password is judged while any failed lately. Any thread.
//
// So that nobody can lock a user out by guessing: a name that is full still counts as free for an address from which it has
// logged in within a day.
//
// Bounded: 64 Ki buckets, found by a digest that nobody outside can predict. Where four crowd into one place the emptiest is
// given up; then that address or name begins anew.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/accounts/success_cache.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/time.hpp"

namespace angarium::accounts {

class AttemptLimits {
  public:
    struct Options {
        unsigned most = 20;  // failures
        Duration forgets = 30s;
    };
    explicit AttemptLimits(Options options);

    // `exempt`: the address is one of many users (a relay network): only the name counts.
    bool blocked(const IpAddress& client, bool exempt, std::string_view name, MonoTime now);
    void failed(const IpAddress& client, bool exempt, std::string_view name, MonoTime now);
    void succeeded(const IpAddress& client, std::string_view name, MonoTime now);

  private:
    struct Bucket {
        std::uint64_t tag = 0;  // 0: unused
        double level = 0;
        MonoTime at{};
    };
    using Place = std::array<Bucket, 4>;
    std::uint64_t tag_of(const IpAddress& client) const;
    std::uint64_t tag_of(std::string_view name) const;
    sasl::Digest pair_of(const IpAddress& client, std::string_view name) const;
    double level(const Bucket& bucket, MonoTime now) const;
    bool full(std::uint64_t tag, MonoTime now) const;
    void fill(std::uint64_t tag, MonoTime now);

    const Options options_;
    const std::string secret_;
    std::atomic<std::int64_t> calm_from_{0};  // nanoseconds: then all buckets are empty
    std::mutex mutex_;
    std::vector<Place> places_;  // under it; none before the first failure; and
    SuccessCache familiar_;      // addresses with names that logged in from there
};

}  // namespace angarium::accounts

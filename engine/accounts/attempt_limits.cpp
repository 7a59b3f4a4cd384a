#include "engine/accounts/attempt_limits.hpp"

#include <algorithm>
#include <cstring>

#include "engine/sasl/crypto.hpp"

namespace angarium::accounts {
namespace {

constexpr std::size_t places = 16'384;

constexpr Duration remembered = 24h;
constexpr std::size_t most_remembered = 50'000;

// Of IPv6 the network: a client has 2^64 addresses there.
std::string network_of(const IpAddress& client) {
    const auto address = client.unmapped();
    std::string text = address.is_v4() ? "4" : "6";
    return text.append(reinterpret_cast<const char*>(address.bytes().data()), address.is_v4() ? 4 : 8);
}

std::uint64_t word_of(const sasl::Digest& digest) {
    std::uint64_t word;
    std::memcpy(&word, digest.data(), sizeof word);
    return word | 1;  // not 0
}

}  // namespace

AttemptLimits::AttemptLimits(Options options)
    : options_(options), secret_(sasl::random_bytes(32)), familiar_(remembered, most_remembered) {}

std::uint64_t AttemptLimits::tag_of(const IpAddress& client) const {
    return word_of(sasl::hmac_sha256(secret_, network_of(client)));
}

std::uint64_t AttemptLimits::tag_of(std::string_view name) const {
    return word_of(sasl::hmac_sha256(secret_, std::string("n").append(name)));
}

sasl::Digest AttemptLimits::pair_of(const IpAddress& client, std::string_view name) const {
    return sasl::hmac_sha256(secret_, network_of(client).append(name));
}

double AttemptLimits::level(const Bucket& bucket, MonoTime now) const {
    const auto passed = std::chrono::duration<double>(now - bucket.at);
    return std::max(0.0, bucket.level - passed / std::chrono::duration<double>(options_.forgets));
}

bool AttemptLimits::full(std::uint64_t tag, MonoTime now) const {
    if (places_.empty()) return false;
    for (const auto& bucket : places_[tag / 2 % places])
        if (bucket.tag == tag) return level(bucket, now) > options_.most - 1;
    return false;
}

void AttemptLimits::fill(std::uint64_t tag, MonoTime now) {
    auto& place = places_[tag / 2 % places];
    auto chosen = std::ranges::find(place, tag, &Bucket::tag);
    if (chosen == place.end())
        chosen = std::ranges::min_element(
            place, {}, [&](const Bucket& bucket) { return bucket.tag == 0 ? -1.0 : level(bucket, now); });
    const auto before = chosen->tag == tag ? level(*chosen, now) : 0.0;
    *chosen = {tag, std::min<double>(before + 1, options_.most), now};
}

bool AttemptLimits::blocked(const IpAddress& client, bool exempt, std::string_view name, MonoTime now) {
    if (now.time_since_epoch().count() >= calm_from_.load(std::memory_order_relaxed)) return false;
    const auto address = tag_of(client), user = tag_of(name);
    const std::scoped_lock lock(mutex_);
    if (!exempt && full(address, now)) return true;
    return full(user, now) && !familiar_.contains(pair_of(client, name), now);
}

void AttemptLimits::failed(const IpAddress& client, bool exempt, std::string_view name, MonoTime now) {
    const auto address = tag_of(client), user = tag_of(name);
    const std::scoped_lock lock(mutex_);
    if (places_.empty()) places_.resize(places);
    if (!exempt) fill(address, now);
    fill(user, now);
    const auto calm = now + options_.most * options_.forgets;
    calm_from_.store(std::max(calm_from_.load(std::memory_order_relaxed), calm.time_since_epoch().count()),
                     std::memory_order_relaxed);
}

void AttemptLimits::succeeded(const IpAddress& client, std::string_view name, MonoTime now) {
    const auto pair = pair_of(client, name);
    const std::scoped_lock lock(mutex_);
    familiar_.add(pair, now);
}

}  // namespace angarium::accounts

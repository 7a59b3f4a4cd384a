#include "engine/accounts/success_cache.hpp"

namespace angarium::accounts {

bool SuccessCache::contains(const sasl::Digest& key, MonoTime now) const {
    const auto found = ends_.find(key);
    return found != ends_.end() && now < found->second;
}

void SuccessCache::add(const sasl::Digest& key, MonoTime now) {
    const auto end = now + lifetime_;
    ends_[key] = end;
    order_.emplace_back(end, key);
    while (!order_.empty() &&
           (order_.front().first <= now || ends_.size() > most_ || order_.size() > 2 * most_))
        drop_oldest();
}

void SuccessCache::drop_oldest() {
    const auto found = ends_.find(order_.front().second);
    if (found != ends_.end() && found->second == order_.front().first) ends_.erase(found);
    order_.pop_front();
}

}  // namespace angarium::accounts

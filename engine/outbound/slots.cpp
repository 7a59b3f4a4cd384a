#include "engine/outbound/slots.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"

namespace angarium::outbound {

// Every message between borrower and home.
class SlotLetter final : public runtime::Letter {
  public:
    SlotLetter(SlotSet& set, SlotDesk::Kind kind, std::string_view site, ShardId from, unsigned count)
        : set_(set), kind_(kind), site_(site), from_(from), count_(count) {}
    void arrive() override {
        const std::unique_ptr<SlotLetter> self(this);
        set_.desk(runtime::Shard::current().id()).receive(kind_, site_, from_, count_);
    }

  private:
    SlotSet& set_;
    SlotDesk::Kind kind_;
    std::string site_;
    ShardId from_;
    unsigned count_;
};

void Slot::give_back() {
    if (desk_ == nullptr) return;
    std::exchange(desk_, nullptr)->give_back(*std::exchange(borrowed_, nullptr));
}

SlotSet::SlotSet(unsigned shards, SlotLimits limits) {
    for (unsigned i = 0; i < shards; ++i)
        desks_.push_back(std::make_unique<SlotDesk>(*this, ShardId(i), limits));
}

ShardId SlotSet::home(std::string_view site) const {
    std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a: the same on every shard
    for (const char c : site) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return ShardId((hash ^ (hash >> 32)) % desks_.size());
}

void SlotDesk::post(ShardId to, Kind kind, std::string_view site, unsigned count) {
    if (to == self_) return receive(kind, site, self_, count);
    runtime::Shard::current().send(to, std::make_unique<SlotLetter>(set_, kind, site, self_, count));
}

void SlotDesk::tell(Kind kind, std::string_view site) { post(set_.home(site), kind, site); }

void SlotDesk::receive(Kind kind, std::string_view site, ShardId from, unsigned count) {
    switch (kind) {
        case Kind::request:
            return on_request(site, from);
        case Kind::withdraw:
            return on_withdraw(site, from);
        case Kind::give_back:
            return on_return(site, from);
        case Kind::worked: {
            Home& home = home_of(site);
            home.limit = std::min(home.limit + 1, limits_.most);
            serve(site, home);
            return trim(site);
        }
        case Kind::failed: {
            Home& home = home_of(site);
            home.limit = std::max(std::min(home.limit, home.lent), 2u) - 1;
            return;
        }
        case Kind::unreachable:
            home_of(site).limit = limits_.start;
            return trim(site);
        case Kind::grant:
            return on_grant(site);
        case Kind::withdrawn:
            return on_withdrawn(site, count);
        case Kind::recall:
            return on_recall(site, false);
        case Kind::recall_firmly:
            return on_recall(site, true);
    }
}

// --- borrower ---

void SlotDesk::join(std::string_view site, SlotHolder& holder) {
    Borrowed& borrowed = borrowed_[std::string(site)];
    ANGARIUM_ASSERT(borrowed.holder == nullptr);
    borrowed.site = site;
    borrowed.holder = &holder;
}

void SlotDesk::leave(std::string_view site) {
    const auto found = borrowed_.find(site);
    ANGARIUM_ASSERT(found != borrowed_.end() && found->second.holder != nullptr);
    found->second.holder = nullptr;
    forget_if_unused(found->second);
}

void SlotDesk::request(std::string_view site) {
    const auto found = borrowed_.find(site);
    ANGARIUM_ASSERT(found != borrowed_.end());
    ++found->second.requested;
    tell(Kind::request, site);
}

void SlotDesk::withdraw(std::string_view site) {
    const auto found = borrowed_.find(site);
    ANGARIUM_ASSERT(found != borrowed_.end());
    Borrowed& borrowed = found->second;
    if (borrowed.requested == 0 || std::exchange(borrowed.withdrawing, true)) return;
    tell(Kind::withdraw, site);
}

void SlotDesk::on_withdrawn(std::string_view site, unsigned count) {
    const auto found = borrowed_.find(site);
    ANGARIUM_ASSERT(found != borrowed_.end() && found->second.requested >= count);
    Borrowed& borrowed = found->second;
    borrowed.withdrawing = false;
    borrowed.requested -= count;
    if (borrowed.holder != nullptr)
        borrowed.holder->withdrawn(count);
    else
        forget_if_unused(borrowed);
}

void SlotDesk::on_grant(std::string_view site) {
    const auto found = borrowed_.find(site);
    ANGARIUM_ASSERT(found != borrowed_.end() && found->second.requested > 0);
    Borrowed& borrowed = found->second;
    --borrowed.requested;
    ++borrowed.lent;
    Slot slot(*this, borrowed);
    if (borrowed.holder != nullptr) borrowed.holder->granted(std::move(slot));
}

void SlotDesk::give_back(Borrowed& borrowed) {
    ANGARIUM_ASSERT(borrowed.lent > 0);
    --borrowed.lent;
    const std::string site = borrowed.site;
    forget_if_unused(borrowed);
    if (makes(Mistake::slot_never_returned)) return;
    tell(Kind::give_back, site);
    if (makes(Mistake::double_release)) tell(Kind::give_back, site);
}

void SlotDesk::on_recall(std::string_view site, bool firm) {
    const auto found = borrowed_.find(site);
    if (found != borrowed_.end() && found->second.holder != nullptr) found->second.holder->recalled(firm);
}

void SlotDesk::forget_if_unused(Borrowed& borrowed) {
    if (borrowed.holder != nullptr || borrowed.lent > 0 || borrowed.requested > 0 || borrowed.withdrawing)
        return;
    borrowed_.erase(borrowed_.find(borrowed.site));
}

// --- home ---

SlotDesk::Home& SlotDesk::home_of(std::string_view site) {
    const auto [found, is_new] = homes_.try_emplace(std::string(site));
    if (is_new) {
        found->second.limit = limits_.start;
        found->second.lent_to.resize(set_.shards());
        found->second.waiting.resize(set_.shards());
    }
    return found->second;
}

void SlotDesk::on_request(std::string_view site, ShardId from) {
    Home& home = home_of(site);
    ++home.waiting[index(from)];
    serve(site, home);
    balance(site, home);
    trim(site);
}

void SlotDesk::on_return(std::string_view site, ShardId from) {
    Home& home = home_of(site);
    ANGARIUM_ASSERT(home.lent > 0 && home.lent_to[index(from)] > 0);
    --home.lent;
    --home.lent_to[index(from)];
    home.recalled = false;
    serve(site, home);
    balance(site, home);
    trim(site);
}

void SlotDesk::on_withdraw(std::string_view site, ShardId from) {
    const unsigned count = std::exchange(home_of(site).waiting[index(from)], 0u);
    trim(site);
    post(from, Kind::withdrawn, site, count);
}

// Of the shards that wait, the one that holds least.
std::optional<ShardId> SlotDesk::poorest(const Home& home) const {
    std::optional<ShardId> best;
    for (unsigned i = 0; i < home.waiting.size(); ++i)
        if (home.waiting[i] > 0 && (!best || home.lent_to[i] < home.lent_to[index(*best)])) best = ShardId(i);
    return best;
}

// A grant on this very shard may come back, or ask for more, before post() returns: the entry is pinned meanwhile.
void SlotDesk::serve(std::string_view site, Home& home) {
    ++home.serving;
    while (home.lent < home.limit) {
        const auto to = poorest(home);
        if (!to) break;
        --home.waiting[index(*to)];
        ++home.lent;
        ++home.lent_to[index(*to)];
        post(*to, Kind::grant, site);
    }
    --home.serving;
}

void SlotDesk::balance(std::string_view site, Home& home) {
    const auto waiting = poorest(home);
    if (!waiting || home.recalled) return;
    const auto most = std::max_element(home.lent_to.begin(), home.lent_to.end());
    const auto holder = ShardId(most - home.lent_to.begin());
    const unsigned least = home.lent_to[index(*waiting)];
    if (holder == *waiting || *most == 0) return;
    const bool firm =
        *most >= 2 * (least + 1);  // closing a busy connection costs more than being even is worth
    if (!firm && least > 0) return;
    home.recalled = true;
    ++home.serving;
    post(holder, firm ? Kind::recall_firmly : Kind::recall, site);
    --home.serving;
}

void SlotDesk::trim(std::string_view site) {
    const auto found = homes_.find(site);
    if (found == homes_.end()) return;
    const Home& home = found->second;
    const bool nothing_learned = home.limit == limits_.start;
    if (home.serving == 0 && home.lent == 0 && !poorest(home) &&
        (nothing_learned || homes_.size() > most_remembered))
        homes_.erase(found);
}

unsigned SlotDesk::lent() const {
    unsigned sum = 0;
    for (const auto& [site, home] : homes_) sum += home.lent;
    return sum;
}

unsigned SlotDesk::lent(std::string_view site) const {
    const auto found = homes_.find(site);
    return found == homes_.end() ? 0 : found->second.lent;
}

unsigned SlotDesk::limit(std::string_view site) const {
    const auto found = homes_.find(site);
    return found == homes_.end() ? limits_.start : found->second.limit;
}

}  // namespace angarium::outbound

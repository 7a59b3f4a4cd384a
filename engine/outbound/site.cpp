#include "engine/outbound/site.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"
#include "engine/outbound/connection.hpp"

namespace angarium::outbound {

using metrics::Level;

namespace {
// A connection that is being opened is expected to take this much of the mail at hand; more is opened only for more.
constexpr std::size_t mail_per_opening = 4;
// After a connection could not be opened while others work (a server's own connection limit), or for want of
// descriptors: no new ones for this long.
constexpr Duration hold_back = 5s;
constexpr Duration hold_back_ours = 1s;
// After a second exchanger deferred what the first had deferred.
constexpr Duration no_second_try = 60s;

// Outlives the destination, which is forgotten whenever it has nothing to do.
std::string name_of(const queue::ReadyQueue& destination) {
    std::string name(destination.stream());
    name += '\0';  // no stream has one
    return name += destination.domain();
}
}  // namespace

Site::Site(Context& context, std::string name, ProtectionId protection)
    : context_(context), name_(std::move(name)), protection_(protection), place_(*this), hunger_(*this) {
    context_.sites.push_back(place_);
    context_.desk.join(name_, *this);
    context_.metrics.add(Level::sites, 1);
}

Site::~Site() {
    ANGARIUM_ASSERT(connections_ == 0);
    context_.desk.leave(name_);
    context_.metrics.add(Level::sites, -1);
}

// --- addresses ---

void Site::set_addresses(std::vector<SiteAddress> addresses) {
    addresses_ = std::move(addresses);
    addressed_at_ = context_.shard.now();
}

std::vector<SiteAddress> Site::candidates(const std::vector<Endpoint>& tried, bool only_living) const {
    const MonoTime now = context_.shard.now();
    struct Ranked {
        bool rests;
        unsigned preference;
        std::uint64_t lot;
        const SiteAddress* address;
    };
    std::vector<Ranked> ranked;
    ranked.reserve(addresses_.size());
    for (const auto& address : addresses_) {
        if (std::find(tried.begin(), tried.end(), address.endpoint) != tried.end()) continue;
        const bool rests = context_.addresses.rests(address.endpoint, protection_, now);
        if (rests && only_living) continue;
        ranked.push_back({rests, address.preference, context_.shard.random().next(), &address});
    }
    std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
        return std::tie(a.rests, a.preference, a.lot) < std::tie(b.rests, b.preference, b.lot);
    });
    std::vector<SiteAddress> result;
    for (const auto& one : ranked) {
        if (result.size() == context_.options.addresses_per_attempt) break;
        result.push_back(*one.address);
    }
    return result;
}

bool Site::has_better(unsigned preference) const {
    const MonoTime now = context_.shard.now();
    return std::any_of(addresses_.begin(), addresses_.end(), [&](const SiteAddress& address) {
        return address.preference < preference &&
               !context_.addresses.rests(address.endpoint, protection_, now);
    });
}

// --- destinations ---

void Site::adopt(DestinationState& destination) {
    if (destination.site == this) return;
    if (destination.site != nullptr) destination.site->abandon(destination);
    destination.site = this;
    ++destinations_;
}

void Site::abandon(DestinationState& destination) {
    ANGARIUM_ASSERT(destination.site == this && destinations_ > 0);
    destination.turn.leave();
    destination.site = nullptr;
    --destinations_;
}

void Site::enlist(DestinationState& destination) {
    if (!destination.turn.linked()) turn_.push_back(destination.turn);
    consider();
}

bool Site::rests() const { return connections_ == 0 && context_.shard.now() < rest_until_; }

const Judgement* Site::resting(const DestinationState& destination) const {
    if (!rests()) return nullptr;
    return rest_of_.empty() || rest_of_ == name_of(*destination.queue) ? &rest_reason_ : nullptr;
}

std::unique_ptr<queue::Delivery> Site::next(std::shared_ptr<DestinationState>& whose) {
    while (!turn_.empty() && !context_.draining) {
        if (!context_.outlet.may_attempt()) {
            context_.pause();
            return nullptr;
        }
        DestinationState& destination = turn_.front();
        whose = destination.shared_from_this();
        destination.turn.leave();
        auto delivery = destination.queue->take();
        // The queue may have announced it again meanwhile.
        if (destination.queue != nullptr && destination.queue->ready() > 0 && !destination.turn.linked())
            turn_.push_back(destination.turn);
        if (delivery) return delivery;
        if (destination.turn.linked())
            destination.turn.leave();  // says ready but gives nothing: wait for its call
    }
    if (requested_ > 0) context_.desk.withdraw(name_);
    return nullptr;
}

std::size_t Site::mail_at_hand(std::size_t enough) const {
    std::size_t mail = 0;
    turn_.each([&](const DestinationState& destination) {
        mail += destination.queue->ready();
        return mail < enough;
    });
    return mail;
}

bool Site::holds_back() const { return context_.shard.now() < hold_back_until_; }

unsigned Site::most_connections() const { return opened_ ? context_.options.site_most : 1; }

unsigned Site::wanted_connections(std::size_t mail) const {
    const unsigned most = most_connections();
    const unsigned have = connections_ + requested_;
    const std::size_t coming = opening_ + requested_;
    if (have >= most || mail <= coming * mail_per_opening) return 0;
    const std::size_t lacking = (mail - coming * mail_per_opening + mail_per_opening - 1) / mail_per_opening;
    return static_cast<unsigned>(std::min<std::size_t>(lacking, most - have));
}

void Site::consider() {
    if (context_.draining || turn_.empty()) return;
    if (idle_.empty() && connections_ + requested_ >= most_connections()) return;
    if (!context_.outlet.may_attempt()) {
        context_.pause();
        return;
    }
    std::size_t mail = mail_at_hand(context_.options.site_most * mail_per_opening + context_.idle.size());
    mail -= std::min<std::size_t>(mail, waking_);
    while (mail > 0 && !idle_.empty()) {
        idle_.back().wake();  // the one used last: the others may end their idle time
        ++waking_;
        --mail;
    }
    const unsigned wanted = wanted_connections(mail);
    if (wanted == 0) return;
    if (holds_back()) {
        context_.pause();
        return;
    }
    requested_ += wanted;  // first: a grant may come at once
    for (unsigned i = 0; i < wanted; ++i) context_.desk.request(name_);
}

// --- connections ---

void Site::granted(Slot slot) {
    ANGARIUM_ASSERT(requested_ > 0);
    --requested_;
    if (context_.draining || turn_.empty()) return;
    if (!context_.budget.enter(proven_)) {
        if (!hunger_.linked()) context_.hungry.push_back(hunger_);
        if (context_.budget.full() && context_.idle.oldest() != nullptr) context_.idle.oldest()->dismiss();
        return;
    }
    context_.gate.hold(Connection::run(context_, *this, std::move(slot)));
}

void Site::withdrawn(unsigned count) {
    ANGARIUM_ASSERT(requested_ >= count);
    requested_ -= count;
    consider();
}

void Site::recalled(bool firm) {
    if (!idle_.empty())
        idle_.front().dismiss();
    else if (firm)
        recalled_ = true;
}

bool Site::take_recall() { return std::exchange(recalled_, false); }

void Site::joined(Connection&) {
    ++connections_;
    ++opening_;
}

void Site::left(Connection& connection) {
    ANGARIUM_ASSERT(connections_ > 0);
    --connections_;
    if (!connection.was_open()) --opening_;
    if (connections_ == 0) recalled_ = false;
    context_.budget.leave(proven_);
}

void Site::session_ready() {
    --opening_;
    opened_ = true;
}

void Site::transaction_finished(bool growth) {
    strikes_ = 0;
    if (!proven_) set_proven(true);
    if (growth) context_.desk.worked(name_);
}

void Site::open_failed(const Judgement& judgement) {
    if (judgement.ours) {
        hold_back_until_ = context_.shard.now() + hold_back_ours;
        context_.pause();
        return;
    }
    context_.desk.failed(name_);
    if (connections_ - opening_ == 0)
        unreachable(judgement);
    else
        hold_back_until_ = context_.shard.now() + hold_back;
}

// A server that hangs up again and again on the mail of one destination says something about that mail: it waits, and its
// neighbours go on, also those that come later. Where it hangs up on one after the other, it is the site.
void Site::session_lost(const Judgement& judgement, bool fruitless, DestinationState& whose) {
    if (!fruitless || judgement.ours) return;
    context_.desk.failed(name_);
    if (whose.queue == nullptr) return;  // it waits already; this session was open besides
    // As many as there are connections: a run of bad luck over many is no verdict.
    const unsigned enough = std::max(context_.options.strikes, connections_);
    const bool has_neighbours = destinations_ > 1;
    auto striker = name_of(*whose.queue);
    const bool another = strikes_ == 0 || striker != striker_;
    if (has_neighbours && ++whose.strikes >= enough) {
        whose.strikes = 0;
        fail(whose, judgement);
    }
    if (has_neighbours && !another) return;
    several_strikers_ = strikes_ > 0 && (several_strikers_ || another);
    striker_ = std::move(striker);
    if (++strikes_ >= enough) unreachable(judgement, several_strikers_ ? std::string() : striker_);
}

bool Site::second_try_helps() const { return context_.shard.now() >= no_second_try_until_; }
void Site::second_try_failed() { no_second_try_until_ = context_.shard.now() + no_second_try; }

bool Site::may_put_back(const MessageId& id) {
    if (put_back_ == id) return false;
    put_back_ = id;
    return true;
}

void Site::set_proven(bool proven) {
    if (proven_ == proven) return;
    proven_ = proven;
    for (unsigned i = 0; i < connections_; ++i) {
        if (proven)
            context_.budget.prove();
        else
            context_.budget.doubt();
    }
}

void Site::unreachable(const Judgement& judgement, std::string striker) {
    opened_ = false;
    strikes_ = 0;
    set_proven(false);
    const auto& options = context_.options;
    rest_until_ = context_.shard.now() + (judgement.login ? options.login_rest : options.site_rest);
    rest_reason_ = judgement;
    rest_of_ = std::move(striker);
    context_.desk.unreachable(name_);
    fail_all(judgement);
}

void Site::fail_all(const Judgement& judgement) {
    std::vector<std::shared_ptr<DestinationState>> all;  // the queue may add and remove while we go
    turn_.each([&all](DestinationState& destination) {
        all.push_back(destination.shared_from_this());
        return true;
    });
    for (const auto& destination : all) fail(*destination, judgement);
}

void Site::fail(DestinationState& destination, const Judgement& judgement) {
    if (destination.queue == nullptr) return;  // gone
    destination.turn.leave();
    context_.outlet.fail(*destination.queue, judgement.verdict, judgement.reason);
}

}  // namespace angarium::outbound

// Site: where the mail of one or many destinations goes: the hosts of a static route, or one set of mail exchangers, under
// one protection. It holds the destinations with ready mail in a round robin, so that one domain never starves another, decides when a
// connection is wanted, and judges whether the site as a whole can be reached.
//
//   probing      no session was ready yet, or the site was found unreachable: at most one connection
//   open         a session was ready: up to the slots that the home shard lends
//   proven       a transaction was finished: no longer held to the unproven sites' share of all connections
//   unreachable  every address failed, or sessions keep breaking: all ready destinations fail at once, and those that come
//                within Options::site_rest hear the same, or only the one on whose mail all those sessions broke; then
//                probing again
//
// Owning thread: the shard's. Errors: Outlet::fail for destinations, never for single deliveries.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/chain.hpp"
#include "engine/outbound/context.hpp"
#include "engine/outbound/slots.hpp"
#include "engine/outbound/verdict.hpp"
#include "queue/carrier.hpp"

namespace angarium::outbound {

// What outbound knows of a destination, from its first ready mail until the queue forgets it.
struct DestinationState : std::enable_shared_from_this<DestinationState> {
    explicit DestinationState(queue::ReadyQueue& destination)
        : queue(&destination), known(*this), turn(*this) {}
    queue::ReadyQueue* queue;  // null: gone
    Site* site = nullptr;
    MonoTime resolved_at{};
    bool resolving = false;
    unsigned strikes = 0;  // sessions in a row that broke on its mail without a finished transaction
    std::shared_ptr<DestinationState> self;  // until it is gone
    Link<DestinationState> known;            // to the dispatcher
    Link<DestinationState> turn;             // in the round robin of its site
};

// One address of a site.
struct SiteAddress {
    std::string host;  // the exchanger's name
    unsigned preference = 0;
    Endpoint endpoint;
};

class Site final : public SlotHolder {
  public:
    Site(Context& context, std::string name, ProtectionId protection);
    // No connections are left.
    ~Site() override;

    const std::string& name() const { return name_; }
    ProtectionId protection() const { return protection_; }
    void set_addresses(std::vector<SiteAddress> addresses);
    // When it was told of its addresses; zero: not yet.
    MonoTime addressed_at() const { return addressed_at_; }
    // The addresses to try next: living ones first, then by preference, in random order among equals; without those
    // that were tried already.
    std::vector<SiteAddress> candidates(const std::vector<Endpoint>& tried, bool only_living) const;
    // A living address is preferred to one of this preference.
    bool has_better(unsigned preference) const;

    // --- destinations ---
    void adopt(DestinationState& destination);    // it belongs here now
    void abandon(DestinationState& destination);  // it goes
    // Has ready mail; no effect if it stands in line.
    void enlist(DestinationState& destination);
    // The site was found unreachable a moment ago, as far as this destination goes: enlisting makes no sense.
    const Judgement* resting(const DestinationState& destination) const;
    // What it lacked may be there now.
    void end_rest() { rest_until_ = {}; }
    // The next delivery in turn, and whose it is.
    std::unique_ptr<queue::Delivery> next(std::shared_ptr<DestinationState>& whose);
    // Wakes idle connections and asks for more, as the mail at hand demands. Cheap: called after every take.
    void consider();

    // --- connections ---
    void granted(Slot slot) override;
    void withdrawn(unsigned count) override;
    void recalled(bool firm) override;
    void joined(Connection& connection);
    void left(Connection& connection);
    void idle(Link<Connection>& link) { idle_.push_back(link); }
    void awake() { --waking_; }
    // A firm recall is to be answered by the caller, who closes.
    bool take_recall();
    void session_ready();
    // `growth`: the first of its session, and mail was taken.
    void transaction_finished(bool growth);
    // No address took a connection.
    void open_failed(const Judgement& judgement);
    // A session broke on this destination's mail; `fruitless`: without one finished transaction.
    void session_lost(const Judgement& judgement, bool fruitless, DestinationState& whose);
    // Whether a second exchanger is worth trying for a delivery that the first deferred.
    bool second_try_helps() const;
    void second_try_failed();
    // The same delivery may be put back once; twice in a row it must count as an attempt.
    bool may_put_back(const MessageId& id);

    bool proven() const { return proven_; }
    // Nothing depends on it, and nobody needs to hear that it rests.
    bool unused() const { return destinations_ == 0 && connections_ == 0 && requested_ == 0 && !rests(); }
    Link<Site>& hunger() { return hunger_; }

  private:
    std::size_t mail_at_hand(std::size_t enough) const;
    unsigned most_connections() const;
    unsigned wanted_connections(std::size_t mail) const;
    bool rests() const;
    // `striker`: what is known is about this destination alone; else empty.
    void unreachable(const Judgement& judgement, std::string striker = {});
    void fail(DestinationState& destination, const Judgement& judgement);
    void fail_all(const Judgement& judgement);
    void set_proven(bool proven);
    bool holds_back() const;

    Context& context_;
    const std::string name_;
    const ProtectionId protection_;
    std::vector<SiteAddress> addresses_;
    MonoTime addressed_at_{};

    Chain<DestinationState> turn_;
    std::size_t destinations_ = 0;

    Chain<Connection> idle_;
    unsigned connections_ = 0;  // from the slot on
    unsigned opening_ = 0;      // of those, without a session yet
    unsigned requested_ = 0;    // slots asked for
    unsigned waking_ = 0;       // idle ones that were told of mail and have not run yet
    bool opened_ = false;       // a session was ready since the site was unreachable
    bool proven_ = false;
    bool recalled_ = false;

    unsigned strikes_ = 0;  // sessions in a row without a finished transaction
    std::string striker_;   // the destination on whose mail the last one broke
    bool several_strikers_ = false;
    MonoTime hold_back_until_{};  // no new connections before
    MonoTime rest_until_{};       // unreachable
    Judgement rest_reason_;
    std::string rest_of_;  // who hears it; empty: everybody
    MonoTime no_second_try_until_{};
    MessageId put_back_;
    Link<Site> place_;  // in Context::sites
    Link<Site> hunger_;
};

}  // namespace angarium::outbound

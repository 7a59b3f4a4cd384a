// Slots: how many connections a site may have, over all shards. A site's home shard (hash of its name) keeps the book:
// it lends slots to shards, one hop for a connection and not for a message, learns from what they tell, and calls
// slots back when others wait.
//
//   borrower --request--> home --grant--> borrower    a connection may be opened
//   borrower --return---> home                        it is closed; whoever waits and holds least gets the slot
//   borrower --withdraw-> home                        the mail has run out: forget my requests that wait
//   home --withdrawn(n)-> borrower                    so many are forgotten; others were granted before
//   borrower --worked---> home                        a connection finished its first transaction: the limit grows by one
//   borrower --failed---> home                        one could not be opened: the limit shrinks below what is lent
//   borrower --unreachable-> home                     none could: the limit starts anew
//   home --recall-------> borrower                    others wait: close an idle connection, or (firm: you hold far more
//                                                     than they) the next one that finishes its delivery
//
// Where home and borrower are the same shard these are calls, and a grant may come from inside request(). A grant that is
// not wanted any more is simply returned. A slot is returned exactly once, by the destructor of the one Slot that stands
// for it.
//
// Each SlotDesk belongs to its shard's thread; the SlotSet is made before the shards run and outlives their letters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/outbound/string_map.hpp"
#include "engine/runtime/shard.hpp"

namespace angarium::outbound {

class SlotDesk;
class SlotSet;

// What one shard has borrowed for one site.
struct Borrowed {
    std::string site;
    class SlotHolder* holder = nullptr;  // null: the site is gone here
    unsigned lent = 0;
    unsigned requested = 0;
    bool withdrawing = false;
};

// Permission for one connection. Move-only; gives itself back.
class Slot {
  public:
    Slot() = default;
    Slot(Slot&& other) noexcept
        : desk_(std::exchange(other.desk_, nullptr)), borrowed_(std::exchange(other.borrowed_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
        if (this != &other) {
            give_back();
            desk_ = std::exchange(other.desk_, nullptr);
            borrowed_ = std::exchange(other.borrowed_, nullptr);
        }
        return *this;
    }
    ~Slot() { give_back(); }

    explicit operator bool() const { return desk_ != nullptr; }
    void give_back();

  private:
    friend class SlotDesk;
    Slot(SlotDesk& desk, Borrowed& borrowed) : desk_(&desk), borrowed_(&borrowed) {}
    SlotDesk* desk_ = nullptr;
    Borrowed* borrowed_ = nullptr;
};

// A shard's side of a site.
class SlotHolder {
  public:
    virtual ~SlotHolder() = default;
    // One of the requested slots. Dropping it returns it.
    virtual void granted(Slot slot) = 0;
    // So many requests will not be granted any more.
    virtual void withdrawn(unsigned count) = 0;
    virtual void recalled(bool firm) = 0;
};

struct SlotLimits {
    unsigned start = 5;
    unsigned most = 20;
};

class SlotDesk {
  public:
    SlotDesk(SlotSet& set, ShardId self, SlotLimits limits) : set_(set), self_(self), limits_(limits) {
        limits_.start = std::min(limits_.start, limits_.most);
    }

    // The site exists on this shard. Its name stays with the holder until leave().
    void join(std::string_view site, SlotHolder& holder);
    // No more grants; slots that are out come back on their own.
    void leave(std::string_view site);
    void request(std::string_view site);
    // Takes back the requests that wait at home; withdrawn() says how many.
    void withdraw(std::string_view site);
    void worked(std::string_view site) { tell(Kind::worked, site); }
    void failed(std::string_view site) { tell(Kind::failed, site); }
    void unreachable(std::string_view site) { tell(Kind::unreachable, site); }

    // For tests and metrics: what this shard has borrowed, and what it has lent as a home.
    std::size_t borrowed() const { return borrowed_.size(); }
    unsigned lent(std::string_view site) const;
    unsigned lent() const;  // for all sites
    unsigned limit(std::string_view site) const;

  private:
    friend class Slot;
    friend class SlotLetter;
    enum class Kind : std::uint8_t {
        request,
        withdraw,
        give_back,
        worked,
        failed,
        unreachable,
        grant,
        withdrawn,
        recall,
        recall_firmly,
    };

    struct Home {
        unsigned limit = 0;
        unsigned lent = 0;
        std::vector<unsigned> lent_to;  // by shard
        std::vector<unsigned> waiting;  // requests not granted yet, by shard
        bool recalled = false;          // since the last return
        unsigned serving = 0;           // grants under way below us on the stack: the entry stays
    };

    // The number of sites whose limit is remembered while nothing is lent.
    static constexpr std::size_t most_remembered = 10'000;

    void tell(Kind kind, std::string_view site);
    void receive(Kind kind, std::string_view site, ShardId from, unsigned count);
    void post(ShardId to, Kind kind, std::string_view site, unsigned count = 0);
    // Borrower.
    void give_back(Borrowed& borrowed);
    void on_grant(std::string_view site);
    void on_withdrawn(std::string_view site, unsigned count);
    void on_recall(std::string_view site, bool firm);
    void forget_if_unused(Borrowed& borrowed);
    // Home.
    Home& home_of(std::string_view site);
    void on_request(std::string_view site, ShardId from);
    void on_return(std::string_view site, ShardId from);
    void on_withdraw(std::string_view site, ShardId from);
    void serve(std::string_view site, Home& home);
    std::optional<ShardId> poorest(const Home& home) const;
    void balance(std::string_view site, Home& home);
    void trim(std::string_view site);

    SlotSet& set_;
    ShardId self_;
    SlotLimits limits_;
    StableNameMap<Borrowed> borrowed_;
    StableNameMap<Home> homes_;
};

class SlotSet {
  public:
    SlotSet(unsigned shards, SlotLimits limits);
    SlotDesk& desk(ShardId shard) { return *desks_[index(shard)]; }
    unsigned shards() const { return static_cast<unsigned>(desks_.size()); }
    ShardId home(std::string_view site) const;

  private:
    std::vector<std::unique_ptr<SlotDesk>> desks_;
};

}  // namespace angarium::outbound

// Connection: one outbound connection's life, from the slot to the close:
//
//   open    an idle session to one of the site's addresses if there is one (of whatever site), else the addresses in turn;
//           where opportunistic TLS fails, the same address once more in plain text
//   carry   the site's next delivery, again and again: attempt, settle
//   idle    wait for mail; until the idle time is over, the peer goes, the slot is recalled, or another site takes the
//           session over
//   close   QUIT
//
// It is an object inside the frame of its coroutine, which the context's gate holds. Owning thread: the shard's.
// Errors: told to the site (open_failed, session_lost) and to the queue (outcomes, put_back).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/outbound/attempt.hpp"
#include "engine/outbound/client_session.hpp"
#include "engine/outbound/context.hpp"
#include "engine/outbound/site.hpp"

namespace angarium::outbound {

class Connection {
  public:
    // The whole life. The budget was entered; the slot is the site's.
    static runtime::Task<void> run(Context& context, Site& site, Slot slot);

    // Idle only: there is mail; or close.
    void wake();
    void dismiss();
    // For the end: stop waiting (idle), or break off whatever is under way.
    void drain();
    void abort();
    bool was_open() const { return was_open_; }

  private:
    Connection(Context& context, Site& site, Slot slot);
    ~Connection();
    Connection(const Connection&) = delete;

    runtime::Task<void> live();
    runtime::Task<bool> open(std::vector<SiteAddress> addresses);
    runtime::Task<bool> open_at(SiteAddress address);
    runtime::Task<bool> open_session(SiteAddress address, bool plain);
    Security security_for(const SiteAddress& address, bool plain) const;
    const Protection& protection() const { return context_.options.protections[site_.protection()]; }
    bool take_over(const SiteAddress& address);
    void set_ready(bool reused, MonoTime began);
    runtime::Task<void> close(bool polite);
    bool worn_out() const;

    runtime::Task<bool> idle();
    void leave_idle();

    runtime::Task<void> carry(std::unique_ptr<queue::Delivery> delivery,
                              std::shared_ptr<DestinationState> whose);
    runtime::Task<bool> carry_content(queue::BlockRef first, DestinationState& whose);
    runtime::Task<bool> carry_over_sessions(Content& content, DestinationState& whose);
    runtime::Task<void> run_transactions(Content& content);
    bool put_back_if_untried();
    void note_loss(DestinationState& whose);
    runtime::Task<bool> move_on();
    void settle(DestinationState& whose);
    ReuseKey key_of(const SiteAddress& address) const;

    Context& context_;
    Site& site_;
    Slot slot_;
    Link<Connection> link_;       // in Context::connections
    Link<Connection> site_idle_;  // in Site::idle_
    IdlePool::Place idle_place_;
    runtime::Timer idle_timer_;
    bool idle_over_ = false;
    bool woken_ = false;
    bool dismissed_ = false;
    bool was_open_ = false;

    std::unique_ptr<ClientSession> session_;
    std::string peer_;  // its address as text
    std::optional<runtime::TlsSummary> tls_;
    SiteAddress address_;           // of the session
    bool second_choice_ = false;    // reached because the one before let a delivery down
    std::uint32_t connect_us_ = 0;  // told with the session's first outcome
    std::optional<Judgement> last_failure_;
    std::vector<Endpoint> tried_;  // by the attempt under way
    Attempt attempt_;
    bool answered_ = false;  // a transaction of the attempt went to its end
};

}  // namespace angarium::outbound

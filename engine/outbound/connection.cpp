#include "engine/outbound/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/base/assert.hpp"

namespace angarium::outbound {

using metrics::Count;
using metrics::Level;
using metrics::Spread;
using runtime::Task;

namespace {

std::uint32_t microseconds(Duration duration) {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    const std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 0, most));
}

// A connection has gone: sites that found no room may try again. Not all of them each time: their number has no bound.
void feed(Context& context) {
    constexpr int most_at_once = 16;
    for (int i = 0; i < most_at_once && !context.hungry.empty() && !context.budget.full(); ++i) {
        Site& site = context.hungry.front();
        site.hunger().leave();
        site.consider();
    }
}

}  // namespace

Connection::Connection(Context& context, Site& site, Slot slot)
    : context_(context),
      site_(site),
      slot_(std::move(slot)),
      link_(*this),
      site_idle_(*this),
      idle_place_(*this),
      idle_timer_(
          [](void* self) {
              auto& connection = *static_cast<Connection*>(self);
              connection.idle_over_ = true;
              if (connection.session_) connection.session_->nudge();
          },
          this) {
    context_.connections.push_back(link_);
    site_.joined(*this);
}

Connection::~Connection() {
    link_.leave();
    site_.left(*this);
    slot_.give_back();
}

// The work begins in a later round: whoever asked for the connection is deep inside the queue's call.
Task<void> Connection::run(Context& context, Site& site, Slot slot) {
    {
        Connection connection(context, site, std::move(slot));
        Yield later;
        co_await later;
        co_await connection.live();
    }
    if (!context.draining) {
        site.consider();
        feed(context);
    }
}

Task<void> Connection::live() {
    tried_.clear();
    const bool opened = co_await open(site_.candidates(tried_, false));
    if (!opened) {
        if (!context_.draining) site_.open_failed(*last_failure_);
        co_return;
    }
    while (session_ && session_->usable() && !worn_out()) {
        std::shared_ptr<DestinationState> whose;
        auto delivery = site_.next(whose);
        if (delivery) {
            site_.consider();
            co_await carry(std::move(delivery), std::move(whose));
            continue;
        }
        const bool again = co_await idle();
        if (!again) break;
    }
    co_await close(true);
}

bool Connection::worn_out() const {
    return context_.draining || session_->transactions() >= context_.options.deliveries_per_connection ||
           (second_choice_ && site_.has_better(address_.preference)) || site_.take_recall();
}

// --- open ---

// A certificate was verified for one host's name; at the same address there may be others.
ReuseKey Connection::key_of(const SiteAddress& address) const {
    ReuseKey key{address.endpoint, context_.options.source, site_.protection(), {}};
    if (protection().policy == TlsPolicy::verified) key.name = address.host;
    return key;
}

// `plain`: TLS failed there, and may be left out.
Security Connection::security_for(const SiteAddress& address, bool plain) const {
    const Protection& wanted = protection();
    Security security;
    if (!context_.materials) return security;
    security.policy = wanted.policy;
    security.host = address.host;
    security.login = (*context_.materials)[site_.protection()].login;
    security.auth_without_tls = wanted.auth_without_tls;
    security.workers = context_.workers;
    if (plain || wanted.policy == TlsPolicy::none) return security;
    security.implicit = wanted.implicit;
    security.tls = (*context_.materials)[site_.protection()].tls;
    // An address literal's host is written as in the recipient's address.
    security.peer.name = address.host.starts_with('[') ? address.endpoint.address.text() : address.host;
    security.peer.acceptable = wanted.names;
    if (wanted.policy == TlsPolicy::verified) security.peer.verify = runtime::TlsVerify::name_and_chain;
    security.peer.session_key = fmt::format("{} {}", address.endpoint.text(), site_.protection());
    return security;
}

// Tries one after the other. True: session_ is ready.
Task<bool> Connection::open(std::vector<SiteAddress> addresses) {
    std::size_t refusals_for_ever = 0, failures = 0;
    for (const SiteAddress& address : addresses) {
        if (context_.draining) break;
        tried_.push_back(address.endpoint);
        if (take_over(address)) co_return true;
        const bool opened = co_await open_at(address);
        if (opened) co_return true;
        if (last_failure_->ours) co_return false;
        ++failures;
        if (last_failure_->never) ++refusals_for_ever;
        context_.addresses.failed(address.endpoint, site_.protection(), context_.shard.now());
    }
    if (!last_failure_) last_failure_ = judge(Stage::connect, Fault::failed);
    if (failures > 0 && failures == refusals_for_ever) last_failure_ = as_permanent(*last_failure_);
    co_return false;
}

bool Connection::take_over(const SiteAddress& address) {
    Connection* other = context_.idle.find(key_of(address));
    if (other == nullptr) return false;
    other->leave_idle();
    other->session_->nudge();
    session_ = std::move(other->session_);
    address_ = address;
    set_ready(true, context_.shard.now());
    return true;
}

Task<bool> Connection::open_at(SiteAddress address) {
    const bool optional = protection().policy == TlsPolicy::opportunistic;
    const bool plain =
        optional && context_.without_tls.rests(address.endpoint, site_.protection(), context_.shard.now());
    const bool opened = co_await open_session(address, plain);
    if (opened || plain || !optional || !last_failure_->tls || context_.draining) co_return opened;
    context_.without_tls.failed(address.endpoint, site_.protection(), context_.shard.now());
    context_.metrics.add(Count::tls_out_fallbacks);
    const bool opened_plain = co_await open_session(std::move(address), true);
    co_return opened_plain;
}

Task<bool> Connection::open_session(SiteAddress address, bool plain) {
    const MonoTime began = context_.shard.now();
    auto stream = co_await context_.network.connect(address.endpoint, context_.options.source,
                                                    began + context_.options.timeouts.connect);
    if (!stream) {
        last_failure_ = judge(Stage::connect, fault_of(stream.error()));
        context_.metrics.add(last_failure_->silent ? Count::outbound_failed_timeout
                                                   : Count::outbound_failed_connect);
        co_return false;
    }
    if (context_.draining) {
        last_failure_ = judge(Stage::connect, Fault::shutdown);
        co_return false;
    }
    session_ = std::make_unique<ClientSession>(context_.shard, *std::move(stream), context_.options,
                                               context_.metrics, security_for(address, plain));
    const bool opened = co_await session_->open();
    if (opened) {
        context_.addresses.works(address.endpoint, site_.protection());
        context_.metrics.add(Count::outbound_opened);
        context_.metrics.add(Level::outbound_open, 1);
        context_.in_doubt.session_opened();
        context_.metrics.observe(Spread::connect_time, context_.shard.now() - began);
        address_ = std::move(address);
        set_ready(false, began);
        co_return true;
    }
    last_failure_ = session_->loss();
    if (!last_failure_) last_failure_ = judge(Stage::banner, Fault::disconnected);
    context_.metrics.add(last_failure_->silent ? Count::outbound_failed_timeout
                         : last_failure_->tls  ? Count::outbound_failed_tls
                                               : Count::outbound_failed_greeting);
    co_await session_->close(false);
    session_.reset();
    co_return false;
}

void Connection::set_ready(bool reused, MonoTime began) {
    peer_ = address_.endpoint.text();
    tls_ = session_->tls();
    connect_us_ = reused ? 0 : std::max(1u, microseconds(context_.shard.now() - began));
    if (std::exchange(was_open_, true)) return;
    site_.session_ready();
}

Task<void> Connection::close(bool polite) {
    if (!session_) co_return;
    co_await session_->close(polite);
    context_.metrics.add(Level::outbound_open, -1);
    context_.in_doubt.session_closed();
    context_.metrics.observe(Spread::connection_messages, std::uint64_t{session_->transactions()});
    session_.reset();
}

// --- idle ---

// True: there may be mail.
Task<bool> Connection::idle() {
    woken_ = dismissed_ = idle_over_ = false;
    site_.idle(site_idle_);
    context_.idle.add(idle_place_, key_of(address_));
    context_.metrics.add(Level::outbound_idle, 1);
    idle_timer_.arm(context_.shard.timers(), context_.shard.now() + context_.options.idle);
    while (session_ && session_->usable() && !woken_ && !dismissed_ && !idle_over_ && !context_.draining) {
        auto changed = session_->changed();
        co_await changed;
    }
    leave_idle();
    if (woken_) site_.awake();
    co_return woken_&& session_ && session_->usable();
}

void Connection::leave_idle() {
    if (!site_idle_.linked()) return;
    idle_timer_.disarm();
    site_idle_.leave();
    context_.idle.remove(idle_place_);
    context_.metrics.add(Level::outbound_idle, -1);
}

void Connection::wake() {
    woken_ = true;
    leave_idle();
    session_->nudge();
}

void Connection::dismiss() {
    dismissed_ = true;
    leave_idle();
    session_->nudge();
}

void Connection::drain() {
    if (site_idle_.linked())
        session_->nudge();
    else if (!was_open_)
        abort();
}

void Connection::abort() {
    if (session_) session_->abort(Fault::shutdown);
}

// --- carry ---

Task<void> Connection::carry(std::unique_ptr<queue::Delivery> delivery,
                             std::shared_ptr<DestinationState> whose) {
    attempt_.begin(std::move(delivery), context_.shard.now());
    answered_ = false;
    context_.metrics.add(Count::attempts);
    if (session_->transactions() > 0) context_.metrics.add(Count::outbound_reused);
    queue::BlockRef first = attempt_.delivery().body;
    if (!first) {
        const auto fetched = co_await context_.outlet.fetch(attempt_.delivery(), 0);
        if (fetched) first = *fetched;
    }
    if (first) {
        const bool attempted = co_await carry_content(std::move(first), *whose);
        if (!attempted) co_return;
    } else {
        attempt_.end_rest(judge(Obstacle::body_unreadable));
    }
    settle(*whose);
}

// False: the delivery was put back. Else every recipient has ended.
Task<bool> Connection::carry_content(queue::BlockRef first, DestinationState& whose) {
    Content content{context_.outlet, attempt_.delivery(), std::move(first), &context_.in_doubt};
    const bool attempted = co_await carry_over_sessions(content, whose);
    // What the peer took stays in doubt until it is on record: Dispatcher::recorded.
    if (content.admitted && !(attempted && attempt_.outcome().remote_accepted)) context_.in_doubt.leave();
    co_return attempted;
}

Task<bool> Connection::carry_over_sessions(Content& content, DestinationState& whose) {
    tried_.assign(1, address_.endpoint);
    for (unsigned sessions = 1;; ++sessions) {
        co_await run_transactions(content);
        if (put_back_if_untried()) co_return false;
        if (!session_->usable()) note_loss(whose);
        if (sessions > 1 && attempt_.hopeful()) site_.second_try_failed();
        // What the first deferred the second took: new connections go there for a while.
        if (sessions > 1 && attempt_.outcome().remote_accepted)
            context_.addresses.failed(tried_.front(), site_.protection(), context_.shard.now());
        if (!attempt_.hopeful() || sessions >= context_.options.sessions_per_attempt) co_return true;
        const bool moved = co_await move_on();
        if (!moved) co_return true;
        attempt_.reopen();
    }
}

Task<void> Connection::run_transactions(Content& content) {
    const auto obstacle = session_->obstacle(attempt_.facts());
    if (obstacle) attempt_.end_rest(*obstacle);
    while (session_->usable() && attempt_.next_batch(context_.options.recipients_per_transaction)) {
        const bool first = session_->transactions() == 0;
        co_await session_->transact(attempt_, content);
        if (!session_->mail_answered() || session_->loss()) co_return;
        answered_ = true;
        site_.transaction_finished(first && attempt_.outcome().remote_accepted);
    }
}

// A session that had carried mail before and broke before MAIL was answered says nothing about this delivery; nor does
// our own shutdown, as long as the peer cannot have taken it.
bool Connection::put_back_if_untried() {
    if (session_->usable() || !session_->loss() || !attempt_.untouched()) return false;
    const Judgement& loss = *session_->loss();
    const bool stale = !session_->mail_answered() && session_->transactions() > 1;
    const bool ours = loss.ours && loss.concern == Concern::exchanger;
    if (!ours && !(stale && site_.may_put_back(attempt_.facts().id))) return false;
    context_.outlet.put_back(attempt_.release());
    return true;
}

// The session broke in the attempt's hands. A refusal that came while the content was being sent ends a session without
// a loss: then only recipients of later transactions are open.
void Connection::note_loss(DestinationState& whose) {
    const Judgement loss = session_->loss() ? *session_->loss() : judge(Stage::mail, Fault::disconnected);
    attempt_.end_rest(loss);
    if (!session_->loss() || loss.ours) return;
    context_.metrics.add(loss.silent ? Count::outbound_failed_timeout : Count::outbound_failed_lost);
    const bool fruitless = !answered_ && session_->transactions() <= 1;
    if (fruitless) context_.addresses.failed(address_.endpoint, site_.protection(), context_.shard.now());
    if (loss.reason.code == 530)
        context_.without_tls.works(address_.endpoint, site_.protection());  // it wants TLS
    site_.session_lost(loss, fruitless, whose);
}

// From an exchanger that let the delivery down to the next one. False: there is none, or none could be reached.
Task<bool> Connection::move_on() {
    if (context_.draining || !site_.second_try_helps()) co_return false;
    auto others = site_.candidates(tried_, true);
    if (others.empty()) co_return false;
    co_await close(true);
    second_choice_ = true;
    const bool opened = co_await open(std::move(others));
    co_return opened;
}

void Connection::settle(DestinationState& whose) {
    queue::Outcome& outcome = attempt_.outcome();
    outcome.site = site_.name();
    outcome.host = address_.host;
    outcome.peer = peer_;
    outcome.tls = tls_;
    outcome.connect_us = std::exchange(connect_us_, 0);
    if (answered_) whose.strikes = 0;
    if (answered_ && whose.queue != nullptr) context_.outlet.reached(*whose.queue);
    auto delivery = attempt_.finish(context_.shard.now());
    context_.metrics.observe(Spread::attempt_time, std::chrono::microseconds(delivery->outcome.attempt_us));
    context_.outlet.settle(std::move(delivery));
}

}  // namespace angarium::outbound

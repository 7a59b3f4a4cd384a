#include "bench/generator.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace angarium::bench {
namespace {

using runtime::Stream;
using runtime::Task;
using Fate = ClientDialogue::Target::Fate;

constexpr Duration connect_timeout = 30s;
constexpr Duration pause_after_refusal = 100ms;
constexpr Duration longest_sleep = 100ms;       // before a look whether all is over
constexpr unsigned most_deferrals = 600;        // a minute of pauses: then the message has failed
constexpr unsigned most_failed_connects = 300;  // in a row, a session's: half a minute of pauses

// What the wall clock showed, or will show, at a monotonic time.
std::uint64_t wall_microseconds_at(std::uint64_t mono) {
    const auto ahead = static_cast<std::int64_t>(mono) - static_cast<std::int64_t>(mono_nanoseconds());
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(wall_microseconds()) + ahead / 1000);
}

}  // namespace

Generator::Generator(SendState& state, SendTally& tally, runtime::RingShard& shard)
    : state_(state), tally_(tally), shard_(shard), random_(state.run + index(shard.id())) {}

Task<void> Generator::run(unsigned sessions, double rate, std::uint64_t offset) {
    if (rate > 0) {
        auto pacer = Pacer::open(shard_.poller(), rate, offset);
        if (!pacer) {
            trouble_ = pacer.error().text;
            co_return;
        }
        pacer_ = std::move(*pacer);
    }
    // Not all at once: a server's queue of new connections may be short (OpenSMTPD's takes five), and who finds it full waits a
    // second or more.
    for (unsigned i = 0; i < sessions; ++i) {
        gate_.hold(session());
        if (i % 4 == 3) co_await shard_.sleep(1ms);
    }
    co_await gate_.closed();
    if (pacer_ && state_.options.messages == 0)
        tally_.behind = pacer_->behind(
            static_cast<std::uint64_t>(std::min(shard_.now(), state_.ends).time_since_epoch().count()));
    pacer_.reset();
}

void Generator::abort() {
    if (pacer_) pacer_->stop();
    for (Stream* stream : streams_) stream->abort(IoError::canceled);
}

bool Generator::may_begin() const {
    if (state_.stop.load(std::memory_order_relaxed)) return false;
    if (shard_.now() >= state_.ends) return false;
    const auto wanted = state_.options.messages;
    return wanted == 0 || state_.claimed.load(std::memory_order_relaxed) < wanted;
}

bool Generator::claim(Ticket& ticket) {
    if (!may_begin()) return false;
    const auto mine = state_.claimed.fetch_add(1, std::memory_order_relaxed);
    if (state_.options.messages != 0 && mine >= state_.options.messages) return false;
    ticket.held = true;
    ticket.failed = false;
    ticket.counts = mine >= state_.options.warm_up;
    ticket.deferrals = 0;
    ticket.number = state_.numbered.fetch_add(1, std::memory_order_relaxed);
    ticket.form = &state_.forms->draw(random_);
    ticket.targets.clear();
    for (unsigned i = 0; i < state_.options.recipients; ++i)
        ticket.targets.push_back({i, state_.choice.draw(random_), Fate::open});
    return true;
}

Task<void> Generator::rest() {
    const auto end = shard_.now() + state_.options.pause;
    while (shard_.now() < end && may_begin())
        co_await shard_.sleep(std::min<Duration>(end - shard_.now(), longest_sleep));
}

void Generator::begin(ClientDialogue& dialogue, Ticket& ticket) {
    if (ticket.counts && tally_.first == 0) tally_.first = mono_nanoseconds();
    dialogue.begin(ticket.number, *ticket.form, ticket.targets,
                   ticket.due == 0 ? 0 : wall_microseconds_at(ticket.due));
}

Task<IoResult<std::unique_ptr<Stream>>> Generator::connect() {
    return shard_.network().connect(state_.options.to, std::nullopt, shard_.now() + connect_timeout);
}

Task<void> Generator::session() {
    ClientDialogue dialogue(state_.options, state_.domains, tally_.errors);
    Ticket ticket;
    unsigned failed_connects = 0;
    while (!state_.stop && (ticket.held || may_begin()) && failed_connects < most_failed_connects) {
        auto stream = co_await connect();
        const bool connected = stream.has_value() && !state_.stop;
        if (connected) {
            streams_.push_back(stream->get());
            tally_.open.set(streams_.size());
            bool ready = true, greeted = false;
            if (state_.options.tls == TlsMode::implicit) ready = co_await secure(*stream);
            if (ready) greeted = co_await converse(*stream, dialogue, ticket);
            const auto place = std::ranges::find(streams_, stream->get());
            *place = streams_.back();
            streams_.pop_back();
            tally_.open.set(streams_.size());
            failed_connects = greeted ? 0 : failed_connects + 1;
            if (!dialogue.hopeless().empty()) {  // the other sessions would fare no better
                trouble_ = dialogue.hopeless();
                state_.stop = true;
            }
        } else if (!stream) {
            tally_.connect_errors.add();
            tally_.errors.lost(Phase::connect, stream.error());
            trouble_ =
                fmt::format("cannot connect to {}: {}", state_.options.to.text(), to_string(stream.error()));
            ++failed_connects;
        }
        if (failed_connects > 0) co_await shard_.sleep(pause_after_refusal);
    }
    if (ticket.held) give_up(ticket);
}

Task<bool> Generator::secure(std::unique_ptr<Stream>& stream) {
    const auto& o = state_.options;
    runtime::TlsPeer peer;
    peer.name = o.tls_name;
    if (!o.ca.empty()) peer.verify = runtime::TlsVerify::name_and_chain;
    peer.session_key = o.to.text();
    const auto place = std::ranges::find(streams_, stream.get()) - streams_.begin();
    auto over = std::make_unique<runtime::TlsStream>(state_.tls[index(shard_.id())], std::move(stream),
                                                     std::move(peer));
    auto& tls = *over;
    streams_[static_cast<std::size_t>(place)] = over.get();
    stream = std::move(over);
    const auto shaken = co_await shake_hands(tls, shard_.now() + o.timeout, tally_.handshakes);
    if (shaken || state_.stop) co_return shaken.has_value();
    tally_.errors.lost(Phase::tls, shaken.error().io);
    trouble_ = shaken.error().text;
    // The other sessions would see the same certificate.
    if (shaken.error().kind == runtime::TlsError::Kind::certificate) state_.stop = true;
    co_return false;
}

// One connection, from its greeting to its end.
Task<bool> Generator::converse(std::unique_ptr<Stream>& stream, ClientDialogue& dialogue, Ticket& ticket) {
    const auto most = state_.options.messages_per_session;
    std::uint64_t begun = 0;
    bool greeted = false;
    std::optional<IoError> lost;
    dialogue.connected();
    while (!dialogue.over()) {
        if (dialogue.idle()) {
            if (!greeted) tally_.connections.add();
            greeted = true;
            if (ticket.held && ticket.deferrals > 0) co_await shard_.sleep(pause_after_refusal);
            if (!ticket.held && begun > 0 && (most == 0 || begun < most)) co_await rest();
            if (!ticket.held && pacer_ && (most == 0 || begun < most) && may_begin()) {
                const auto due = co_await pacer_->next();
                ticket.due = due.value_or(0);
            }
            const bool more = (most == 0 || begun < most) && !state_.stop;
            const bool begins = more && (ticket.held || claim(ticket));
            if (pacer_ && !may_begin()) pacer_->stop();  // nobody need wait for a slot that has no message
            if (begins) {
                ++begun;
                begin(dialogue, ticket);
            } else {
                dialogue.quit();
            }
        }
        const auto flight = dialogue.flight();
        if (!flight.empty()) {
            const auto written = co_await stream->write(flight, shard_.now() + state_.options.timeout);
            if (!written) {
                lost = written.error();
                break;
            }
        }
        const auto input = co_await stream->read(shard_.now() + state_.options.timeout);
        if (!input) {
            lost = input.error();
            break;
        }
        dialogue.feed(*input);
        if (dialogue.wants_tls()) {
            const bool secured = co_await secure(stream);
            if (!secured) co_return false;
            dialogue.secured();
        }
        if (dialogue.ended()) settle(ticket, dialogue, false);
    }
    const auto phase = dialogue.phase();
    if (lost && phase != Phase::quit && !state_.stop) tally_.errors.lost(phase, *lost);
    if (!greeted && !state_.stop)
        trouble_ = lost ? fmt::format("{} before the reply to {}", to_string(*lost), to_string(phase))
                        : "the server refused the connection";
    if (dialogue.under_way()) settle(ticket, dialogue, true);
    co_return greeted;
}

void Generator::settle(Ticket& ticket, const ClientDialogue& dialogue, bool lost) {
    const auto now = mono_nanoseconds();
    bool accepted = false, open = false;
    for (const auto& target : ticket.targets) {
        if (target.fate == Fate::accepted) {
            tally_.recipients.add();
            accepted = true;
        } else if (target.fate == Fate::failed) {
            ticket.failed = true;
        } else {
            open = true;
        }
    }
    if (accepted && ticket.counts) {
        tally_.last = now;
        const auto service = now - dialogue.content_started();
        tally_.latency.record(ticket.due == 0 ? service : now - ticket.due);
        if (ticket.due != 0) tally_.service.record(service);
    }
    if (!open) {
        ticket.held = false;
        (ticket.failed ? tally_.failed : tally_.messages).add();
        if (!ticket.failed) tally_.bytes += ticket.form->size();
        if (!ticket.failed && ticket.counts) {
            ++tally_.measured;
            tally_.measured_bytes += ticket.form->size();
        }
    } else if (lost) {
        if (dialogue.outcome_unknown())
            ticket.number = state_.numbered.fetch_add(1, std::memory_order_relaxed);
        (dialogue.outcome_unknown() ? tally_.unknown : tally_.interrupted).add();
    } else if (++ticket.deferrals > most_deferrals) {
        give_up(ticket);
    } else {
        tally_.retried.add();
    }
}

void Generator::give_up(Ticket& ticket) {
    ticket.held = false;
    tally_.failed.add();
}

}  // namespace angarium::bench

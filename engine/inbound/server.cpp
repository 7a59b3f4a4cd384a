// Accepts, admits or turns away, and holds what it has begun in one gate.
#include "engine/inbound/server.hpp"

#include "engine/inbound/policy.hpp"

#include <utility>

namespace angarium::inbound {
namespace {
constexpr Duration pause_after_failure = 100ms;  // descriptors may be free again by then
constexpr Duration farewell = 5s;                // for a client that is turned away to read why
}  // namespace

Server::Server(Services services, runtime::Network& network)
    : services_(std::move(services)), network_(network) {}

Server::~Server() = default;

Result<void> Server::listen(std::span<const Endpoint> addresses) {
    const auto& wanted = services_.options.listeners;
    ANGARIUM_ASSERT(addresses.empty() || addresses.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        auto listener = network_.listen(addresses.empty() ? wanted[i].address : addresses[i]);
        if (!listener) return std::unexpected(listener.error());
        listeners_.push_back(std::move(*listener));
    }
    return {};
}

std::vector<Endpoint> Server::addresses() const {
    std::vector<Endpoint> bound;
    for (const auto& listener : listeners_) bound.push_back(listener->local());
    return bound;
}

void Server::start() {
    for (std::size_t i = 0; i < listeners_.size(); ++i) gate_.hold(accept(i));
}

runtime::Task<void> Server::accept(std::size_t listener) {
    while (!draining_) {
        auto stream = co_await listeners_[listener]->accept();
        if (stream) {
            admit(std::move(*stream), listener);
            continue;
        }
        if (stream.error() == IoError::canceled) break;
        services_.sheet.add(stream.error() == IoError::no_descriptors
                                ? metrics::Count::accept_failed_descriptors
                                : metrics::Count::accept_failed_other);
        co_await services_.shard.sleep(pause_after_failure);
    }
}

void Server::admit(std::unique_ptr<runtime::Stream> stream, std::size_t listener) {
    using metrics::Count;
    auto& sheet = services_.sheet;
    sheet.add(Count::connections_accepted);
    auto terms = services_.in_force.listeners[listener];
    // A client of implicit TLS would not understand a reply before the handshake, and that is not worth its work.
    const bool mute = terms->listener.tls == TlsMode::implicit;
    if (draining_) {
        sheet.add(Count::refused_draining);
        if (!mute) gate_.hold(turn_away(std::move(stream), replies::going_down));
        return;
    }
    const auto client = stream->peer().address.unmapped();
    const bool exempt = terms->listener.relay.is_relay_network(client);
    if (const auto refusal = services_.connections.open(client, exempt)) {
        sheet.add(*refusal == ConnectionRefusal::total ? Count::refused_total_limit
                                                       : Count::refused_address_limit);
        if (!mute) gate_.hold(turn_away(std::move(stream), replies::too_many_connections));
        return;
    }
    gate_.hold(converse(std::move(stream), std::move(terms), exempt));
}

runtime::Task<void> Server::converse(std::unique_ptr<runtime::Stream> stream,
                                     std::shared_ptr<const Terms> terms, bool exempt) {
    const auto client = stream->peer().address.unmapped();
    services_.sheet.add(metrics::Level::sessions_open, 1);
    const auto place = sessions_.emplace(sessions_.end(), services_, std::move(stream), std::move(terms));
    co_await place->run();
    sessions_.erase(place);
    services_.sheet.add(metrics::Level::sessions_open, -1);
    services_.connections.close(client, exempt);
}

// A 421 in place of the banner; then the client may read it and close. When many take their time, the others are closed as
// soon as it is said: they hold descriptors that no limit counts.
runtime::Task<void> Server::turn_away(std::unique_ptr<runtime::Stream> stream, smtp::FixedReply reply) {
    std::string text;
    reply.append_to(text);
    const auto deadline = services_.shard.now() + farewell;
    const auto written = co_await stream->write(text, deadline);
    if (!written || turned_away_ == most_turned_away) co_return;
    ++turned_away_;
    stream->half_close();
    for (bool open = true; open;) {
        const auto read = co_await stream->read(deadline);
        open = read.has_value() && services_.shard.now() < deadline;
    }
    --turned_away_;
}

void Server::drain() {
    if (std::exchange(draining_, true)) return;
    for (const auto& listener : listeners_) listener->close();
    for (auto& session : sessions_) session.drain();
}

void Server::abort() {
    for (auto& session : sessions_) session.abort();
}

}  // namespace angarium::inbound

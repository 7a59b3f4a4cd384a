// See server.hpp.
#include "engine/http/server.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace angarium::http {
namespace {

using runtime::Stream;
using runtime::Task;

constexpr Duration accept_pause = 100ms;  // after a failed accept: descriptors may come back
constexpr std::size_t linger_bytes =
    1024 * 1024;  // what a refused client may still send before we stop listening

// RFC 9110, section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(WallTime now) {
    const auto seconds = std::chrono::system_clock::to_time_t(now);
    return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(seconds));
}

std::string head_of(const Response& response, bool keep_alive, WallTime now) {
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
        "Connection: {}\r\n",
        response.status, reason_of(response.status), http_date(now), response.content_type,
        response.body.size(), keep_alive ? "keep-alive" : "close");
    for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
    return head + "\r\n";
}

}  // namespace

Server::Server(runtime::Shard& shard, std::unique_ptr<runtime::Listener> listener, Service& service,
               const Limits& limits, metrics::Sheet& sheet)
    : shard_(shard), listener_(std::move(listener)), service_(service), limits_(limits), sheet_(sheet) {}

Result<std::unique_ptr<Server>> Server::listen(runtime::Shard& shard, runtime::Network& network,
                                               const Endpoint& address, Service& service,
                                               const Limits& limits, metrics::Sheet& sheet) {
    auto listener = network.listen(address);
    if (!listener) return failure("http: " + listener.error().text);
    return std::unique_ptr<Server>(new Server(shard, std::move(*listener), service, limits, sheet));
}

Task<void> Server::accept() {
    while (!stopping_) {
        auto accepted = co_await listener_->accept();
        if (!accepted) {
            if (stopping_ || accepted.error() == IoError::canceled) co_return;
            co_await shard_.sleep(accept_pause);
            continue;
        }
        if (stopping_ || open_.size() >= limits_.connections) continue;  // the stream closes as it goes
        gate_.hold(serve(std::move(*accepted)));
    }
}

Task<void> Server::stop() {
    stopping_ = true;
    listener_->close();
    for (Stream* stream : open_) stream->abort(IoError::canceled);
    co_await gate_.closed();
}

Task<void> Server::serve(std::unique_ptr<Stream> stream) {
    open_.push_back(stream.get());
    sheet_.add(metrics::Level::http_open, 1);
    co_await converse(*stream);
    sheet_.add(metrics::Level::http_open, -1);
    std::erase(open_, stream.get());
}

Task<void> Server::converse(Stream& stream) {
    Parser parser(limits_.parser);
    while (!stopping_) {
        const auto state = co_await receive(stream, parser);
        if (state == Parser::State::more) co_return;
        if (state == Parser::State::failed) {
            co_await refuse(stream, error_response(parser.status(), parser.error()));
            co_return;
        }
        const bool keep_alive = parser.keep_alive();
        const Request request = parser.take();
        const Response response = co_await service_.answer(request);
        const bool sent = co_await send(stream, response, request.method != "HEAD", keep_alive);
        if (!sent) co_return;
        if (!keep_alive) {
            stream.half_close();
            co_return;
        }
    }
}

Task<Parser::State> Server::receive(Stream& stream, Parser& parser) {
    auto state = parser.feed({});
    bool started = parser.started();
    MonoTime deadline = shard_.now() + (started ? limits_.request : limits_.idle);
    while (state == Parser::State::more) {
        const auto bytes = co_await stream.read(deadline);
        if (!bytes) {
            if (bytes.error() == IoError::timed_out && started)
                co_await refuse(stream, error_response(408, "the request took too long"));
            co_return Parser::State::more;
        }
        state = parser.feed(*bytes);
        if (!started && parser.started()) {
            started = true;
            deadline = shard_.now() + limits_.request;
        }
    }
    co_return state;
}

Task<bool> Server::send(Stream& stream, const Response& response, bool with_body, bool keep_alive) {
    const std::string head = head_of(response, keep_alive, shard_.wall_now());
    const std::array<std::string_view, 2> pieces = {head, response.body};
    const std::span<const std::string_view> used(pieces.data(), with_body && !response.body.empty() ? 2 : 1);
    const auto written = co_await stream.write(used, shard_.now() + limits_.write);
    sheet_.add(metrics::Count::http_requests);
    co_return written.has_value();
}

// The response reaches the client only if we go on reading: closing with input unread would reset the connection.
Task<void> Server::refuse(Stream& stream, Response response) {
    const bool sent = co_await send(stream, response, true, false);
    if (!sent) co_return;
    stream.half_close();
    const MonoTime deadline = shard_.now() + limits_.linger;
    for (std::size_t dropped = 0; dropped < linger_bytes;) {
        const auto bytes = co_await stream.read(deadline);
        if (!bytes) co_return;
        dropped += bytes->size();
    }
}

}  // namespace angarium::http

#include "bench/dns_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/core.h>

namespace angarium::bench {
namespace {

using runtime::SocketAddress;
using runtime::Stream;
using runtime::Task;

constexpr auto tcp_idle = 10s;  // between a client's queries

// A nonblocking UDP socket there, or -1.
int bind_udp(const Endpoint& endpoint) {
    const SocketAddress address(endpoint);
    const int descriptor =
        ::socket(address.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (descriptor >= 0 && ::bind(descriptor, address.get(), address.length) == 0) return descriptor;
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    errno = error;
    return -1;
}

}  // namespace

std::uint64_t DnsTally::total() const {
    std::uint64_t sum = 0;
    for (const auto& type : queries)
        for (const auto& counter : type) sum += counter.value();
    return sum;
}

Result<std::unique_ptr<DnsServer>> DnsServer::open(runtime::RingShard& shard, const Endpoint& endpoint,
                                                   Zone zone, const Script& script, std::uint64_t seed,
                                                   DnsTally& tally) {
    constexpr int most_tries = 20;  // with port 0: somebody may have the same number for UDP
    for (int left = endpoint.port == 0 ? most_tries : 1;; --left) {
        auto listener = shard.network().listen(endpoint);
        if (!listener) return failure("DNS: " + listener.error().text);
        const int descriptor = bind_udp((*listener)->local());
        if (descriptor >= 0)
            return std::unique_ptr<DnsServer>(
                new DnsServer(shard, descriptor, std::move(*listener), std::move(zone), script, seed, tally));
        if (left == 1)
            return failure(
                fmt::format("cannot answer DNS on {} (UDP): {}", endpoint.text(), std::strerror(errno)));
    }
}

DnsServer::DnsServer(runtime::RingShard& shard, int descriptor, std::unique_ptr<runtime::Listener> listener,
                     Zone zone, const Script& script, std::uint64_t seed, DnsTally& tally)
    : shard_(shard),
      descriptor_(descriptor),
      listener_(std::move(listener)),
      zone_(std::move(zone)),
      script_(script),
      random_(seed),
      tally_(tally) {
    poll_ = shard.poller().watch(descriptor, true, false, [this](runtime::Poller::Ready) { serve(); });
    gate_.hold(accept());
}

DnsServer::~DnsServer() { ::close(descriptor_); }

Task<void> DnsServer::stop() {
    stopping_ = true;
    poll_.reset();
    listener_->close();
    for (Stream* stream : streams_) stream->abort(IoError::canceled);
    co_await gate_.closed();
}

Duration DnsServer::answer(std::span<const std::uint8_t> octets, bool datagram) {
    const auto query = read_dns_query(octets);
    const Rule* const rule =
        query.valid ? script_.draw(Stage::dns, query.name(), listener_->local().address, random_) : nullptr;
    auto outcome = rule != nullptr ? rule->outcome : Outcome::normal;
    if (outcome == Outcome::truncate && !datagram) outcome = Outcome::normal;
    const auto result = answer_dns(zone_, octets, query, outcome, response_);
    tally_.queries[static_cast<std::size_t>(query.kind())][static_cast<std::size_t>(result)].add();
    return rule != nullptr ? Script::delay(*rule, random_) : Duration::zero();
}

void DnsServer::serve() {
    constexpr int most_at_once = 64;  // then mail has its turn
    std::array<std::uint8_t, 1500> query;
    for (int i = 0; i < most_at_once; ++i) {
        SocketAddress from;
        const auto got = ::recvfrom(descriptor_, query.data(), query.size(), 0, from.get(), &from.length);
        if (got < 0) return;
        const auto delay = answer(std::span(query.data(), static_cast<std::size_t>(got)), true);
        if (response_.empty()) continue;
        if (delay > Duration::zero())
            gate_.hold(send_later(response_, from, delay));
        else
            send(response_, from);
    }
}

// A response that cannot be sent is lost, as on any network: the resolver asks again.
void DnsServer::send(std::span<const std::uint8_t> response, const SocketAddress& to) {
    [[maybe_unused]] const auto sent =
        ::sendto(descriptor_, response.data(), response.size(), 0, to.get(), to.length);
}

Task<void> DnsServer::send_later(std::vector<std::uint8_t> response, SocketAddress to, Duration delay) {
    co_await pass(delay);
    if (!stopping_) send(response, to);
}

Task<void> DnsServer::pass(Duration delay) {
    constexpr Duration step = 50ms;  // so that stopping need not wait longer
    const auto until = shard_.now() + delay;
    while (!stopping_ && shard_.now() < until) co_await shard_.sleep(std::min(step, until - shard_.now()));
}

Task<void> DnsServer::accept() {
    while (true) {
        auto stream = co_await listener_->accept();
        if (stream) {
            if (!stopping_) gate_.hold(converse(std::move(*stream)));
        } else if (stream.error() == IoError::canceled) {
            co_return;
        } else {
            co_await pass(50ms);  // descriptors are out: some connection will end
        }
    }
}

// RFC 1035 section 4.2.2: two octets of length in front of every message.
Task<void> DnsServer::converse(std::unique_ptr<Stream> stream) {
    streams_.push_back(stream.get());
    std::string input, out;
    while (true) {
        const auto got = co_await stream->read(shard_.now() + tcp_idle);
        if (!got) break;
        input += *got;
        bool written = true;
        while (written && input.size() >= 2) {
            const auto octets = std::span(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
            const std::size_t size = std::size_t{octets[0]} << 8 | octets[1];
            if (octets.size() < 2 + size) break;
            const auto delay = answer(octets.subspan(2, size), false);
            input.erase(0, 2 + size);
            if (response_.empty()) continue;
            out = {static_cast<char>(response_.size() >> 8), static_cast<char>(response_.size())};
            out.append(response_.begin(), response_.end());
            co_await pass(delay);
            const auto sent = co_await stream->write(out, shard_.now() + tcp_idle);
            written = sent.has_value();
        }
        if (!written) break;
    }
    std::erase(streams_, stream.get());
}

}  // namespace angarium::bench

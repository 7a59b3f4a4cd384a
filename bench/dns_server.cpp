#include "bench/dns_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/core.h>

#include "engine/runtime/sockaddr.hpp"

namespace angarium::bench {

Result<std::unique_ptr<DnsServer>> DnsServer::open(runtime::Poller& poller, const Endpoint& endpoint,
                                                   Zone zone) {
    const runtime::SocketAddress address(endpoint);
    const int descriptor =
        ::socket(address.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    if (descriptor < 0 || ::bind(descriptor, address.get(), address.length) != 0) {
        auto text = fmt::format("cannot answer DNS on {}: {}", endpoint.text(), std::strerror(errno));
        if (descriptor >= 0) ::close(descriptor);
        return failure(std::move(text));
    }
    std::unique_ptr<DnsServer> server(new DnsServer(descriptor, std::move(zone)));
    DnsServer* const self = server.get();
    server->poll_ = poller.watch(descriptor, true, false, [self](runtime::Poller::Ready) { self->serve(); });
    return server;
}

DnsServer::DnsServer(int descriptor, Zone zone)
    : descriptor_(descriptor), zone_(std::move(zone)), local_(runtime::local_endpoint(descriptor)) {}

DnsServer::~DnsServer() {
    poll_.reset();
    ::close(descriptor_);
}

void DnsServer::serve() {
    constexpr int most_at_once = 64;  // then mail has its turn
    std::array<std::uint8_t, 1500> query;
    for (int i = 0; i < most_at_once; ++i) {
        runtime::SocketAddress from;
        const auto got = ::recvfrom(descriptor_, query.data(), query.size(), 0, from.get(), &from.length);
        if (got < 0) return;
        ++queries_;
        answer_dns(zone_, std::span(query.data(), static_cast<std::size_t>(got)), response_);
        // A response that cannot be sent is lost, as on any network: the resolver asks again.
        if (!response_.empty()) [[maybe_unused]]
            const auto sent =
                ::sendto(descriptor_, response_.data(), response_.size(), 0, from.get(), from.length);
    }
}

}  // namespace angarium::bench

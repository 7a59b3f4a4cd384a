// A name server in a thread of the test that answers whatever the test wants, over UDP and TCP on one port.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "tests/unit/dns/message_builder.hpp"

namespace angarium::dns::test {

// What came in, taken apart just far enough.
struct Query {
    Octets octets;
    bool tcp = false;
    bool has_edns() const { return octets[11] != 0; }
    RecordType type() const {
        const auto end = question_end();
        return static_cast<RecordType>(octets[end - 4] << 8 | octets[end - 3]);
    }
    std::size_t question_end() const {
        std::size_t at = 12;
        while (octets[at] != 0) at += octets[at] + 1u;
        return at + 5;
    }
    // A reply with this question and id, ready for records.
    Message reply(unsigned flags = Message::reply) const {
        Message message("", type(), flags);
        auto& out = message.octets();
        out.resize(12);
        out[0] = octets[0], out[1] = octets[1];
        out.insert(out.end(), octets.begin() + 12, octets.begin() + static_cast<long>(question_end()));
        return message;
    }
    Octets address(Octets data, std::uint32_t ttl = 60) const {
        auto message = reply();
        message.record(Message::answer, pointer(12), RecordType::a, ttl, data);
        return message.octets();
    }
};

class FakeServer {
  public:
    // Runs on the server's thread; each reply is sent on its own.
    using Handler = std::function<std::vector<Octets>(const Query&)>;

    explicit FakeServer(Handler handler) : handler_(std::move(handler)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        for (int tries = 0; tries < 100; ++tries) {  // until UDP's free port is free for TCP as well
            udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            address.sin_port = 0;
            if (::bind(udp_, any, length) == 0 && ::getsockname(udp_, any, &length) == 0 &&
                ::bind(tcp_, any, length) == 0)
                break;
            ::close(udp_);
            ::close(tcp_);
        }
        ::listen(tcp_, 64);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() {
        stop_ = true;
        thread_.join();
        ::close(udp_);
        ::close(tcp_);
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    Endpoint endpoint() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }
    unsigned queries() const { return queries_; }
    unsigned over_tcp() const { return over_tcp_; }

  private:
    void serve() {
        while (!stop_) {
            pollfd both[2] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
            if (::poll(both, 2, 20) <= 0) continue;
            if (both[0].revents != 0) serve_datagram();
            if (both[1].revents != 0) serve_connection();
        }
    }
    void serve_datagram() {
        Query query;
        query.octets.resize(4096);
        sockaddr_in from{};
        socklen_t length = sizeof from;
        auto* any = reinterpret_cast<sockaddr*>(&from);
        const auto size = ::recvfrom(udp_, query.octets.data(), query.octets.size(), 0, any, &length);
        if (size <= 12) return;
        query.octets.resize(static_cast<std::size_t>(size));
        ++queries_;
        for (const auto& reply : handler_(query)) ::sendto(udp_, reply.data(), reply.size(), 0, any, length);
    }
    void serve_connection() {
        const int connection = ::accept(tcp_, nullptr, nullptr);
        std::uint8_t size[2];
        if (::recv(connection, size, 2, MSG_WAITALL) == 2) {
            Query query;
            query.tcp = true;
            query.octets.resize(static_cast<std::size_t>(size[0] << 8 | size[1]));
            if (::recv(connection, query.octets.data(), query.octets.size(), MSG_WAITALL) > 12) {
                ++queries_;
                ++over_tcp_;
                for (const auto& reply : handler_(query)) {
                    Octets framed;
                    put16(framed, static_cast<unsigned>(reply.size()));
                    framed = framed + reply;
                    ::send(connection, framed.data(), framed.size(), MSG_NOSIGNAL);
                }
            }
        }
        ::close(connection);
    }

    Handler handler_;
    int udp_ = -1, tcp_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_ = false;
    std::atomic<unsigned> queries_ = 0, over_tcp_ = 0;
    std::thread thread_;
};

}  // namespace angarium::dns::test

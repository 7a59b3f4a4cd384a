// A blocking TCP client on 127.0.0.1 for tests; nothing takes longer than five seconds. Calls are repeated after EINTR,
// which a ring that is being torn down in this process may cause on any of its threads.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace angarium::http {

class LoopbackClient {
  public:
    explicit LoopbackClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const timeval patience{5, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int result = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to);
        if (result != 0 && errno == EINTR) {  // it goes on in the background
            pollfd writable{socket_, POLLOUT, 0};
            result = again([&] { return ::poll(&writable, 1, 5000); }) == 1 ? 0 : -1;
        }
        EXPECT_EQ(result, 0) << std::strerror(errno);
    }
    LoopbackClient(LoopbackClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    ~LoopbackClient() {
        if (socket_ >= 0) ::close(socket_);
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent =
                again([&] { return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
            if (sent <= 0) return;  // the test sees it in what it reads
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    // Up to and with `mark`, or what came before the end or the timeout.
    std::string read_until(std::string_view mark) {
        std::string got;
        char byte;
        while (!got.ends_with(mark) && receive(&byte, 1) == 1) got += byte;
        return got;
    }
    std::string read_to_end() {
        std::string got;
        char chunk[16384];
        for (ssize_t n; (n = receive(chunk, sizeof chunk)) > 0;)
            got.append(chunk, static_cast<std::size_t>(n));
        return got;
    }

  private:
    template <class F>
    static ssize_t again(F call) {
        while (true) {
            const ssize_t result = call();
            if (result >= 0 || errno != EINTR) return result;
        }
    }
    ssize_t receive(char* bytes, std::size_t size) {
        return again([&] { return ::recv(socket_, bytes, size, 0); });
    }

    int socket_;
};

}  // namespace angarium::http

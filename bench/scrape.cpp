#include "bench/scrape.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "engine/runtime/sockaddr.hpp"

namespace angarium::bench {
namespace {

constexpr timeval patience{10, 0};

class Socket {
  public:
    explicit Socket(const runtime::SocketAddress& to)
        : descriptor_(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
    ~Socket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int get() const { return descriptor_; }

  private:
    const int descriptor_;
};

}  // namespace

Result<Scrape> Scrape::of(const Endpoint& server) {
    const runtime::SocketAddress to(server);
    const Socket socket(to);
    const auto request = fmt::format("GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n", server.text());
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket.get(), to.get(), to.length) != 0 ||
        ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size()))
        return failure(fmt::format("http://{}/metrics: {}", server.text(), std::strerror(errno)));
    std::string text;
    char buffer[16384];
    ssize_t got = 0;
    while ((got = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0)
        text.append(buffer, static_cast<std::size_t>(got));
    const auto body = text.find("\r\n\r\n");
    if (got < 0 || body == std::string::npos || text.find(" 200 ") > text.find('\r'))
        return failure(
            fmt::format("http://{}/metrics: no answer: {}", server.text(), text.substr(0, text.find('\r'))));
    return Scrape(std::string_view(text).substr(body + 4));
}

Scrape::Scrape(std::string_view text) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto space = line.rfind(' ');
        if (line.starts_with('#') || space == std::string_view::npos) continue;
        samples_[std::string(line.substr(0, space))] =
            std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
    }
}

double Scrape::total(std::string_view name) const {
    double sum = 0;
    for (auto it = samples_.lower_bound(name); it != samples_.end() && it->first.starts_with(name); ++it)
        if (it->first.size() == name.size() || it->first[name.size()] == '{') sum += it->second;
    return sum;
}

std::map<double, double> Scrape::buckets(std::string_view name) const {
    std::map<double, double> found;
    const auto begin = fmt::format("{}_bucket{{", name);
    constexpr std::string_view label = "le=\"";
    for (auto it = samples_.lower_bound(begin); it != samples_.end() && it->first.starts_with(begin); ++it) {
        const auto at = it->first.find(label);
        if (at == std::string::npos) continue;
        found[std::strtod(it->first.c_str() + at + label.size(), nullptr)] += it->second;
    }
    return found;
}

double Scrape::percentile(std::string_view name, double percent, const Scrape& before) const {
    auto cumulated = buckets(name);
    for (const auto& [bound, count] : before.buckets(name)) cumulated[bound] -= count;
    if (cumulated.empty()) return 0;
    const double wanted = cumulated.rbegin()->second * percent / 100;
    double low = 0, below = 0;
    for (const auto& [bound, count] : cumulated) {
        if (count >= wanted && count > below)
            return std::isinf(bound) ? low : low + (bound - low) * (wanted - below) / (count - below);
        if (!std::isinf(bound)) low = bound;
        below = count;
    }
    return 0;
}

}  // namespace angarium::bench

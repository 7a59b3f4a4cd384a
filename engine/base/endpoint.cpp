#include "engine/base/endpoint.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace angarium {
namespace {

template <class T>
std::optional<T> parse_number(std::string_view text, T most) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > most)
        return std::nullopt;
    return value;
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
    IpAddress a;
    for (int i = 0; i < 4; ++i) a.bytes_[i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    return a;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
    IpAddress a;
    a.bytes_ = bytes;
    a.v4_ = false;
    return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
    char copy[INET6_ADDRSTRLEN];
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = 0;
    IpAddress a;
    if (::inet_pton(AF_INET, copy, a.bytes_.data()) == 1) return a;
    a.bytes_ = {};
    a.v4_ = false;
    if (::inet_pton(AF_INET6, copy, a.bytes_.data()) == 1) return a;
    return std::nullopt;
}

IpAddress IpAddress::unmapped() const {
    static constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (v4_ || std::memcmp(bytes_.data(), prefix, sizeof prefix) != 0) return *this;
    IpAddress a;
    std::memcpy(a.bytes_.data(), bytes_.data() + 12, 4);
    return a;
}

std::string IpAddress::text() const {
    char out[INET6_ADDRSTRLEN];
    if (!v4_) return ::inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
    char* to = out;
    for (int i = 0; i < 4; ++i) {
        to = std::to_chars(to, out + sizeof out, bytes_[i]).ptr;
        *to++ = '.';
    }
    return std::string(out, to - 1);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 65535);
    if (!address || !port || bracketed == address->is_v4()) return std::nullopt;
    return Endpoint{*address, *port};
}

std::string Endpoint::text() const {
    const auto host = address.text();
    return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto base = IpAddress::parse(text.substr(0, slash));
    if (!base) return std::nullopt;
    const unsigned width = base->is_v4() ? 32 : 128;
    IpNetwork network{*base, width};
    if (slash != std::string_view::npos) {
        const auto prefix = parse_number<unsigned>(text.substr(slash + 1), width);
        if (!prefix) return std::nullopt;
        network.prefix = *prefix;
    }
    for (unsigned bit = network.prefix; bit < width; ++bit)
        if (base->bytes()[bit / 8] >> (7 - bit % 8) & 1) return std::nullopt;
    return network;
}

bool IpNetwork::contains(const IpAddress& raw) const {
    const auto address = raw.unmapped();
    if (address.is_v4() != base.is_v4()) return false;
    for (unsigned bit = 0; bit < prefix; ++bit) {
        const auto mask = 1u << (7 - bit % 8);
        if ((address.bytes()[bit / 8] & mask) != (base.bytes()[bit / 8] & mask)) return false;
    }
    return true;
}

std::string IpNetwork::text() const { return base.text() + "/" + std::to_string(prefix); }

}  // namespace angarium

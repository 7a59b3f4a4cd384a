// Addresses of the network layer: an IP address, an address with a port, and a network in CIDR form.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace angarium {

class IpAddress {
  public:
    IpAddress() = default;
    static IpAddress v4(std::uint32_t host_order);
    static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
    // "192.0.2.1" or "2001:db8::1" (no brackets, no zone).
    static std::optional<IpAddress> parse(std::string_view text);

    bool is_v4() const { return v4_; }
    // An IPv4-mapped IPv6 address as the IPv4 address that it stands for; others unchanged.
    IpAddress unmapped() const;
    // Network order; the first 4 count for IPv4.
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    std::string text() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
    template <class H>
    friend H AbslHashValue(H h, const IpAddress& a) {
        return H::combine(std::move(h), a.bytes_, a.v4_);
    }

  private:
    std::array<std::uint8_t, 16> bytes_{};
    bool v4_ = true;
};

struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    // "192.0.2.1:25" or "[2001:db8::1]:25".
    static std::optional<Endpoint> parse(std::string_view text);
    std::string text() const;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
    template <class H>
    friend H AbslHashValue(H h, const Endpoint& e) {
        return H::combine(std::move(h), e.address, e.port);
    }
};

struct IpNetwork {
    IpAddress base;
    unsigned prefix = 0;

    // "192.0.2.0/24"; without "/n" a single host. Bits behind the prefix must be zero.
    static std::optional<IpNetwork> parse(std::string_view text);
    // True when the (unmapped) address lies inside.
    bool contains(const IpAddress& address) const;
    std::string text() const;
};

}  // namespace angarium

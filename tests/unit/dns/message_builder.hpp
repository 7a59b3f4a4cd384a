// Builds DNS replies octet by octet, well-formed or not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/lookup.hpp"

namespace angarium::dns::test {

using Octets = std::vector<std::uint8_t>;

inline void put16(Octets& out, unsigned value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(Octets& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xFFFF);
}
// "a.example" as labels; "" is the root.
inline Octets wire_name(std::string_view text) {
    Octets out;
    while (!text.empty()) {
        const auto label = text.substr(0, text.find('.'));
        out.push_back(static_cast<std::uint8_t>(label.size()));
        out.insert(out.end(), label.begin(), label.end());
        text.remove_prefix(std::min(text.size(), label.size() + 1));
    }
    out.push_back(0);
    return out;
}
inline Octets pointer(unsigned to) {
    return {static_cast<std::uint8_t>(0xC0 | to >> 8), static_cast<std::uint8_t>(to)};
}
inline Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

class Message {
  public:
    static constexpr unsigned reply = 0x8180;  // QR, RD, RA

    Message(std::string_view name, RecordType type, unsigned flags = reply) {
        put16(octets_, 0x1234);
        put16(octets_, flags);
        put16(octets_, 1);
        for (int i = 0; i < 3; ++i) put16(octets_, 0);
        append(wire_name(name));
        put16(octets_, static_cast<unsigned>(type));
        put16(octets_, 1);
    }
    enum Section : std::size_t { answer = 6, authority = 8, additional = 10 };
    Message& record(Section section, const Octets& owner, RecordType type, std::uint32_t ttl,
                    const Octets& data, unsigned record_class = 1) {
        const auto count = (octets_[section] << 8 | octets_[section + 1]) + 1;
        octets_[section] = static_cast<std::uint8_t>(count >> 8);
        octets_[section + 1] = static_cast<std::uint8_t>(count);
        append(owner);
        put16(octets_, static_cast<unsigned>(type));
        put16(octets_, record_class);
        put32(octets_, ttl);
        put16(octets_, static_cast<unsigned>(data.size()));
        append(data);
        return *this;
    }
    Message& a(std::string_view owner, std::uint32_t ttl, Octets data) {
        return record(answer, wire_name(owner), RecordType::a, ttl, data);
    }
    Message& cname(std::string_view owner, std::uint32_t ttl, std::string_view target) {
        return record(answer, wire_name(owner), RecordType::cname, ttl, wire_name(target));
    }
    Message& mx(std::string_view owner, std::uint32_t ttl, unsigned preference, std::string_view host) {
        Octets data;
        put16(data, preference);
        return record(answer, wire_name(owner), RecordType::mx, ttl, data + wire_name(host));
    }
    Message& soa(std::string_view owner, std::uint32_t ttl, std::uint32_t minimum) {
        auto data = wire_name("ns.example") + wire_name("root.example");
        for (int i = 0; i < 4; ++i) put32(data, 1);
        put32(data, minimum);
        return record(authority, wire_name(owner), RecordType::soa, ttl, data);
    }
    void append(const Octets& more) { octets_.insert(octets_.end(), more.begin(), more.end()); }
    Octets& octets() { return octets_; }

  private:
    Octets octets_;
};

}  // namespace angarium::dns::test

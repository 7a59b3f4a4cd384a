#include "bench/dns_answer.hpp"

#include <algorithm>
#include <charconv>

namespace angarium::bench {
namespace {

using Octets = std::vector<std::uint8_t>;

enum Type : std::uint16_t {
    type_a = 1,
    type_soa = 6,
    type_mx = 15,
    type_aaaa = 28,
    type_opt = 41,
    type_any = 255
};
enum Rcode : std::uint8_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    name_error = 3,
    not_implemented = 4,
    refused = 5
};
constexpr std::uint16_t class_in = 1;
constexpr std::size_t header_size = 12;
constexpr std::uint16_t question_pointer = 0xC000 | header_size;  // the question's name

std::uint16_t read16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
void put16(Octets& out, std::uint32_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Octets& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xFFFF);
}

void put_name(Octets& out, std::string_view name) {
    while (!name.empty()) {
        const auto dot = name.find('.');
        const auto label = name.substr(0, dot);
        out.push_back(static_cast<std::uint8_t>(label.size()));
        out.insert(out.end(), label.begin(), label.end());
        name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
    }
    out.push_back(0);
}

// Owner is the question's name, data is written by `put`.
template <class Put>
void put_record(Octets& out, std::uint16_t type, std::uint32_t ttl, Put put) {
    put16(out, question_pointer);
    put16(out, type);
    put16(out, class_in);
    put32(out, ttl);
    const auto length_at = out.size();
    put16(out, 0);
    put();
    const auto length = out.size() - length_at - 2;
    out[length_at] = static_cast<std::uint8_t>(length >> 8);
    out[length_at + 1] = static_cast<std::uint8_t>(length);
}

void put_soa(Octets& out, const Zone& zone) {
    put_name(out, zone.domains.suffix());
    put16(out, type_soa);
    put16(out, class_in);
    put32(out, zone.ttl);
    Octets data;
    put_name(data, "mx0." + zone.domains.suffix());
    put_name(data, "hostmaster." + zone.domains.suffix());
    for (const std::uint32_t number : {1u, 3600u, 600u, 86400u, zone.ttl}) put32(data, number);
    put16(out, static_cast<std::uint32_t>(data.size()));
    out.insert(out.end(), data.begin(), data.end());
}

struct Sections {
    Rcode rcode = no_error;
    unsigned answers = 0;
    unsigned authority = 0;
};

// "mx7", and a pointer to the suffix, which the question ends with.
void put_exchanger(Octets& out, const Zone& zone, const DnsQuery& query, unsigned number) {
    std::array<char, 12> label{'m', 'x'};
    char* const end = std::to_chars(label.data() + 2, label.data() + label.size(), number).ptr;
    out.push_back(static_cast<std::uint8_t>(end - label.data()));
    out.insert(out.end(), label.data(), end);
    put16(out,
          static_cast<std::uint32_t>(0xC000 | (header_size + query.length - zone.domains.suffix().size())));
}

Sections answer_address(const Zone& zone, const DnsQuery& query, unsigned host, Octets& out) {
    const auto& address = zone.addresses[host % zone.addresses.size()];
    const auto type = address.is_v4() ? type_a : type_aaaa;
    if (query.type != type && query.type != type_any) return {};
    put_record(out, type, zone.ttl, [&] {
        const auto& bytes = address.bytes();
        out.insert(out.end(), bytes.begin(), bytes.begin() + (address.is_v4() ? 4 : 16));
    });
    return {no_error, 1, 0};
}

Sections answer(const Zone& zone, const DnsQuery& query, Outcome outcome, Octets& out) {
    if (query.qclass != class_in) return {refused, 0, 0};
    if (outcome == Outcome::servfail) return {server_failure, 0, 0};
    if (outcome == Outcome::truncate) return {};
    Sections sections{name_error, 0, 0};
    const auto& suffix = zone.domains.suffix();
    if (outcome == Outcome::nxdomain) {
        // There is no such domain, says the script.
    } else if (const auto domain = zone.domains.number(query.name())) {
        sections = {};
        if (query.type == type_mx || query.type == type_any) {
            put_record(out, type_mx, zone.ttl, [&] {
                put16(out, 10);
                put_exchanger(out, zone, query, *domain % zone.mx_hosts);
            });
            sections.answers = 1;
        }
    } else if (const auto host = numbered_label(query.name(), "mx", suffix);
               host && *host < std::max<std::size_t>(zone.mx_hosts, zone.addresses.size())) {
        sections = zone.addresses.empty() ? Sections{} : answer_address(zone, query, *host, out);
    } else if (equal_ignoring_case(query.name(), suffix)) {
        sections = {};
    }
    if (sections.answers == 0) {
        put_soa(out, zone);
        sections.authority = 1;
    }
    return sections;
}

// An OPT record among the additional ones; they begin with it in every query that we know.
bool has_opt(std::span<const std::uint8_t> query, std::size_t at) {
    return read16(query, 10) > 0 && at + 11 <= query.size() && query[at] == 0 &&
           read16(query, at + 1) == type_opt;
}

DnsResult result_of(const Sections& sections, bool truncated) {
    if (truncated) return DnsResult::truncated;
    switch (sections.rcode) {
        case no_error:
            return sections.answers > 0 ? DnsResult::answered : DnsResult::no_data;
        case name_error:
            return DnsResult::nxdomain;
        case server_failure:
            return DnsResult::servfail;
        default:
            return DnsResult::refused;
    }
}

}  // namespace

DnsQuery::Type DnsQuery::kind() const {
    if (!valid) return Type::other;
    return type == type_mx     ? Type::mx
           : type == type_a    ? Type::a
           : type == type_aaaa ? Type::aaaa
                               : Type::other;
}

DnsQuery read_dns_query(std::span<const std::uint8_t> octets) {
    DnsQuery query;
    if (octets.size() < header_size || (octets[2] >> 3 & 15) != 0 || read16(octets, 4) != 1) return query;
    std::size_t at = header_size;
    while (true) {
        if (at >= octets.size()) return query;
        const std::size_t length = octets[at++];
        if (length == 0) break;
        if (length > 63 || at + length > octets.size() || query.length + length > 254) return query;
        if (query.length > 0) query.text[query.length++] = '.';
        for (std::size_t i = 0; i < length; ++i) {
            const auto c = static_cast<char>(octets[at + i]);
            query.text[query.length++] = c == '.' ? '?' : c;  // a dot inside a label is not ours
        }
        at += length;
    }
    if (at + 4 > octets.size()) return query;
    query.type = read16(octets, at);
    query.qclass = read16(octets, at + 2);
    query.end = at + 4;
    query.valid = true;
    return query;
}

DnsResult answer_dns(const Zone& zone, std::span<const std::uint8_t> octets, const DnsQuery& query,
                     Outcome outcome, std::vector<std::uint8_t>& response) {
    response.clear();
    if (outcome == Outcome::stall || octets.size() < header_size || (octets[2] & 0x80) != 0)
        return DnsResult::unanswered;  // as the script wants; too short, or a response
    Sections sections{(octets[2] >> 3 & 15) == 0 ? format_error : not_implemented, 0, 0};
    response.assign(header_size, 0);
    bool opt = false;
    if (query.valid) {
        response.insert(response.end(), octets.begin() + header_size,
                        octets.begin() + static_cast<std::ptrdiff_t>(query.end));
        sections = answer(zone, query, outcome, response);
        opt = has_opt(octets, query.end);
    }
    if (opt) {  // RFC 6891: what we take, no options
        response.push_back(0);
        put16(response, type_opt);
        put16(response, most_response);
        put32(response, 0);
        put16(response, 0);
    }
    const bool truncated = query.valid && outcome == Outcome::truncate;
    response[0] = octets[0];
    response[1] = octets[1];
    response[2] = static_cast<std::uint8_t>(
        0x84 | (octets[2] & 0x79) | (truncated ? 2 : 0));  // response, authoritative; opcode and RD as asked
    response[3] = sections.rcode;
    response[5] = query.valid ? 1 : 0;
    response[7] = static_cast<std::uint8_t>(sections.answers);
    response[9] = static_cast<std::uint8_t>(sections.authority);
    response[11] = opt ? 1 : 0;
    return result_of(sections, truncated);
}

}  // namespace angarium::bench

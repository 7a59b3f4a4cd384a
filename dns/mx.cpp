#include "dns/mx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "dns/address_policy.hpp"
#include "dns/name.hpp"

namespace angarium::dns {
namespace {

Trouble permanent(int subject, int detail, std::string text) { return {5, subject, detail, std::move(text)}; }

Trouble loop_trouble(std::string_view domain) {
    return permanent(4, 6, fmt::format("mail for {} loops back to this host", domain));
}

bool is_uncertain(Failure failure) { return failure != Failure::none && !is_negative(failure); }

// One preference for each host: the best. Best first, otherwise in the order of the answer.
std::vector<MxRecord> valid_hosts(const std::vector<MxRecord>& records) {
    std::vector<MxRecord> hosts;
    for (auto record : records) {
        if (!is_canonical_name(record.host)) continue;
        const auto known = std::find_if(hosts.begin(), hosts.end(),
                                        [&record](const MxRecord& host) { return host.host == record.host; });
        if (known != hosts.end()) {
            if (known->preference <= record.preference) continue;
            hosts.erase(known);
        }
        const auto place = std::upper_bound(
            hosts.begin(), hosts.end(), record,
            [](const MxRecord& x, const MxRecord& y) { return x.preference < y.preference; });
        hosts.insert(place, std::move(record));
    }
    return hosts;
}

bool is_ourselves(const IpAddress& address, const RouteOptions& options) {
    const auto real = address.unmapped();
    return std::any_of(options.own_endpoints.begin(), options.own_endpoints.end(), [&](const Endpoint& own) {
        return own.port == options.port && own.address.unmapped() == real;
    });
}

std::string site_of(const std::vector<HostAnswers>& hosts) {
    std::vector<std::string_view> names;
    for (const auto& host : hosts) names.push_back(host.mx.host);
    std::sort(names.begin(), names.end());
    std::string site;
    for (const auto name : names) {
        if (!site.empty()) site += ',';
        site += name;
    }
    return site;
}

// What stood against the hosts that are not in the result.
struct Obstacles {
    bool uncertain = false;   // a question without an answer
    bool prohibited = false;  // addresses that may not be used
    Trouble first_uncertain;

    void note(const HostAnswers& host) {
        for (const auto* answer : {&host.a, &host.aaaa}) {
            if (uncertain || !is_uncertain(answer->failure)) continue;
            uncertain = true;
            const auto type = answer == &host.a ? RecordType::a : RecordType::aaaa;
            first_uncertain = lookup_trouble(host.mx.host, type, answer->failure);
        }
    }
};

Trouble nowhere_to_go(std::string_view domain, const std::vector<HostAnswers>& hosts,
                      const Obstacles& obstacles) {
    if (obstacles.uncertain) return obstacles.first_uncertain;
    if (obstacles.prohibited)
        return permanent(4, 4,
                         fmt::format("the mail exchangers of {} have only prohibited addresses", domain));
    if (hosts.size() == 1 && hosts[0].mx.host == domain)
        return permanent(1, 2, fmt::format("{} has neither a mail exchanger nor an address", domain));
    return permanent(4, 4, fmt::format("no mail exchanger of {} has an address", domain));
}

}  // namespace

Trouble lookup_trouble(std::string_view name, RecordType type, Failure failure) {
    return {4, 4, 3, fmt::format("looking up {} {}: {}", name, to_string(type), to_string(failure))};
}

std::expected<std::vector<MxRecord>, Trouble> candidates(std::string_view domain, const Answer& mx,
                                                         const RouteOptions& options) {
    std::vector<MxRecord> hosts;
    switch (mx.failure) {
        case Failure::none: {
            const auto& records = mx.exchangers;
            if (records.size() == 1 && records[0].host.empty())
                return std::unexpected(
                    permanent(1, 10, fmt::format("{} does not accept mail (null MX)", domain)));
            hosts = valid_hosts(records);
            if (hosts.empty())
                return std::unexpected(
                    permanent(4, 4, fmt::format("no mail exchanger of {} has a valid name", domain)));
            break;
        }
        case Failure::no_data:
            hosts.push_back({0, std::string(domain)});
            break;
        case Failure::no_such_domain:
            return std::unexpected(permanent(1, 2, fmt::format("the domain {} does not exist", domain)));
        default:
            return std::unexpected(lookup_trouble(domain, RecordType::mx, mx.failure));
    }
    const auto ourselves = std::find_if(hosts.begin(), hosts.end(), [&options](const MxRecord& host) {
        return host.host == options.hostname;
    });
    if (ourselves != hosts.end()) {
        const auto limit = ourselves->preference;
        std::erase_if(hosts, [limit](const MxRecord& host) { return host.preference >= limit; });
        if (hosts.empty()) return std::unexpected(loop_trouble(domain));
    }
    if (hosts.size() > options.most_exchangers) hosts.resize(options.most_exchangers);
    return hosts;
}

std::expected<Exchangers, Trouble> assemble(std::string_view domain, const std::vector<HostAnswers>& hosts,
                                            const RouteOptions& options) {
    std::optional<std::uint16_t> loop_at;  // the best preference at which we stand ourselves
    Obstacles obstacles;
    Exchangers result;
    for (const auto& host : hosts) {
        if (loop_at && host.mx.preference >= *loop_at) break;  // hosts are in order of preference
        Exchanger exchanger{host.mx.host, host.mx.preference, in_order(host.a, host.aaaa, options.order)};
        const auto ours = [&options](const IpAddress& address) { return is_ourselves(address, options); };
        if (std::any_of(exchanger.addresses.begin(), exchanger.addresses.end(), ours)) {
            loop_at = host.mx.preference;
            continue;
        }
        const auto prohibited = std::erase_if(exchanger.addresses, [&options](const IpAddress& address) {
            return !may_use(address, options.allow);
        });
        if (exchanger.addresses.empty()) {
            obstacles.prohibited = obstacles.prohibited || prohibited != 0;
            obstacles.note(host);
            continue;
        }
        result.hosts.push_back(std::move(exchanger));
    }
    if (loop_at)
        std::erase_if(result.hosts,
                      [&](const Exchanger& exchanger) { return exchanger.preference >= *loop_at; });
    if (result.hosts.empty()) {
        if (loop_at && !obstacles.uncertain) return std::unexpected(loop_trouble(domain));
        return std::unexpected(nowhere_to_go(domain, hosts, obstacles));
    }
    result.site = site_of(hosts);
    return result;
}

std::vector<IpAddress> in_order(const Answer& a, const Answer& aaaa, AddressOrder order) {
    std::vector<IpAddress> result;
    const auto add = [&result](const std::vector<IpAddress>& from, std::size_t begin, std::size_t end) {
        for (auto i = begin; i < std::min(end, from.size()); ++i)
            if (std::find(result.begin(), result.end(), from[i]) == result.end()) result.push_back(from[i]);
    };
    const auto &v4 = a.addresses, &v6 = aaaa.addresses;
    constexpr auto all = std::numeric_limits<std::size_t>::max();
    switch (order) {
        case AddressOrder::alternating:
            for (std::size_t i = 0; i < std::max(v4.size(), v6.size()); ++i) {
                add(v4, i, i + 1);
                add(v6, i, i + 1);
            }
            break;
        case AddressOrder::v4_first:
            add(v4, 0, all);
            add(v6, 0, all);
            break;
        case AddressOrder::v6_first:
            add(v6, 0, all);
            add(v4, 0, all);
            break;
        case AddressOrder::v4_only:
            add(v4, 0, all);
            break;
        case AddressOrder::v6_only:
            add(v6, 0, all);
            break;
    }
    return result;
}

void shuffle_equals(std::vector<Exchanger>& hosts, Random& random) {
    for (std::size_t begin = 0; begin < hosts.size();) {
        auto end = begin + 1;
        while (end < hosts.size() && hosts[end].preference == hosts[begin].preference) ++end;
        for (auto left = end - begin; left > 1; --left)
            std::swap(hosts[begin + left - 1], hosts[begin + random.below(left)]);
        begin = end;
    }
}

}  // namespace angarium::dns

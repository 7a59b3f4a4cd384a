#include "dns/resolver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "dns/name.hpp"

namespace angarium::dns {
namespace {

bool asks(AddressOrder order, RecordType type) {
    return order != (type == RecordType::a ? AddressOrder::v6_only : AddressOrder::v4_only);
}

// A host's name comes from configuration or from a recipient's address, so it is quoted only when it is one.
Trouble bad_name() { return {5, 1, 2, "the domain is not a valid host name"}; }

}  // namespace

Resolver::Resolver(runtime::Shard& shard, Lookup& lookup, metrics::Sheet& metrics, Options options)
    : shard_(shard),
      metrics_(metrics),
      options_(std::move(options.route)),
      cache_(shard, lookup, metrics, options.cache),
      routes_(options_.routes) {
    if (auto name = canonical_name(options_.hostname)) options_.hostname = std::move(*name);
}

void Resolver::Basis::rest_on(const Kept& kept) {
    const auto failure = kept.answer.failure;
    auto& until = failure == Failure::none || is_negative(failure) ? firm : uncertain;
    until = std::min(until, kept.expires);
    stale = stale || kept.stale;
}

// Asking again for what failed takes a timeout, during which the addresses that are known would wait.
MonoTime Resolver::expiry(const Basis& basis, const Route& route) const {
    if (!route || basis.uncertain == MonoTime::max()) return std::min(basis.firm, basis.uncertain);
    return std::min(basis.firm, std::max(basis.uncertain, shard_.now() + options_.incomplete_for));
}

runtime::Task<Resolver::Route> Resolver::exchangers(std::string domain) {
    if (domain.starts_with('[')) co_return literal_route(domain);
    if (!is_canonical_name(domain)) {
        auto name = canonical_name(domain);
        if (!name) co_return std::unexpected(bad_name());
        domain = std::move(*name);
    }
    const auto* known = routes_.find(domain);
    if (known != nullptr && shard_.now() < known->expires) {
        metrics_.add(metrics::Count::dns_hits_mx);
        co_return in_new_order(known->route);
    }
    Basis basis;
    auto resolving = resolve(domain, basis);
    Route route = co_await resolving;
    if (!route && route.error().permanent() && basis.stale)
        route = std::unexpected(
            Trouble{4, 4, 3, route.error().text + " (an expired answer; no name server responds)"});
    auto result = in_new_order(route);
    remember(std::move(domain), route, expiry(basis, route));
    co_return result;
}

const Exchangers* Resolver::known(std::string_view domain) {
    const auto* known = routes_.find(domain);
    if (known == nullptr || !known->route || shard_.now() >= known->expires) return nullptr;
    metrics_.add(metrics::Count::dns_hits_mx);
    return &*known->route;
}

runtime::Task<Resolver::Route> Resolver::resolve(std::string_view domain, Basis& basis) {
    auto asking = cache_.get(domain, RecordType::mx);
    const KeptAnswer mx = co_await asking;
    basis.rest_on(*mx);
    auto hosts = candidates(domain, mx->answer, options_);
    if (!hosts) co_return std::unexpected(std::move(hosts.error()));
    auto resolving = resolve_hosts(std::move(*hosts), basis);
    const auto answers = co_await resolving;
    co_return assemble(domain, answers, options_);
}

// All questions are under way before the first is awaited.
runtime::Task<std::vector<HostAnswers>> Resolver::resolve_hosts(std::vector<MxRecord> hosts, Basis& basis) {
    std::deque<Cache::Get> asking;
    for (const auto& host : hosts)
        for (const auto type : {RecordType::a, RecordType::aaaa})
            if (asks(options_.order, type)) asking.emplace_back(cache_, host.host, type).start();
    std::vector<HostAnswers> answers;
    for (auto& host : hosts) {
        HostAnswers both;
        if (asks(options_.order, RecordType::a)) {
            auto& first = asking.front();
            const KeptAnswer a = co_await first;
            asking.pop_front();
            basis.rest_on(*a);
            both.a = a->answer;
        }
        if (asks(options_.order, RecordType::aaaa)) {
            auto& first = asking.front();
            const KeptAnswer aaaa = co_await first;
            asking.pop_front();
            basis.rest_on(*aaaa);
            both.aaaa = aaaa->answer;
        }
        both.mx = std::move(host);
        answers.push_back(std::move(both));
    }
    co_return answers;
}

Resolver::Route Resolver::literal_route(const std::string& domain) const {
    const auto address = parse_address_literal(domain);
    if (!address) return std::unexpected(Trouble{5, 1, 2, "the domain is not a valid address literal"});
    HostAnswers host;
    host.mx.host = domain;
    auto& answer = address->is_v4() ? host.a : host.aaaa;
    answer = Answer{};
    answer.addresses = {*address};
    auto options = options_;
    options.order = AddressOrder::alternating;  // a literal leaves no choice of family
    return assemble(domain, {host}, options);
}

runtime::Task<Resolver::Addresses> Resolver::addresses(std::string host) {
    if (const auto address = IpAddress::parse(host)) co_return std::vector<IpAddress>{*address};
    if (const auto address = parse_address_literal(host)) co_return std::vector<IpAddress>{*address};
    const auto name = canonical_name(host);
    if (!name) co_return std::unexpected(bad_name());
    Basis basis;
    std::vector<MxRecord> hosts{{0, *name}};
    auto resolving = resolve_hosts(std::move(hosts), basis);
    const auto answers = co_await resolving;
    auto found = in_order(answers[0].a, answers[0].aaaa, options_.order);
    if (!found.empty()) co_return found;
    for (const auto* answer : {&answers[0].a, &answers[0].aaaa})
        if (!is_negative(answer->failure)) {
            const auto type = answer == &answers[0].a ? RecordType::a : RecordType::aaaa;
            co_return std::unexpected(lookup_trouble(*name, type, answer->failure));
        }
    co_return std::unexpected(
        Trouble{basis.stale ? 4 : 5, 4, 4, fmt::format("the host {} has no address", *name)});
}

void Resolver::remember(std::string domain, const Route& route, MonoTime expires) {
    if (expires <= shard_.now()) return;
    if (auto* known = routes_.find(domain))
        *known = Remembered{route, expires};
    else
        routes_.insert(std::move(domain), Remembered{route, expires});
}

Resolver::Route Resolver::in_new_order(const Route& route) {
    auto result = route;
    if (result) shuffle_equals(result->hosts, shard_.random());
    return result;
}

}  // namespace angarium::dns

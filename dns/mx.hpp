// From a domain's answers to the hosts that take its mail: the rules of RFC 5321 section 5.1 and RFC 7505, without any
// I/O. resolver.hpp asks the questions. Pure, any thread.
//
//   MX records          the exchangers, best preference first
//   "MX 0 ."            null MX: permanent 5.1.10
//   no MX               the domain itself is the exchanger (implicit MX)
//   NXDOMAIN            permanent 5.1.2
//   ourselves in it     that exchanger and all of equal or worse preference are dropped; none left: permanent 5.4.6
//   no answer           temporary 4.4.3
//   hosts unresolved    temporary 4.4.3 while one of them may still resolve, else permanent 5.4.4
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "dns/lookup.hpp"
#include "dns/options.hpp"
#include "engine/base/endpoint.hpp"
#include "engine/base/random.hpp"

namespace angarium::dns {

struct Exchanger {
    std::string host;  // lower case; an address literal as it was written
    std::uint16_t preference = 0;
    std::vector<IpAddress> addresses;  // at least one, in the order to try
};

// The resolved route of a domain.
struct Exchangers {
    std::vector<Exchanger> hosts;  // at least one; by preference, random order inside a preference
    // Names the site: the exchangers' names, sorted and joined by commas. Domains that share their exchangers share it.
    std::string site;
};

// Why a domain has no route now, or ever. The status is that of RFC 3463 (class.subject.detail).
struct Trouble {
    int status_class = 4;
    int subject = 4;
    int detail = 3;
    std::string text;  // for the delivery log and the bounce: one clause without a full stop

    bool permanent() const { return status_class == 5; }
};

// The hosts to resolve, best preference first: at most options.most_exchangers, valid names, each once, cut off by the
// loop guard where our own name stands. For an implicit MX the domain itself with preference 0.
std::expected<std::vector<MxRecord>, Trouble> candidates(std::string_view domain, const Answer& mx,
                                                         const RouteOptions& options);

// What the two address questions for one candidate brought. A question that was not asked counts as no_data.
struct HostAnswers {
    MxRecord mx;
    Answer a = Answer::failed(Failure::no_data);
    Answer aaaa = Answer::failed(Failure::no_data);
};

// The exchangers that can be used, in the order of the candidates.
std::expected<Exchangers, Trouble> assemble(std::string_view domain, const std::vector<HostAnswers>& hosts,
                                            const RouteOptions& options);

// The addresses of one host in the configured order, prohibited ones included (for hosts that the operator named).
std::vector<IpAddress> in_order(const Answer& a, const Answer& aaaa, AddressOrder order);

// Hosts of the same preference in a new random order.
void shuffle_equals(std::vector<Exchanger>& hosts, Random& random);

// A failure that says nothing about whether the data exists: temporary 4.4.3.
Trouble lookup_trouble(std::string_view name, RecordType type, Failure failure);

}  // namespace angarium::dns

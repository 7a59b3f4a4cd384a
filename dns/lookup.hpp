// Lookup: the seam to the DNS transport. One question goes out, one Answer comes back; no cache, no policy. The real one
// is cares_lookup.hpp; tests and the simulation bring their own. Owning thread: the shard's.
//
// A failure is part of the answer, never an exception: what it means for mail is decided in mx.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/runtime/task.hpp"

namespace angarium::dns {

// The numbers of the wire (RFC 1035 section 3.2.2, RFC 3596, RFC 6698).
enum class RecordType : std::uint16_t {
    a = 1,
    ns = 2,
    cname = 5,
    soa = 6,
    mx = 15,
    txt = 16,
    aaaa = 28,
    opt = 41,
    tlsa = 52,
};
std::string_view to_string(RecordType);

struct Question {
    std::string name;  // canonical (name.hpp); empty asks for the root
    RecordType type = RecordType::a;
};

enum class Failure : std::uint8_t {
    none,            // records of the asked type came
    no_such_domain,  // NXDOMAIN: the name, or what it is an alias of, does not exist
    no_data,         // the name exists, without records of this type
    server_failed,   // SERVFAIL, FORMERR, NOTIMP and other codes; a referral instead of an answer
    refused,         // REFUSED
    timed_out,       // no server answered in time
    malformed,       // an answer that breaks the protocol
    unreachable,     // no server could be reached, or we are out of sockets or memory
    canceled,        // we gave up: the shard stops, or too many questions wait
};
std::string_view to_string(Failure);

// No answer came from any server: says something about the servers' health, nothing about the name.
constexpr bool is_silence(Failure failure) {
    return failure == Failure::timed_out || failure == Failure::unreachable;
}
// A firm "no": the data does not exist.
constexpr bool is_negative(Failure failure) {
    return failure == Failure::no_such_domain || failure == Failure::no_data;
}

struct MxRecord {
    std::uint16_t preference = 0;
    std::string host;  // lower case, no last dot; empty for the root: "no mail here" (RFC 7505)
};

struct Answer {
    Failure failure = Failure::none;
    // How long it may be kept, from the least TTL of all records used (aliases too), or from the zone's SOA for a
    // negative answer (RFC 2308); has_ttl is false where a negative answer came without SOA.
    std::chrono::seconds ttl{0};
    bool has_ttl = false;
    bool authentic = false;  // the AD flag, worth something only from a validating server that is trusted
    std::string canonical;   // the end of the chain of aliases; the asked name when there is none

    // Of the asked type, in the order of the message: one of these is filled.
    std::vector<IpAddress> addresses;  // A, AAAA
    std::vector<MxRecord> exchangers;  // MX
    std::vector<std::string> data;     // TXT: the strings joined; TLSA, NS: the raw octets

    static Answer failed(Failure why) {
        Answer answer;
        answer.failure = why;
        return answer;
    }
};

class Lookup {
  public:
    virtual ~Lookup() = default;
    // Asks, retries and completes in bounded time.
    virtual runtime::Task<Answer> ask(Question question) = 0;
    // Every open question completes with Failure::canceled (through the ready list); later ones at once.
    virtual void cancel() = 0;
};

}  // namespace angarium::dns

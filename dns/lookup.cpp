#include "dns/lookup.hpp"

namespace angarium::dns {

std::string_view to_string(RecordType type) {
    switch (type) {
        case RecordType::a:
            return "A";
        case RecordType::ns:
            return "NS";
        case RecordType::cname:
            return "CNAME";
        case RecordType::soa:
            return "SOA";
        case RecordType::mx:
            return "MX";
        case RecordType::txt:
            return "TXT";
        case RecordType::aaaa:
            return "AAAA";
        case RecordType::opt:
            return "OPT";
        case RecordType::tlsa:
            return "TLSA";
    }
    return "unknown type";
}

std::string_view to_string(Failure failure) {
    switch (failure) {
        case Failure::none:
            return "no failure";
        case Failure::no_such_domain:
            return "no such domain";
        case Failure::no_data:
            return "no such record";
        case Failure::server_failed:
            return "the name server failed";
        case Failure::refused:
            return "the name server refused the question";
        case Failure::timed_out:
            return "the name servers did not answer in time";
        case Failure::malformed:
            return "the name server's answer is malformed";
        case Failure::unreachable:
            return "no name server could be reached";
        case Failure::canceled:
            return "the lookup was given up";
    }
    return "unknown failure";
}

}  // namespace angarium::dns

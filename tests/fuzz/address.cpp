// Addresses, each line one of them: what is accepted holds no control, reads back as itself, and names a domain that can be
// looked up. Sets of patterns, endpoints and networks likewise.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/endpoint.hpp"
#include "engine/smtp/address_patterns.hpp"
#include "engine/smtp/mailbox.hpp"
#include "engine/smtp/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using smtp::Utf8;

void check_domain(const smtp::Domain& domain, Utf8 utf8) {
    const auto text = domain.text();
    require(!text.empty() && !has_control(text), "a domain is clean");
    require(utf8 == Utf8::allowed || smtp::is_ascii(text), "non-ASCII only where allowed");
    const auto again = smtp::Domain::parse(text, utf8);
    require(again && *again == domain, "a domain reads back as itself");
    require(domain.literal().has_value() == domain.is_literal(), "a literal is an address");
    const auto name = domain.dns_name();
    require(smtp::is_ascii(name) && name.find(' ') == std::string::npos, "a name for DNS is ASCII");
    require(domain.is_literal() ? name.empty() : true, "a literal is not looked up");
}

void check_mailbox(const smtp::Mailbox& mailbox, Utf8 utf8) {
    require(!has_control(mailbox.text()), "a mailbox is clean");
    require(utf8 == Utf8::allowed || mailbox.is_ascii(), "non-ASCII only where allowed");
    const auto again = smtp::Mailbox::parse(mailbox.text(), utf8);
    require(again && *again == mailbox, "a mailbox reads back as itself");
    const auto made = smtp::Mailbox::make(mailbox.local_part(), mailbox.domain_value(), utf8);
    require(made && *made == mailbox, "a mailbox is its parts");
    require(
        mailbox.local_part().size() <= smtp::max_local_part && mailbox.domain().size() <= smtp::max_domain,
        "a mailbox keeps the limits");
    check_domain(mailbox.domain_value(), utf8);
    const std::string path = "<" + mailbox.text() + ">";
    require(smtp::path_length(path) == path.size(), "nothing ends a path early");
    const auto forward = smtp::parse_forward_path(path, utf8);
    require(forward && *forward == mailbox, "a path names its mailbox");
    const auto patterns = smtp::AddressPatterns::make({mailbox.text()});
    if (patterns) require(patterns->contains(mailbox), "a pattern of one address holds it");
}

void check(std::string_view text, Utf8 utf8) {
    if (const auto domain = smtp::Domain::parse(text, utf8)) check_domain(*domain, utf8);
    if (const auto mailbox = smtp::Mailbox::parse(text, utf8)) check_mailbox(*mailbox, utf8);
    if (const auto mailbox = smtp::parse_forward_path(text, utf8)) check_mailbox(*mailbox, utf8);
    if (const auto sender = smtp::parse_reverse_path(text, utf8); sender && !sender->is_null())
        check_mailbox(sender->mailbox(), utf8);
    require(smtp::path_length(text) <= text.size(), "a path lies in its text");
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    auto input = text_of(data, size);
    std::vector<std::string> lines;
    while (!input.empty()) {
        const auto end = std::min(input.find('\n'), input.size());
        lines.emplace_back(input.substr(0, end));
        input.remove_prefix(std::min(end + 1, input.size()));
    }
    const auto probe = *smtp::Mailbox::parse("jack@town.com");
    if (const auto all = smtp::AddressPatterns::make(lines)) all->contains(probe);
    for (const auto& line : lines) {
        check(line, Utf8::refused);
        check(line, Utf8::allowed);
        if (const auto one = smtp::AddressPatterns::make({line})) one->contains(probe);
        if (const auto endpoint = Endpoint::parse(line))
            require(Endpoint::parse(endpoint->text()) == endpoint, "an endpoint reads back as itself");
        if (const auto address = IpAddress::parse(line))
            require(IpAddress::parse(address->text()) == address, "an address reads back as itself");
        if (const auto network = IpNetwork::parse(line)) {
            const auto again = IpNetwork::parse(network->text());
            require(again && again->text() == network->text(), "a network reads back as itself");
        }
    }
    return 0;
}

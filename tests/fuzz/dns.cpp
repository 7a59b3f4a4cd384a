// A DNS server's reply. The first octet chooses what was asked, the rest is the message; its own question stands for ours, so
// that the fuzzer gets past it. What is believed is bounded and consistent.
#include "dns/message.hpp"
#include "dns/name.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::fuzz {
namespace {

using dns::RecordType;

void check(const dns::Answer& answer, const dns::Question& question) {
    const auto records = answer.addresses.size() + answer.exchangers.size() + answer.data.size();
    require(answer.ttl.count() >= 0, "time does not run backwards");
    require((answer.failure == dns::Failure::none) == (records > 0), "an answer has records, a failure none");
    require(records <= dns::most_records, "no more records than the limit");
    require(answer.addresses.empty() || question.type == RecordType::a || question.type == RecordType::aaaa,
            "addresses were asked for");
    for (const auto& address : answer.addresses)
        require(address.is_v4() == (question.type == RecordType::a), "of this family");
    for (const auto& exchanger : answer.exchangers) {
        require(question.type == RecordType::mx, "exchangers were asked for");
        require(!has_control(exchanger.host) && exchanger.host.size() <= 4 * 255,
                "a host's name is printable and bounded");
    }
    require(!has_control(answer.canonical), "the canonical name is printable");
}

// The question in the message, as a plain reading finds it; empty: none.
std::string name_in(std::string_view message) {
    std::string name;
    for (std::size_t at = 12; at < message.size();) {
        const std::size_t length = static_cast<unsigned char>(message[at]);
        if (length == 0) return name;
        if (length > 63 || at + 1 + length > message.size()) return {};
        if (!name.empty()) name += '.';
        name += message.substr(at + 1, length);
        at += 1 + length;
    }
    return {};
}

}  // namespace
}  // namespace angarium::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium;
    using namespace angarium::fuzz;
    if (size == 0) return 0;
    constexpr RecordType types[] = {RecordType::a, RecordType::aaaa, RecordType::mx, RecordType::txt,
                                    RecordType::tlsa};
    dns::Question question;
    question.type = types[data[0] % std::size(types)];
    const std::vector<std::uint8_t> message(data + 1, data + size);  // exactly as long as it is
    question.name = dns::canonical_name(name_in(text_of(data + 1, size - 1))).value_or("example.net");
    check(dns::parse_reply(message, question), question);

    const auto text = text_of(data, size);
    if (const auto name = dns::canonical_name(text))
        require(dns::is_canonical_name(*name) && dns::canonical_name(*name) == name,
                "a canonical name is canonical");
    if (const auto address = dns::parse_address_literal(text))
        require(IpAddress::parse(address->text()) == address, "a literal is an address");
    return 0;
}

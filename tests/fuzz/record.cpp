// The journal's records and the store's values: arbitrary bytes are read or refused, and what can be read is written and read
// back to the same. What follows from them (deliveries, lines of the delivery log, keys) holds as well.
#include <nlohmann/json.hpp>

#include "queue/event_line.hpp"
#include "queue/record.hpp"
#include "queue/store_keys.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace angarium::queue {
namespace {

bool same(const Trace& a, const Trace& b) {
    return a.peer == b.peer && a.helo == b.helo && a.protocol == b.protocol && a.tls == b.tls &&
           a.cipher == b.cipher && a.identity == b.identity;
}
bool same(const AcceptRecord& a, const AcceptRecord& b) {
    return a.id == b.id && a.stream == b.stream && a.envelope == b.envelope && same(a.trace, b.trace) &&
           a.parts == b.parts && a.last_part == b.last_part && a.size == b.size && a.bounce == b.bounce &&
           a.about == b.about;
}
bool same(const DeliveryFacts& a, const DeliveryFacts& b) {
    return a.id == b.id && a.stream == b.stream && a.domain == b.domain && a.sender == b.sender &&
           a.recipients == b.recipients && a.options == b.options && a.size == b.size && a.parts == b.parts &&
           a.attempts == b.attempts && a.sole == b.sole && a.last_reason == b.last_reason;
}
bool same(const Outcome& a, const Outcome& b) {
    const auto same_result = [](const RecipientResult& x, const RecipientResult& y) {
        return x.recipient == y.recipient && x.verdict == y.verdict && x.reason == y.reason;
    };
    const auto same_reason = [](const Reason& x, const Reason& y) {
        return x.code == y.code && x.status == y.status && x.text == y.text;
    };
    return std::equal(a.results.begin(), a.results.end(), b.results.begin(), b.results.end(), same_result) &&
           std::equal(a.reasons.begin(), a.reasons.end(), b.reasons.begin(), b.reasons.end(), same_reason) &&
           a.site == b.site && a.host == b.host && a.peer == b.peer && a.connect_us == b.connect_us &&
           a.attempt_us == b.attempt_us && a.remote_accepted == b.remote_accepted;
}
bool same(const OutcomeRecord& a, const OutcomeRecord& b) {
    return a.id == b.id && a.stream == b.stream && a.domain == b.domain && a.place == b.place &&
           a.attempt == b.attempt && a.at == b.at && a.expired == b.expired && same(a.outcome, b.outcome) &&
           a.next_due == b.next_due && a.sender == b.sender && a.recipients == b.recipients &&
           a.size == b.size;
}

using fuzz::require;

void check_line(const std::string& line) {
    require(line.ends_with('\n') && line.find('\n') + 1 == line.size(), "an event is one line");
    require(nlohmann::json::accept(line), "and JSON");
    require(event_of(line).has_value(), "with a number");
}

void check(const DeliveryFacts& facts) {
    const auto again = decode_delivery(encode(facts));
    require(again && same(*again, facts), "decode(encode(delivery))");
}

void check_accept(std::string_view payload) {
    const auto record = decode_accept(payload);
    if (!record) return;
    std::string encoded;
    encode_accept_header(encoded, *record);
    encoded += record->last_part;
    const auto again = decode_accept(encoded);
    require(again && same(*again, *record), "decode(encode(accept))");
    std::string line;
    EventLines lines(ShardId{0});
    record->bounce ? lines.bounce(line, *record, {}) : lines.reception(line, *record, {});
    check_line(line);
    std::size_t recipients = 0;
    for (const auto& facts : deliveries_of(*record)) {
        check(facts);
        recipients += facts.recipients.size();
        const auto key =
            keys::deferred(facts.stream, facts.domain, WallTime{std::chrono::milliseconds(7)}, facts.id);
        const auto parsed = keys::parse_deferred(key);
        require(parsed && parsed->stream == facts.stream && parsed->domain == facts.domain &&
                    parsed->id == facts.id,
                "a key says whose it is");
    }
    require(recipients == record->envelope.recipients.size(), "every recipient is in one delivery");
}

void check_part(std::string_view payload) {
    const auto record = decode_part(payload);
    if (!record) return;
    std::string encoded;
    encode_part_header(encoded, *record);
    encoded += record->bytes;
    const auto again = decode_part(encoded);
    require(again && again->id == record->id && again->part == record->part && again->bytes == record->bytes,
            "decode(encode(part))");
}

void check_outcome(std::string_view payload) {
    const auto record = decode_outcome(payload);
    if (!record) return;
    const auto again = decode_outcome(encode(*record));
    require(again && same(*again, *record), "decode(encode(outcome))");
    EventLines lines(ShardId{0});
    for (std::uint32_t i = 0; i < record->outcome.results.size(); ++i) {
        std::string line;
        lines.outcome(line, *record, {1, i});
        check_line(line);
    }
    DeliveryFacts facts;
    facts.recipients.assign(3, {*smtp::Mailbox::parse("jill@hill.com"), {}, {}});
    require(apply(facts, *record) == !facts.recipients.empty(), "what is left is said");
}

}  // namespace
}  // namespace angarium::queue

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace angarium::queue;
    const std::string payload(angarium::fuzz::text_of(data, size));
    check_accept(payload);
    check_part(payload);
    check_outcome(payload);
    if (const auto facts = decode_delivery(payload)) check(*facts);
    keys::parse_ready(payload);
    keys::parse_deferred(payload);
    event_of(payload);
    return 0;
}

#include "queue/event_line.hpp"

#include <charconv>

namespace angarium::queue {
namespace {

constexpr std::size_t most_recipients = 100;  // of a reception's line; the count is always there
constexpr std::size_t most_address = 320;     // bytes
constexpr std::size_t most_text = 512;        // bytes of a reply

void peer(JsonLine& line, std::string_view name, std::string_view address) {
    if (name.empty() && address.empty()) return;
    line.open("peer").text("name", name, most_address).text("address", address).close();
}

std::string_view type_of(const OutcomeRecord& record, Verdict verdict) {
    switch (verdict) {
        case Verdict::delivered:
            return "delivery";
        case Verdict::deferred:
            return "transient_failure";
        case Verdict::failed:
            break;
    }
    return record.expired ? "expiration" : "failure";
}

void response(JsonLine& line, const Reason& reason) {
    line.open("response");
    if (reason.code != 0) line.number("code", reason.code);
    if (reason.status) {
        line.open_text("status").decimal(reason.status.status_class).put('.');
        line.decimal(reason.status.subject).put('.').decimal(reason.status.detail).close_text();
    }
    line.text("text", reason.text, most_text).close();
}

void protection(JsonLine& line, const runtime::TlsSummary& tls) {
    line.text("tls", runtime::tls_version_name(tls.version));
    if (tls.version == 0) return;
    line.text("cipher", runtime::tls_cipher_name(tls.cipher));
    line.text("verification", runtime::tls_verification_name(tls.verification));
}

void message(JsonLine& line, const MessageId& id, const smtp::ReversePath& sender) {
    char text[MessageId::text_size];
    id.put_text(text);
    line.text("id", {text, sizeof text})
        .any_text("sender", sender.text(), most_address);  // also when it is null
}

std::uint64_t microseconds(WallTime from, WallTime to) {
    return to > from ? static_cast<std::uint64_t>((to - from).count()) * 1000 : 0;
}

}  // namespace

void EventLines::begin(JsonLine& line, std::string_view field, EventNumber number, WallTime at,
                       std::string_view type) {
    line.open_text(field).decimal(index(shard_)).put('-').decimal(number.lsn).put('-');
    line.decimal(number.index).close_text();
    line.time("time", at).text("type", type);
}

void EventLines::reception(std::string& out, const AcceptRecord& record, EventNumber number) {
    const auto& recipients = record.envelope.recipients;
    JsonLine line(scratch_, times_);
    begin(line, "event", number, record.id.accepted_at(), "reception");
    message(line, record.id, record.envelope.sender);
    line.open_list("recipients");
    for (std::size_t i = 0; i < recipients.size() && i < most_recipients; ++i)
        line.item(recipients[i].mailbox.text(), most_address);
    line.close_list().number("recipient_count", recipients.size());
    line.text("stream", record.stream);
    peer(line, record.trace.helo, record.trace.peer);
    line.text("protocol", record.trace.protocol).text("tls", record.trace.tls);
    line.text("cipher", record.trace.cipher).text("identity", record.trace.identity, most_address);
    line.number("size", record.size);
    line.end(out);
}

void EventLines::bounce(std::string& out, const AcceptRecord& record, EventNumber number) {
    JsonLine line(scratch_, times_);
    begin(line, "event", number, record.id.accepted_at(), "bounce");
    message(line, record.id, record.envelope.sender);
    if (!record.envelope.recipients.empty())
        line.text("recipient", record.envelope.recipients.front().mailbox.text(), most_address);
    line.text("about", record.about.text()).text("stream", record.stream).number("size", record.size);
    line.end(out);
}

void EventLines::outcome(std::string& out, const OutcomeRecord& record, EventNumber number) {
    const auto& outcome = record.outcome;
    const auto& result = outcome.results[number.index];
    JsonLine line(scratch_, times_);
    begin(line, "event", number, record.at, type_of(record, result.verdict));
    message(line, record.id, record.sender);
    if (result.recipient < record.recipients.size())
        line.text("recipient", record.recipients[result.recipient], most_address);
    line.text("stream", record.stream).text("destination", record.domain).text("site", outcome.site);
    peer(line, outcome.host, outcome.peer);
    if (outcome.tls) protection(line, *outcome.tls);
    if (result.reason < outcome.reasons.size()) response(line, outcome.reasons[result.reason]);
    line.number("attempt", record.attempt).number("size", record.size);
    line.seconds("queued_seconds", microseconds(record.id.accepted_at(), record.at));
    if (outcome.connect_us != 0) line.seconds("connect_seconds", outcome.connect_us);
    if (outcome.attempt_us != 0) line.seconds("attempt_seconds", outcome.attempt_us);
    if (result.verdict == Verdict::deferred && !record.ends()) line.time("next_attempt", record.next_due);
    line.end(out);
}

void EventLines::rejection(std::string& out, const Rejection& rejection, WallTime at, EventNumber before) {
    JsonLine line(scratch_, times_);
    begin(line, "after", before, at, "rejection");
    line.text("sender", rejection.sender, most_address).text("recipient", rejection.recipient, most_address);
    peer(line, rejection.helo, rejection.peer);
    line.text("identity", rejection.identity, most_address);
    line.open("response");
    if (rejection.code != 0) line.number("code", rejection.code);  // else no reply was given
    line.text("text", rejection.reply, most_text).close();
    line.end(out);
}

std::optional<EventNumber> event_of(std::string_view line) {
    for (const std::string_view front : {"{\"event\":\"", "{\"after\":\""}) {
        if (!line.starts_with(front)) continue;
        const char* at = line.data() + front.size();
        const char* const end = line.data() + line.size();
        unsigned shard = 0;
        EventNumber number;
        const auto read = [&](auto& value, char behind) {
            const auto [next, error] = std::from_chars(at, end, value);
            if (error != std::errc() || next == end || *next != behind) return false;
            at = next + 1;
            return true;
        };
        if (read(shard, '-') && read(number.lsn, '-') && read(number.index, '"')) return number;
    }
    return std::nullopt;
}

}  // namespace angarium::queue

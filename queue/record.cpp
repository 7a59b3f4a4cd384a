#include "queue/record.hpp"

#include <algorithm>

#include <absl/container/flat_hash_map.h>

#include "engine/base/assert.hpp"
#include "queue/wire.hpp"

namespace angarium::queue {
namespace {

// Layouts, in order of the bytes. `text` is a varint length and the bytes; [..] is there when its flag is set.
//
//   options   [stream text] [ENVID text]            whose flags and kinds stand in the flags byte in front of them
//   recipient text, notify | 16 when an original recipient follows, [original text]
//   accept    kind, id, flags, options, [declared size], [about id], size, sender text, recipients, trace (3 texts),
//             parts (lsn, length), last part to the end
//   secure    the same with a kind of its own and three more texts in the trace: TLS, cipher, identity
//   part      kind, id, index, bytes to the end
//   outcome   kind, id, flags, [stream text], domain text, [due], attempt, at, [next due], size, sender text,
//             recipients (texts), reasons (code, class, subject, detail, text), results, site, host, peer (texts),
//             connect_us, attempt_us, [version of TLS; unless 0: cipher, verification]
//   result    verdict | 4 when the recipient's index follows (else: its position) | 8 when the reason's follows (else 0)
//   delivery  version, id, flags, options, domain text, sender text, recipients, size, parts, attempts, reason text
//
// Times are milliseconds since 1970. A new layout takes a new kind or version; these never change.

constexpr std::string_view default_stream = "default";
constexpr std::uint8_t delivery_version = 0x41;  // not a RecordKind: a record is never taken for a delivery

// The flags byte of accept and delivery; `declared` and `about` are the accept's, `sole` the delivery's.
constexpr unsigned flag_stream = 1, flag_eight_bit = 2, flag_smtputf8 = 4, flag_envelope_id = 32,
                   flag_declared = 64, flag_sole = 64, flag_about = 128;
constexpr unsigned flag_ret_shift = 3;  // two bits
// The flags byte of an outcome.
constexpr unsigned outcome_stream = 1, outcome_expired = 2, outcome_due = 4, outcome_next_due = 8,
                   outcome_remote_accepted = 16, outcome_tls = 32, outcome_known = 63;
// The first byte of an accept whose client came by TLS or has authenticated; no RecordKind and no delivery_version.
constexpr unsigned secure_accept = 0x81;
constexpr unsigned recipient_original = 16, result_index = 4, result_reason = 8;

constexpr std::size_t fixed_most = 2 + 2 * MessageId::size;  // kind, flags, id, about

unsigned options_flags(const MessageOptions& options, std::string_view stream) {
    return (stream != default_stream ? flag_stream : 0u) |
           (options.body == smtp::Body::eight_bit_mime ? flag_eight_bit : 0u) |
           (options.smtputf8 ? flag_smtputf8 : 0u) | static_cast<unsigned>(options.ret) << flag_ret_shift |
           (options.envelope_id ? flag_envelope_id : 0u);
}

std::size_t options_most(const MessageOptions& options, std::string_view stream) {
    return text_most(stream) + (options.envelope_id ? text_most(options.envelope_id->text()) : 0);
}

void write_options(WireWriter& out, const MessageOptions& options, std::string_view stream) {
    if (stream != default_stream) out.text(stream);
    if (options.envelope_id) out.text(options.envelope_id->text());
}

// A name in a key ends with a zero byte, so it may hold none.
bool is_name(std::string_view text) { return !text.empty() && text.find('\0') == std::string_view::npos; }

std::string read_name(WireReader& in) {
    const auto text = in.text();
    if (!is_name(text)) in.fail();
    return std::string(text);
}

void read_options(WireReader& in, unsigned flags, MessageOptions& options, std::string& stream) {
    stream = flags & flag_stream ? read_name(in) : std::string(default_stream);
    options.body = flags & flag_eight_bit ? smtp::Body::eight_bit_mime : smtp::Body::seven_bit;
    options.smtputf8 = (flags & flag_smtputf8) != 0;
    const auto ret = flags >> flag_ret_shift & 3u;
    if (ret > static_cast<unsigned>(smtp::Ret::headers)) return in.fail();
    options.ret = static_cast<smtp::Ret>(ret);
    if (flags & flag_envelope_id) {
        options.envelope_id = smtp::Xtext::make(in.text(), smtp::Utf8::allowed);
        if (!options.envelope_id) in.fail();
    }
}

std::size_t recipients_most(const std::vector<smtp::Recipient>& recipients) {
    std::size_t most = varint_most;
    for (const auto& recipient : recipients)
        most += 1 + text_most(recipient.mailbox.text()) +
                (recipient.original ? text_most(recipient.original->text()) : 0);
    return most;
}

void write_recipients(WireWriter& out, const std::vector<smtp::Recipient>& recipients) {
    out.varint(recipients.size());
    for (const auto& recipient : recipients) {
        out.text(recipient.mailbox.text());
        out.byte(static_cast<unsigned>(recipient.notify) | (recipient.original ? recipient_original : 0u));
        if (recipient.original) out.text(recipient.original->text());
    }
}

void read_recipient(WireReader& in, std::vector<smtp::Recipient>& recipients) {
    auto mailbox = smtp::Mailbox::parse(in.text(), smtp::Utf8::allowed);
    const unsigned flags = in.byte();
    if (!in.ok() || !mailbox || flags > (recipient_original | 15)) return in.fail();
    auto& recipient =
        recipients.emplace_back(smtp::Recipient{std::move(*mailbox), smtp::Notify(flags & 15), {}});
    if (flags & recipient_original) {
        recipient.original = smtp::OriginalRecipient::make(in.text(), smtp::Utf8::allowed);
        if (!recipient.original) in.fail();
    }
}

void read_recipients(WireReader& in, std::vector<smtp::Recipient>& recipients) {
    const auto count = in.count(2);
    recipients.reserve(std::min<std::size_t>(count, 1024));
    for (std::size_t i = 0; i < count && in.ok(); ++i) read_recipient(in, recipients);
}

smtp::ReversePath read_sender(WireReader& in) {
    auto sender = smtp::ReversePath::parse(in.text(), smtp::Utf8::allowed);
    if (sender) return std::move(*sender);
    in.fail();
    return {};
}

bool is_secure(const Trace& trace) {
    return !trace.tls.empty() || !trace.cipher.empty() || !trace.identity.empty();
}

// What an accept shares with its deliveries.
MessageOptions options_of(const smtp::Envelope& envelope) {
    return {envelope.body, envelope.smtputf8, envelope.ret, envelope.envelope_id};
}

// Appends what `write` writes, at most `most` bytes: one allocation.
template <class Write>
void append(std::string& out, std::size_t most, Write&& write) {
    const auto before = out.size();
    out.resize_and_overwrite(before + most, [&](char* begin, std::size_t) {
        WireWriter to(begin + before);
        write(to);
        return static_cast<std::size_t>(to.at() - begin);
    });
}

std::size_t accept_most(const AcceptRecord& record, const MessageOptions& options) {
    return fixed_most + options_most(options, record.stream) + 2 * varint_most +
           text_most(record.envelope.sender.text()) + recipients_most(record.envelope.recipients) +
           text_most(record.trace.peer) + text_most(record.trace.helo) + text_most(record.trace.protocol) +
           text_most(record.trace.tls) + text_most(record.trace.cipher) + text_most(record.trace.identity) +
           (1 + 2 * record.parts.size()) * varint_most;
}

}  // namespace

void encode_accept_header(std::string& out, const AcceptRecord& record) {
    const auto options = options_of(record.envelope);
    const bool secure = is_secure(record.trace);
    append(out, accept_most(record, options), [&](WireWriter& to) {
        to.byte(secure ? secure_accept : static_cast<unsigned>(RecordKind::accept));
        to.id(record.id);
        to.byte(options_flags(options, record.stream) | (record.envelope.declared_size ? flag_declared : 0u) |
                (record.bounce ? flag_about : 0u));
        write_options(to, options, record.stream);
        if (record.envelope.declared_size) to.varint(*record.envelope.declared_size);
        if (record.bounce) to.id(record.about);
        to.varint(record.size);
        to.text(record.envelope.sender.text());
        write_recipients(to, record.envelope.recipients);
        to.text(record.trace.peer);
        to.text(record.trace.helo);
        to.text(record.trace.protocol);
        if (secure) {
            to.text(record.trace.tls);
            to.text(record.trace.cipher);
            to.text(record.trace.identity);
        }
        to.varint(record.parts.size());
        for (const auto& part : record.parts) {
            to.varint(part.lsn);
            to.varint(part.length);
        }
    });
}

std::optional<AcceptRecord> decode_accept(std::string_view payload) {
    WireReader in(payload);
    const unsigned kind = in.byte();
    if (kind != static_cast<unsigned>(RecordKind::accept) && kind != secure_accept) return std::nullopt;
    AcceptRecord record;
    record.id = in.id();
    const unsigned flags = in.byte();
    MessageOptions options;
    read_options(in, flags, options, record.stream);
    if (flags & flag_declared) record.envelope.declared_size = in.varint();
    record.bounce = (flags & flag_about) != 0;
    if (record.bounce) record.about = in.id();
    record.size = in.varint();
    record.envelope.sender = read_sender(in);
    read_recipients(in, record.envelope.recipients);
    record.trace.peer = in.text();
    record.trace.helo = in.text();
    record.trace.protocol = in.text();
    if (kind == secure_accept) {
        record.trace.tls = in.text();
        record.trace.cipher = in.text();
        record.trace.identity = in.text();
    }
    const auto parts = in.count(2);
    record.parts.reserve(parts);
    for (std::size_t i = 0; i < parts && in.ok(); ++i) {
        const auto lsn = in.varint();
        record.parts.push_back({lsn, in.varint32()});
    }
    record.last_part = in.rest();
    if (!in.ok() || record.envelope.recipients.empty()) return std::nullopt;
    record.envelope.body = options.body;
    record.envelope.smtputf8 = options.smtputf8;
    record.envelope.ret = options.ret;
    record.envelope.envelope_id = std::move(options.envelope_id);
    return record;
}

void encode_part_header(std::string& out, const PartRecord& record) {
    char bytes[1 + MessageId::size + varint_most];
    WireWriter to(bytes);
    to.byte(static_cast<unsigned>(RecordKind::part));
    to.id(record.id);
    to.varint(record.part);
    out.append(bytes, static_cast<std::size_t>(to.at() - bytes));
}

std::optional<PartRecord> decode_part(std::string_view payload) {
    WireReader in(payload);
    if (in.byte() != static_cast<unsigned>(RecordKind::part)) return std::nullopt;
    PartRecord record;
    record.id = in.id();
    record.part = in.varint32();
    record.bytes = in.rest();
    if (!in.ok()) return std::nullopt;
    return record;
}

namespace {

std::size_t outcome_most(const OutcomeRecord& record) {
    std::size_t most = fixed_most + text_most(record.stream) + text_most(record.domain) + 13 * varint_most +
                       text_most(record.sender.text());
    for (const auto& recipient : record.recipients) most += text_most(recipient);
    for (const auto& reason : record.outcome.reasons) most += 4 * varint_most + text_most(reason.text);
    most += record.outcome.results.size() * (1 + 2 * varint_most);
    return most + text_most(record.outcome.site) + text_most(record.outcome.host) +
           text_most(record.outcome.peer);
}

unsigned outcome_flags(const OutcomeRecord& record) {
    return (record.stream != default_stream ? outcome_stream : 0u) | (record.expired ? outcome_expired : 0u) |
           (record.place.ready() ? 0u : outcome_due) | (record.ends() ? 0u : outcome_next_due) |
           (record.outcome.remote_accepted ? outcome_remote_accepted : 0u) |
           (record.outcome.tls ? outcome_tls : 0u);
}

void write_outcome(WireWriter& out, const OutcomeRecord& record) {
    const auto& outcome = record.outcome;
    out.varint(outcome.reasons.size());
    for (const auto& reason : outcome.reasons) {
        out.varint(reason.code);
        out.byte(reason.status.status_class);
        out.varint(reason.status.subject);
        out.varint(reason.status.detail);
        out.text(reason.text);
    }
    out.varint(outcome.results.size());
    for (std::size_t i = 0; i < outcome.results.size(); ++i) {
        const auto& result = outcome.results[i];
        ANGARIUM_ASSERT(result.recipient < record.recipients.size() &&
                        result.reason < outcome.reasons.size());
        out.byte(static_cast<unsigned>(result.verdict) | (result.recipient != i ? result_index : 0u) |
                 (result.reason != 0 ? result_reason : 0u));
        if (result.recipient != i) out.varint(result.recipient);
        if (result.reason != 0) out.varint(result.reason);
    }
    out.text(outcome.site);
    out.text(outcome.host);
    out.text(outcome.peer);
    out.varint(outcome.connect_us);
    out.varint(outcome.attempt_us);
    if (!outcome.tls) return;
    out.varint(outcome.tls->version);
    if (outcome.tls->version == 0) return;
    out.varint(outcome.tls->cipher);
    out.byte(outcome.tls->verification);
}

void read_reason(WireReader& in, Reason& reason) {
    reason.code = static_cast<std::uint16_t>(in.varint_at_most(UINT16_MAX));
    reason.status.status_class = in.byte();
    reason.status.subject = static_cast<std::uint16_t>(in.varint_at_most(UINT16_MAX));
    reason.status.detail = static_cast<std::uint16_t>(in.varint_at_most(UINT16_MAX));
    reason.text = in.text();
}

RecipientResult read_result(WireReader& in, std::size_t position, const OutcomeRecord& record) {
    const unsigned bits = in.byte();
    const auto recipient = bits & result_index ? in.varint() : position;
    const auto reason = bits & result_reason ? in.varint() : 0;
    const auto verdict = bits & 3u;
    if (bits > (result_reason | result_index | 3) || verdict > static_cast<unsigned>(Verdict::failed) ||
        recipient >= record.recipients.size() || recipient > UINT16_MAX ||
        reason >= record.outcome.reasons.size() || reason > UINT16_MAX)
        in.fail();
    return {static_cast<std::uint16_t>(recipient), static_cast<Verdict>(verdict),
            static_cast<std::uint16_t>(reason)};
}

void read_outcome(WireReader& in, OutcomeRecord& record) {
    auto& outcome = record.outcome;
    outcome.reasons.resize(in.count(5));
    for (auto& reason : outcome.reasons) read_reason(in, reason);
    const auto results = in.count(1);
    outcome.results.reserve(results);
    for (std::size_t i = 0; i < results && in.ok(); ++i)
        outcome.results.push_back(read_result(in, i, record));
    outcome.site = in.text();
    outcome.host = in.text();
    outcome.peer = in.text();
    outcome.connect_us = in.varint32();
    outcome.attempt_us = in.varint32();
    if (!outcome.tls) return;
    outcome.tls->version = static_cast<std::uint16_t>(in.varint_at_most(UINT16_MAX));
    if (outcome.tls->version == 0) return;
    outcome.tls->cipher = static_cast<std::uint16_t>(in.varint_at_most(UINT16_MAX));
    outcome.tls->verification = in.byte();
}

}  // namespace

std::string encode(const OutcomeRecord& record) {
    std::string out;
    append(out, outcome_most(record), [&](WireWriter& to) {
        to.byte(static_cast<unsigned>(RecordKind::outcome));
        to.id(record.id);
        to.byte(outcome_flags(record));
        if (record.stream != default_stream) to.text(record.stream);
        to.text(record.domain);
        if (!record.place.ready()) to.time(record.place.due);
        to.varint(record.attempt);
        to.time(record.at);
        if (!record.ends()) to.time(record.next_due);
        to.varint(record.size);
        to.text(record.sender.text());
        to.varint(record.recipients.size());
        for (const auto& recipient : record.recipients) to.text(recipient);
        write_outcome(to, record);
    });
    return out;
}

std::optional<OutcomeRecord> decode_outcome(std::string_view payload) {
    WireReader in(payload);
    if (in.byte() != static_cast<unsigned>(RecordKind::outcome)) return std::nullopt;
    OutcomeRecord record;
    record.id = in.id();
    const unsigned flags = in.byte();
    if (flags > outcome_known) return std::nullopt;
    record.stream = flags & outcome_stream ? read_name(in) : std::string(default_stream);
    record.domain = read_name(in);
    if (flags & outcome_due) record.place.due = in.time();
    record.attempt = in.varint32();
    record.at = in.time();
    record.expired = (flags & outcome_expired) != 0;
    if (flags & outcome_next_due) record.next_due = in.time();
    record.size = in.varint();
    record.sender = read_sender(in);
    record.recipients.resize(in.count(1));
    for (auto& recipient : record.recipients) recipient = in.text();
    record.outcome.remote_accepted = (flags & outcome_remote_accepted) != 0;
    if (flags & outcome_tls) record.outcome.tls.emplace();
    read_outcome(in, record);
    if (!in.ok() || in.left() != 0) return std::nullopt;
    return record;
}

Lsn first_lsn(Extent accept, const std::vector<Extent>& parts) {
    Lsn first = accept.lsn;
    for (const auto& part : parts) first = std::min(first, part.lsn);
    return first;
}

std::string destination_of(const smtp::Mailbox& mailbox) {
    return std::string(
        mailbox.domain());  // a Mailbox keeps its domain in lower case, a literal in one spelling
}

std::vector<DeliveryFacts> deliveries_of(AcceptRecord record) {
    std::vector<DeliveryFacts> deliveries;
    auto& recipients = record.envelope.recipients;
    absl::flat_hash_map<std::string, std::size_t> places;  // by domain; not asked about a lone recipient
    for (auto& recipient : recipients) {
        auto domain = destination_of(recipient.mailbox);
        const auto place =
            recipients.size() == 1 ? 0 : places.try_emplace(domain, deliveries.size()).first->second;
        if (place == deliveries.size()) {
            auto& facts = deliveries.emplace_back();
            facts.id = record.id;
            facts.stream = record.stream;
            facts.domain = std::move(domain);
            facts.options = options_of(record.envelope);
            facts.size = record.size;
            facts.parts = static_cast<std::uint32_t>(record.parts.size()) + 1;
        }
        deliveries[place].recipients.push_back(std::move(recipient));
    }
    for (auto& facts : deliveries) {
        facts.sole = deliveries.size() == 1;
        facts.sender = facts.sole ? std::move(record.envelope.sender) : record.envelope.sender;
    }
    return deliveries;
}

std::string encode(const DeliveryFacts& facts) {
    const std::size_t most = fixed_most + options_most(facts.options, facts.stream) +
                             text_most(facts.domain) + text_most(facts.sender.text()) +
                             recipients_most(facts.recipients) + 3 * varint_most +
                             text_most(facts.last_reason);
    std::string out;
    append(out, most, [&](WireWriter& to) {
        to.byte(delivery_version);
        to.id(facts.id);
        to.byte(options_flags(facts.options, facts.stream) | (facts.sole ? flag_sole : 0u));
        write_options(to, facts.options, facts.stream);
        to.text(facts.domain);
        to.text(facts.sender.text());
        write_recipients(to, facts.recipients);
        to.varint(facts.size);
        to.varint(facts.parts);
        to.varint(facts.attempts);
        to.text(facts.last_reason);
    });
    return out;
}

std::optional<DeliveryFacts> decode_delivery(std::string_view value) {
    WireReader in(value);
    if (in.byte() != delivery_version) return std::nullopt;
    DeliveryFacts facts;
    facts.id = in.id();
    const unsigned flags = in.byte();
    if (flags & flag_about) return std::nullopt;
    read_options(in, flags, facts.options, facts.stream);
    facts.sole = (flags & flag_sole) != 0;
    facts.domain = read_name(in);
    facts.sender = read_sender(in);
    read_recipients(in, facts.recipients);
    facts.size = in.varint();
    facts.parts = in.varint32();
    facts.attempts = in.varint32();
    facts.last_reason = in.text();
    if (!in.ok() || in.left() != 0 || facts.parts == 0) return std::nullopt;
    return facts;
}

std::string text_of(const Reason& reason) {
    std::string out;
    if (reason.code != 0) out.append(std::to_string(reason.code)) += ' ';
    if (reason.status) out.append(reason.status.text()) += ' ';
    out += reason.text;
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

bool apply(DeliveryFacts& facts, const OutcomeRecord& record) {
    const auto& outcome = record.outcome;
    std::vector<bool> ended(facts.recipients.size());
    for (const auto& result : outcome.results) {
        if (result.verdict != Verdict::deferred) {
            if (result.recipient < ended.size()) ended[result.recipient] = true;
        } else if (result.reason < outcome.reasons.size()) {
            facts.last_reason = text_of(outcome.reasons[result.reason]);
        }
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ended.size(); ++i) {
        if (ended[i]) continue;
        if (kept != i) facts.recipients[kept] = std::move(facts.recipients[i]);
        ++kept;
    }
    facts.recipients.erase(facts.recipients.begin() + static_cast<std::ptrdiff_t>(kept),
                           facts.recipients.end());
    facts.attempts = record.attempt;
    return kept != 0;
}

}  // namespace angarium::queue

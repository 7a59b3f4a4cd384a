// Content by DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030), and what becomes of a message. Refused content is read
// to its end, so that the rest is never taken for commands, within limits (policy.hpp).
#include <algorithm>

#include "engine/inbound/session.hpp"
#include "engine/runtime/awaited_job.hpp"
#include "engine/smtp/data_decoder.hpp"

namespace angarium::inbound {
namespace {

class SigningJob final : public runtime::AwaitedJob {
  public:
    explicit SigningJob(dkim::MessageSigner& message) : message_(message) {}
    void work() override { made = message_.sign(); }
    bool made = false;

  private:
    dkim::MessageSigner& message_;
};

}  // namespace

smtp::ContentLimits Session::content_limits() const {
    smtp::ContentLimits limits;
    limits.size = limits_.message_size;
    limits.received = limits_.hops;
    return limits;
}

MonoTime Session::content_due(MonoTime began, std::uint64_t received) const {
    const auto patience = content_patience(limits_, services_.connections.pressed());
    return content_deadline(limits_, patience, services_.shard.now(), began, received);
}

runtime::Task<void> Session::receive_data() {
    smtp::DataDecoder decoder(content_limits());
    const auto began = services_.shard.now();
    for (bool done = false; !done;) {
        if (input_.empty()) {
            flush();
            const auto read = co_await stream_->read(content_due(began, decoder.wire_size()));
            if (!got(read)) co_return;
        }
        pieces_.clear();
        done = decoder.feed(input_, pieces_);
        for (const auto piece : pieces_) {
            if (transaction_.push(piece)) continue;
            flush();
            co_await transaction_.room();
        }
        if (!decoder.checker().ok()) transaction_.drop();
        if (closing_) co_return;
        if (!done && decoder.wire_size() > most_to_swallow(limits_)) {
            refuse_message(replies::too_large, Reason::size);
            closing_ = true;
            co_return;
        }
    }
    co_await finish_message(decoder.checker().error());
}

// Why a chunk cannot be taken, before it is read: sequence, size, or no room in the queue.
std::optional<std::pair<smtp::FixedReply, Reason>> Session::fault_of_chunk() const {
    if (tls_is_due()) return std::pair(replies::tls_first, Reason::tls);
    if (!transaction_.begun()) return std::pair(replies::mail_first, Reason::sequence);
    if (transaction_.envelope().recipients.empty())
        return std::pair(replies::recipient_first, Reason::sequence);
    const auto before = transaction_.receiving() ? transaction_.checker.size() : 0;
    if (chunk_.size > limits_.message_size - before) return std::pair(replies::too_large, Reason::size);
    return std::nullopt;
}

runtime::Task<void> Session::receive_bdat() {
    const auto began = services_.shard.now();
    auto fault = fault_of_chunk();
    if (!fault && !transaction_.receiving()) {
        transaction_.checker = smtp::ContentChecker(content_limits());
        const auto open = transaction_.open(services_.intake, trace_facts(), services_.in_force.signer);
        if (!open) fault = std::pair(reply_for(open.error()), reason_of(open.error()));
    }
    if (fault) {
        const bool in_step = co_await swallow(chunk_.size, began);
        refuse_message(fault->first, fault->second);
        if (!in_step) closing_ = true;
        co_return;
    }
    for (auto left = chunk_.size; left > 0;) {
        if (input_.empty()) {
            flush();
            const auto read = co_await stream_->read(content_due(began, chunk_.size - left));
            if (!got(read)) co_return;
        }
        const auto piece = input_.substr(0, std::min<std::uint64_t>(left, input_.size()));
        input_.remove_prefix(piece.size());
        left -= piece.size();
        transaction_.checker.check(piece);
        if (!transaction_.checker.ok()) {
            transaction_.drop();
        } else if (!transaction_.push(piece)) {
            flush();
            co_await transaction_.room();
        }
        if (closing_) co_return;
    }
    if (chunk_.last) transaction_.checker.finish();
    if (chunk_.last || !transaction_.checker.ok() || transaction_.refusal()) {
        co_await finish_message(transaction_.checker.error());
        co_return;
    }
    say(replies::chunk_ok);
}

// Reads and drops. False: that is too much to wait for, or the connection has ended.
runtime::Task<bool> Session::swallow(std::uint64_t octets, MonoTime began) {
    if (octets > most_to_swallow(limits_)) co_return false;
    for (auto left = octets; left > 0;) {
        if (input_.empty()) {
            flush();
            const auto read = co_await stream_->read(content_due(began, octets - left));
            if (!got(read)) co_return false;
        }
        const auto count = std::min<std::uint64_t>(left, input_.size());
        input_.remove_prefix(count);
        left -= count;
    }
    co_return true;
}

// The content has ended. A good message waits until the one before it has its reply, then it is committed while we read on.
runtime::Task<void> Session::finish_message(smtp::ContentError fault) {
    if (fault != smtp::ContentError::none) {
        refuse_message(smtp::reply_for(fault), reason_of(fault));
        co_return;
    }
    if (const auto refusal = transaction_.refusal()) {
        if (*refusal == queue::Refusal::journal_failed)
            lose();  // the outcome of what was written is unknown: no answer
        else
            refuse_message(reply_for(*refusal), reason_of(*refusal));
        co_return;
    }
    while (replies_.slot_open() && !closing_) {
        flush();
        co_await progress_.wait();
    }
    if (closing_) co_return;  // the client cannot hear of this one, so it is not taken
    queue::Trace trace;
    trace.peer = peer_;
    trace.helo = helo_;
    auto facts = trace_facts();
    facts.smtputf8 = transaction_.smtputf8();
    trace.protocol = smtp::trace_protocol(facts);
    trace.tls = facts.tls;
    trace.cipher = facts.cipher;
    trace.identity = client_.identity;
    replies_.open_slot();
    auto message = transaction_.take_message();
    auto signing = transaction_.take_signing();
    auto envelope = transaction_.take_envelope();
    transaction_.reset();
    gate_.hold(commit(std::move(message), std::move(envelope), std::move(trace), std::move(signing)));
}

runtime::Task<void> Session::commit(std::unique_ptr<queue::Incoming> message, smtp::Envelope envelope,
                                    queue::Trace trace, std::unique_ptr<dkim::MessageSigner> signing) {
    const auto began = services_.shard.now();
    bool as_it_should = true;
    if (signing) as_it_should = co_await sign(*message, *signing);
    const auto size = message->size();
    const auto recipients = envelope.recipients.size();
    if (!as_it_should) {
        not_signed();
        co_return;
    }
    const auto durable = co_await message->commit(std::move(envelope), std::move(trace));
    if (durable)
        committed(*durable, size, recipients, began);
    else
        not_committed(durable.error());
    wake_.signal();
    progress_.signal();
}

// A client that is bound to certain senders gets no signature for anybody else.
bool Session::may_write_as(const std::vector<std::string>& authors) const {
    return !client_.senders || std::ranges::all_of(authors, [this](const std::string& author) {
        const auto mailbox = smtp::Mailbox::parse(author, smtp::Utf8::allowed);
        return mailbox && client_.senders->contains(*mailbox);
    });
}

// Puts the signatures that the message should have in front of it. False: it should have some, and they cannot be made.
runtime::Task<bool> Session::sign(queue::Incoming& message, dkim::MessageSigner& signing) {
    using namespace metrics;
    auto& sheet = services_.sheet;
    if (!signing.end()) {
        sheet.add(signing.unsigned_because() == dkim::Unsigned::no_key ? Count::unsigned_no_key
                                                                       : Count::unsigned_malformed);
        co_return true;
    }
    if (!may_write_as(signing.authors())) {
        sheet.add(Count::unsigned_author);
        co_return true;
    }
    const auto began = services_.shard.now();
    signing.prepare(services_.shard.wall_now());
    SigningJob job(signing);
    if (services_.signing != nullptr && signing.takes_long()) {
        services_.signing->submit(job);
        co_await job;
    } else {
        job.work();
    }
    if (!job.made) {
        sheet.add(Count::signing_failures);
        co_return false;
    }
    for (const auto* key : signing.keys())
        sheet.add(key->key.algorithm() == dkim::Algorithm::rsa_sha256 ? Count::signatures_rsa
                                                                      : Count::signatures_ed25519);
    sheet.observe(Spread::signing_time, services_.shard.now() - began);
    message.head(signing.head());
    co_return true;
}

void Session::committed(const queue::Durable& durable, std::uint64_t size, std::size_t recipients,
                        MonoTime began) {
    using namespace metrics;
    auto& sheet = services_.sheet;
    sheet.add(Count::messages_received);
    sheet.add(Count::recipients_received, recipients);
    sheet.add(Count::message_bytes_received, size);
    sheet.observe(Spread::accept_latency, services_.shard.now() - began);
    sheet.observe(Spread::message_size, size);
    count_reply(250);
    ++messages_;
    errors_ = 0;
    replies_.accept(durable);
}

void Session::not_committed(queue::Refusal why) {
    const auto reply = reply_for(why);
    services_.sheet.add(counter(reason_of(why)));
    if (why == queue::Refusal::journal_failed) {  // the outcome is unknown: no answer
        replies_.refuse_and_end(reply);
        lose();
        return;
    }
    log(reply, {});
    count_reply(reply.code);
    if (reply.code == 421) {
        replies_.refuse_and_end(reply);
        closing_ = true;
    } else {
        replies_.refuse(reply);
    }
}

void Session::not_signed() {
    services_.sheet.add(counter(Reason::signing));
    log(replies::cannot_sign, {});
    count_reply(replies::cannot_sign.code);
    replies_.refuse(replies::cannot_sign);
    wake_.signal();
    progress_.signal();
}

// Answers for the whole message and ends the transaction.
void Session::refuse_message(const smtp::FixedReply& reply, Reason reason) {
    const auto next = reason == Reason::sequence ? refuse(reply, reason) : refuse_and_log(reply, reason);
    transaction_.reset();
    if (next == Next::stop) closing_ = true;
}

}  // namespace angarium::inbound

// Content by DATA (RFC 5321 section 4.1.1.4) and BDAT (RFC 3030), and what becomes of a message. Refused content is read
// to its end, so that the rest is never taken for commands, within limits (policy.hpp).
#include <algorithm>

#include "engine/inbound/session.hpp"
#include "engine/smtp/data_decoder.hpp"

namespace angarium::inbound {

smtp::ContentLimits Session::content_limits() const {
    smtp::ContentLimits limits;
    limits.size = limits_.message_size;
    limits.received = limits_.hops;
    return limits;
}

runtime::Task<void> Session::receive_data() {
    smtp::DataDecoder decoder(content_limits());
    const auto began = services_.shard.now();
    for (bool done = false; !done;) {
        if (input_.empty()) {
            flush();
            const auto deadline =
                content_deadline(limits_, services_.shard.now(), began, decoder.wire_size());
            const auto read = co_await stream_->read(deadline);
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
        const auto open = transaction_.open(services_.intake, trace_facts());
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
            const auto deadline = content_deadline(limits_, services_.shard.now(), began, chunk_.size - left);
            const auto read = co_await stream_->read(deadline);
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
            const auto deadline = content_deadline(limits_, services_.shard.now(), began, octets - left);
            const auto read = co_await stream_->read(deadline);
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
    replies_.open_slot();
    auto message = transaction_.take_message();
    auto envelope = transaction_.take_envelope();
    transaction_.reset();
    gate_.hold(commit(std::move(message), std::move(envelope), std::move(trace)));
}

runtime::Task<void> Session::commit(std::unique_ptr<queue::Incoming> message, smtp::Envelope envelope,
                                    queue::Trace trace) {
    const auto began = services_.shard.now();
    const auto size = message->size();
    const auto recipients = envelope.recipients.size();
    const auto durable = co_await message->commit(std::move(envelope), std::move(trace));
    if (durable)
        committed(*durable, size, recipients, began);
    else
        not_committed(durable.error());
    wake_.signal();
    progress_.signal();
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

// Answers for the whole message and ends the transaction.
void Session::refuse_message(const smtp::FixedReply& reply, Reason reason) {
    const auto next = reason == Reason::sequence ? refuse(reply, reason) : refuse_and_log(reply, reason);
    transaction_.reset();
    if (next == Next::stop) closing_ = true;
}

}  // namespace angarium::inbound

// Decisions, and the tables from causes to replies and counters.
#include "engine/inbound/policy.hpp"

#include <algorithm>

#include "engine/base/assert.hpp"

namespace angarium::inbound {

metrics::Count counter(Reason reason) {
    using metrics::Count;
    switch (reason) {
        case Reason::relay:
            return Count::rejected_relay;
        case Reason::tls:
            return Count::rejected_tls;
        case Reason::auth:
            return Count::rejected_auth;
        case Reason::syntax:
            return Count::rejected_syntax;
        case Reason::sequence:
            return Count::rejected_sequence;
        case Reason::size:
            return Count::rejected_size;
        case Reason::recipients:
            return Count::rejected_recipients;
        case Reason::content:
            return Count::rejected_content;
        case Reason::loop:
            return Count::rejected_loop;
        case Reason::storage:
            return Count::rejected_storage;
        case Reason::memory:
            return Count::rejected_memory;
        case Reason::signing:
            return Count::rejected_signing;
        case Reason::draining:
            return Count::rejected_draining;
    }
    ANGARIUM_ASSERT(false);
}

Reason reason_of(smtp::ContentError error) {
    if (error == smtp::ContentError::too_large) return Reason::size;
    return error == smtp::ContentError::looping ? Reason::loop : Reason::content;
}

Reason reason_of(queue::Refusal refusal) {
    if (refusal == queue::Refusal::memory) return Reason::memory;
    return refusal == queue::Refusal::shutting_down ? Reason::draining : Reason::storage;
}

smtp::FixedReply reply_for(queue::Refusal refusal) {
    switch (refusal) {
        case queue::Refusal::memory:
        case queue::Refusal::storage:
            return replies::out_of_room;
        case queue::Refusal::journal_failed:
            return replies::queue_failed;
        case queue::Refusal::shutting_down:
            return replies::going_down;
    }
    ANGARIUM_ASSERT(false);
}

std::optional<smtp::FixedReply> check_mail(const Limits& limits, const smtp::MailCommand& mail) {
    if (mail.size.value_or(0) > limits.message_size) return replies::too_large;
    return std::nullopt;
}

std::uint64_t most_to_swallow(const Limits& limits) {
    constexpr std::uint64_t least = 1 << 20;
    return 4 * std::max(limits.message_size, least);
}

Duration content_patience(const Limits& limits, bool pressed) {
    return pressed ? std::min(limits.pressure_timeout, limits.data_timeout) : limits.data_timeout;
}

MonoTime content_deadline(const Limits& limits, Duration patience, MonoTime now, MonoTime begin,
                          std::uint64_t received) {
    const auto earned = std::chrono::seconds(received / std::max<std::uint64_t>(limits.minimum_rate, 1));
    return std::min(now + patience, begin + patience + earned);
}

}  // namespace angarium::inbound

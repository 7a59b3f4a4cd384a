#include "engine/outbound/attempt.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/base/assert.hpp"

namespace angarium::outbound {

void Attempt::begin(std::unique_ptr<queue::Delivery> delivery, MonoTime now) {
    ANGARIUM_ASSERT(!delivery_);
    delivery_ = std::move(delivery);
    const std::size_t recipients = delivery_->facts.recipients.size();
    ANGARIUM_ASSERT(recipients > 0 && recipients <= std::numeric_limits<std::uint16_t>::max());
    states_.assign(recipients, State::open);
    delivery_->outcome = queue::Outcome{};
    delivery_->outcome.results.resize(recipients);
    for (std::size_t i = 0; i < recipients; ++i)
        delivery_->outcome.results[i].recipient = static_cast<std::uint16_t>(i);
    ended_ = elsewhere_ = 0;
    batch_.clear();
    begun_ = now;
}

bool Attempt::next_batch(std::size_t most) {
    batch_.clear();
    for (std::size_t i = 0; i < states_.size() && batch_.size() < most; ++i) {
        if (states_[i] != State::open) continue;
        states_[i] = State::in_transaction;
        batch_.push_back(static_cast<std::uint16_t>(i));
    }
    return !batch_.empty();
}

std::uint16_t Attempt::add(queue::Reason reason) {
    auto& reasons = delivery_->outcome.reasons;
    const auto same = [&reason](const queue::Reason& other) {
        return other.code == reason.code && other.status == reason.status && other.text == reason.text;
    };
    const auto found = std::find_if(reasons.begin(), reasons.end(), same);
    const auto position = static_cast<std::uint16_t>(found - reasons.begin());
    if (found == reasons.end()) reasons.push_back(std::move(reason));
    return position;
}

void Attempt::end_as(std::uint16_t recipient, const Judgement& judgement, std::uint16_t reason) {
    auto& result = delivery_->outcome.results[recipient];
    result.verdict = judgement.verdict;
    result.reason = reason;
    states_[recipient] = State::ended;
    ++ended_;
    if (judgement.verdict == queue::Verdict::deferred && judgement.elsewhere) ++elsewhere_;
}

template <class Predicate>
void Attempt::end_where(const Judgement& judgement, Predicate predicate) {
    bool added = false;
    std::uint16_t reason = 0;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (!predicate(states_[i])) continue;
        if (!std::exchange(added, true)) reason = add(judgement.reason);
        end_as(static_cast<std::uint16_t>(i), judgement, reason);
    }
}

void Attempt::end(std::size_t position, const Judgement& judgement) {
    const auto recipient = batch_[position];
    ANGARIUM_ASSERT(states_[recipient] != State::ended);
    end_as(recipient, judgement, add(judgement.reason));
}

void Attempt::end_batch(const Judgement& judgement) {
    end_where(judgement, [](State state) { return state == State::in_transaction || state == State::taken; });
}

void Attempt::deliver(queue::Reason reason) {
    Judgement judgement;
    judgement.verdict = queue::Verdict::delivered;
    judgement.reason = std::move(reason);
    end_where(judgement, [](State state) { return state == State::taken; });
    delivery_->outcome.remote_accepted = true;
}

void Attempt::end_rest(const Judgement& judgement) {
    end_where(judgement, [](State state) { return state != State::ended; });
}

void Attempt::reopen() {
    ANGARIUM_ASSERT(hopeful());
    std::fill(states_.begin(), states_.end(), State::open);
    delivery_->outcome.reasons.clear();
    ended_ = elsewhere_ = 0;
}

std::unique_ptr<queue::Delivery> Attempt::finish(MonoTime now) {
    ANGARIUM_ASSERT(ended_ == states_.size());
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - begun_).count();
    const std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    delivery_->outcome.attempt_us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(took, 0, most));
    return std::move(delivery_);
}

std::unique_ptr<queue::Delivery> Attempt::release() {
    ANGARIUM_ASSERT(untouched());
    delivery_->outcome = queue::Outcome{};
    return std::move(delivery_);
}

}  // namespace angarium::outbound

#include "bench/ledger.hpp"

#include <algorithm>

namespace angarium::bench {

Ledger::Ledger(unsigned shards, Domains domains, std::uint64_t warm_up)
    : domains_(std::move(domains)), warm_up_(warm_up) {
    for (unsigned i = 0; i < shards; ++i) {
        tallies_.push_back(std::make_unique<Tally>());
        tallies_.back()->per_domain.resize(domains_.count());
        tallies_.back()->warm = warm_up == 0;
    }
}

void Ledger::received(Tally& tally, const MessageReader::Facts& facts,
                      const std::vector<Recipient>& recipients, std::uint64_t bytes,
                      std::uint64_t now_microseconds) {
    if (!tally.warm && warm_since() != 0) start_measuring(tally);
    tally.messages.add();
    tally.bytes.add(bytes);
    tally.recipients.add(recipients.size());
    if (facts.damaged) tally.damaged.add();
    for (const auto& recipient : recipients) {
        if (recipient.domain < tally.per_domain.size())
            ++tally.per_domain[recipient.domain];
        else
            ++tally.other_domains;
        if (!facts.generated) {
            tally.foreign.add();
            continue;
        }
        // A number over the limit stays over it when multiplied, and cannot overflow.
        const auto number = facts.number >= IdSet::most_numbers || recipient.number >= facts.recipients
                                ? IdSet::most_numbers
                                : facts.number * facts.recipients + recipient.number;
        switch (ids_.insert(facts.run, number)) {
            case IdSet::Seen::first:
                tally.unique.add();
                break;
            case IdSet::Seen::again:
                tally.duplicated.add();
                break;
            case IdSet::Seen::untracked:
                tally.untracked.add();
                break;
        }
    }
    if (facts.generated && tally.warm)
        tally.latency.record(now_microseconds > facts.sent_microseconds
                                 ? (now_microseconds - facts.sent_microseconds) * 1000
                                 : 0);
    if (tally.first_arrival.value() == 0) tally.first_arrival.set(now_microseconds);
    tally.last_arrival.set(now_microseconds);
    if (!tally.warm && total(&Tally::unique) >= warm_up_) {
        std::uint64_t not_yet = 0;
        warm_since_.compare_exchange_strong(not_yet, now_microseconds);
        start_measuring(tally);
    }
}

void Ledger::start_measuring(Tally& tally) {
    tally.warm = true;
    tally.before = {tally.messages.value(), tally.bytes.value(), tally.per_domain};
}

std::uint64_t Ledger::total(Counter Tally::* counter) const {
    std::uint64_t sum = 0;
    for (const auto& tally : tallies_) sum += ((*tally).*counter).value();
    return sum;
}

std::uint64_t Ledger::total(Stage stage, Deed deed) const {
    std::uint64_t sum = 0;
    for (const auto& tally : tallies_)
        sum += tally->script[static_cast<std::size_t>(stage)][static_cast<std::size_t>(deed)].value();
    return sum;
}

std::uint64_t Ledger::last_arrival() const {
    std::uint64_t last = 0;
    for (const auto& tally : tallies_) last = std::max(last, tally->last_arrival.value());
    return last;
}

void Ledger::connection_opened() {
    const auto open = open_.fetch_add(1, std::memory_order_relaxed) + 1;
    auto most = most_open_.load(std::memory_order_relaxed);
    while (most < open && !most_open_.compare_exchange_weak(most, open, std::memory_order_relaxed)) {
    }
}

void Ledger::connection_closed(Tally& tally, std::uint64_t messages) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    tally.connections.add();
    if (messages == 0)
        tally.empty_connections.add();
    else
        tally.messages_each.record(messages);
}

}  // namespace angarium::bench

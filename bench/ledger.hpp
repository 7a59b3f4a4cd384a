// The sink's accounts: what has come, once, twice or damaged, over how many connections. One Tally per shard, written by
// that shard only and read by any thread; the set of ids is common to all, so that a double on another shard shows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/domains.hpp"
#include "bench/histogram.hpp"
#include "bench/id_set.hpp"
#include "bench/message.hpp"
#include "bench/script.hpp"
#include "bench/tls.hpp"

namespace angarium::bench {

// One writer, any reader: a plain add, no locked instruction.
class Counter {
  public:
    void add(std::uint64_t n = 1) { value_.store(value() + n, std::memory_order_relaxed); }
    void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// What the script has done, by stage.
enum class Deed : std::uint8_t { rejected, deferred, disconnected, stalled, slowed };
inline constexpr std::array<std::string_view, 5> deed_names{"rejected", "deferred", "disconnected", "stalled",
                                                            "slowed"};
inline constexpr std::size_t mail_stages = static_cast<std::size_t>(Stage::dns);

struct alignas(128) Tally {
    // Of transactions that were answered 250.
    Counter messages;
    Counter bytes;             // of content
    Counter recipients;        // copies: one for each recipient of each message
    Counter unique;            // copies of generated messages that came for the first time
    Counter duplicated;        // that had come before
    Counter untracked;         // generated, but beyond what is remembered
    Counter foreign;           // copies of messages that no generator of ours made
    Counter damaged;           // messages whose checksum is wrong
    Counter refused_messages;  // by SMTP's own rules: size, line ends
    std::array<std::array<Counter, deed_names.size()>, mail_stages> script;
    Counter commands;
    Counter flights;  // writes: each answers what had come
    // Connections that have ended.
    Counter connections, empty_connections;
    // Microseconds since 1970.
    Counter first_arrival, last_arrival;

    // Read by others only when this shard has ended.
    Histogram latency;        // from the generator's stamp to the arrival, nanoseconds; once warm
    Histogram messages_each;  // of connections
    Handshakes handshakes;
    std::vector<std::uint32_t> per_domain;  // copies, by the domain's number
    std::uint64_t other_domains = 0;
    // Rates count from here on: what had come before.
    bool warm = false;
    struct Before {
        std::uint64_t messages = 0, bytes = 0;
        std::vector<std::uint32_t> per_domain;  // empty: nothing
    } before;
};

class Ledger {
  public:
    // `warm_up`: so many unique copies come before rates and latencies count.
    Ledger(unsigned shards, Domains domains, std::uint64_t warm_up = 0);

    Tally& tally(unsigned shard) { return *tallies_[shard]; }
    const Tally& tally(unsigned shard) const { return *tallies_[shard]; }
    unsigned shards() const { return static_cast<unsigned>(tallies_.size()); }
    const Domains& domains() const { return domains_; }
    const IdSet& ids() const { return ids_; }

    // A message came for these recipients, each as (its number, the domain's number or `other_domain`).
    struct Recipient {
        unsigned number;
        unsigned domain;
    };
    static constexpr unsigned other_domain = ~0u;
    void received(Tally& tally, const MessageReader::Facts& facts, const std::vector<Recipient>& recipients,
                  std::uint64_t bytes, std::uint64_t now_microseconds);

    // Any thread.
    std::uint64_t total(Counter Tally::* counter) const;
    std::uint64_t total(Stage stage, Deed deed) const;
    std::uint64_t last_arrival() const;
    std::uint64_t warm_up() const { return warm_up_; }
    // When the last copy of the warm-up came, microseconds since 1970; 0: it has not.
    std::uint64_t warm_since() const { return warm_since_.load(std::memory_order_relaxed); }
    void connection_opened();
    void connection_closed(Tally& tally, std::uint64_t messages);
    std::uint64_t open_connections() const { return open_.load(std::memory_order_relaxed); }
    std::uint64_t most_open_connections() const { return most_open_.load(std::memory_order_relaxed); }

  private:
    void start_measuring(Tally& tally);

    Domains domains_;
    IdSet ids_;
    const std::uint64_t warm_up_;
    std::atomic<std::uint64_t> warm_since_{0};
    std::vector<std::unique_ptr<Tally>> tallies_;
    std::atomic<std::uint64_t> open_{0}, most_open_{0};
};

}  // namespace angarium::bench

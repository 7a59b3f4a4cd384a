// Inside the store: turns a StoreBatch into the one write that carries it. What the batch has changed so far is in view of
// what follows in it, so that "is this the message's last delivery" is judged as the batch is applied. Used by one
// thread; reads the store, writes nothing itself.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "queue/store_rocks.hpp"

namespace rocksdb {
class WriteBatch;
}

namespace angarium::queue {

class Changes {
  public:
    Changes(Rocks& rocks, const StoreBatch& batch);
    ~Changes();
    // Errors: the disk's, or a value that cannot be read.
    Result<void> add(const StoreBatch& batch);

    rocksdb::WriteBatch& writes() { return *writes_; }
    // How the batch changes what the store holds.
    struct Delta {
        std::int64_t messages = 0, ready = 0, deferred = 0;
        void count(Family family, std::int64_t change) {
            (family == Family::ready ? ready : deferred) += change;
        }
    };
    const Delta& delta() const { return delta_; }
    std::uint64_t removed_messages() const { return removed_messages_; }
    std::uint64_t removed_deliveries() const { return removed_deliveries_; }

  private:
    void add(const Survivor& survivor);
    Result<void> add(const OutcomeRecord& effect);
    Result<void> end(const DeliveryFacts& facts);
    void put(Family family, const std::string& key, const std::string& value);
    void remove(Family family, const std::string& key);
    Result<std::optional<std::string>> get(Family family, const std::string& key);
    Result<bool> others_pending(const MessageId& id, const std::string& except);
    Result<bool> any_between(const std::string& from, const std::string& to);

    Rocks& rocks_;
    std::unique_ptr<rocksdb::WriteBatch> writes_;
    // Per family what this batch has put (a value) or deleted (nothing) so far; only kept when effects may look at it.
    std::array<std::map<std::string, std::optional<std::string>, std::less<>>, families> earlier_;
    bool remember_ = false;
    Delta delta_;
    std::uint64_t removed_messages_ = 0, removed_deliveries_ = 0;
};

std::string tail_key(ShardId shard);

}  // namespace angarium::queue

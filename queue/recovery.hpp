// Recovery: what a start makes of the journals. Reading is bounded by the journal's size, not by the queue's.
//
// Each accept whose first byte is at or behind the tail, matched with its outcomes, gives the young table; outcomes of other messages
// change the store, where their key exists (replaying one twice changes nothing). Events that the delivery log has not got are
// logged again. If the number of shards or the segments' size changed, all journals are first drained into the store.
#pragma once

#include <memory>
#include <string>

#include "engine/base/result.hpp"
#include "engine/runtime/file.hpp"
#include "queue/delivery_log.hpp"
#include "queue/journal_reader.hpp"
#include "queue/store.hpp"
#include "queue/young.hpp"

namespace angarium::queue {

struct Recovered {
    JournalEnd end;
    YoungTable young;
    std::uint64_t replayed = 0;  // records read
};

// Reads one journal for `shards` shards; changes the store (blocks). `log` may be null.
Result<Recovered> recover(runtime::FileSystem& files, const JournalSource& source,
                          std::uint64_t segment_bytes, unsigned shards, Store& store, DeliveryLog* log);

// Moves everything that a journal still holds into the store, and its tail to the end (blocks): of what recover() has found, for
// one shard, when the delivery log has its events on disk. Returns the end's LSN.
Result<Lsn> drain(runtime::FileSystem& files, const JournalSource& source, std::uint64_t segment_bytes,
                  ShardId shard, Store& store, Recovered recovered);

}  // namespace angarium::queue

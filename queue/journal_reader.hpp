// Reads a journal at start-up: which file holds which segment, then every group from the tail on, in order, verified. Blocks.
//
// A torn last group is normal: it was never acknowledged. A valid group behind a damaged one means that *synced* data is
// damaged, since groups are written one at a time: then reading fails and says what is lost, or, asked to repair, goes on behind the damage.
#pragma once

#include <functional>
#include <string>

#include "engine/base/result.hpp"
#include "engine/runtime/file.hpp"
#include "queue/journal.hpp"

namespace angarium::queue {

struct JournalSource {
    std::string directory;
    std::uint64_t key = 0;
    Lsn tail = 0;
    bool repair = false;
    std::function<void(std::string)> warn;  // hears what a repair skips
};

// The size of the segments that are there; 0 when there are none, an error when they differ.
Result<std::uint64_t> segment_bytes_of(runtime::FileSystem& files, const std::string& directory);

// Calls `visit` for each record of each group at or behind the tail's segment, in order.
Result<JournalEnd> read_journal(runtime::FileSystem& files, const JournalSource& source,
                                std::uint64_t segment_bytes,
                                const std::function<void(const RecordView&)>& visit);

}  // namespace angarium::queue

// The delivery log: JSON lines made from the journal's events as they become durable, one file per shard, appended
// through the shard's ring. Every line of a journal event carries its number (shard, LSN, index), so that after a crash the
// writer finds its place from the last lines of its own file: nothing is lost, a repeated line has the same number.
// Lines reach the file within 50 ms. Text from outside is escaped and capped. Owning thread: the shard's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/ids.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/file.hpp"
#include "engine/runtime/task.hpp"
#include "metrics/sheet.hpp"
#include "queue/record.hpp"

namespace angarium::queue {

struct EventNumber {
    Lsn lsn = 0;              // of the record
    std::uint32_t index = 0;  // recipients of one record count up
    friend auto operator<=>(const EventNumber&, const EventNumber&) = default;
};

// A refusal in a session: logged at once, it is in no journal.
struct Rejection {
    std::string peer, helo, sender, recipient;
    std::uint16_t code = 0;
    std::string reply;          // enhanced status and text
    std::string identity = {};  // logged in as, or tried to
};

// What the log did so far, and how many lines wait for the disk now.
struct DeliveryLogCounts {
    std::uint64_t lines = 0, failures = 0, waiting = 0;
};

class DeliveryLog {
  public:
    // Opens `directory`/deliveries-SS.jsonl for the shard (made when missing) and finds the place behind its last good line. Lines
    // of events before `synced` were synced; behind them a power cut may have kept later pages and lost earlier ones, so the
    // file is cut off where the first is missing, or in front of a torn last line: the journal still has what follows (but
    // for rejections, which are in no journal). Blocks: start-up.
    static Result<std::unique_ptr<DeliveryLog>> open(runtime::FileSystem& files, const std::string& directory,
                                                     ShardId shard, Lsn synced);
    ~DeliveryLog();

    // The newest event in the file or on its way there. Events up to what the file held when it was opened are skipped by
    // the functions below, line by line; events come in the order of their numbers.
    EventNumber last() const;

    void reception(const AcceptRecord& record, Lsn lsn);
    // One line per recipient: delivery, transient_failure, failure or expiration.
    void outcome(const OutcomeRecord& record, Lsn lsn);
    void bounce(const AcceptRecord& bounce, Lsn lsn);
    // Left out, and counted as a failure, while the log is behind: whoever is refused must not fill the memory.
    void rejection(const Rejection& rejection, WallTime at);

    // Lines of events are never refused; when too many wait for the disk, this says so, and nothing that makes more of them
    // should begin. sync() waits for them.
    bool behind() const;
    // The last write failed, and no other has succeeded yet: the disk is full, or worse.
    bool failing() const;
    // Called after each write, if set: the log may no longer be behind, or failing.
    std::function<void()> on_written;
    const DeliveryLogCounts& counts() const;
    // Counts in the shard's metrics from now on.
    void report_to(metrics::Sheet& sheet);

    // Everything logged so far is written and synced when it returns. After an error the lines are kept and written again (also
    // by themselves, a second later), except that once a sync has failed, nobody knows what is on the disk: every later one fails.
    runtime::Task<IoResult<void>> sync();
    // Writes what is left without syncing; for the end.
    runtime::Task<void> close();

  private:
    struct Writer;
    explicit DeliveryLog(std::unique_ptr<Writer> writer);
    std::unique_ptr<Writer> writer_;
};

}  // namespace angarium::queue

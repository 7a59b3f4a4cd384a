// A shard's journal: its write-ahead log, written and synced through the shard's ring, no thread of its own.
//
// Records gather while a group is in flight; when it is durable, the next group takes all that has gathered. So a lone
// record never waits for company, and under load one sync carries many. Settles go before accepts in every group, to keep the
// time short in which a crash would deliver twice, and what retire must carry on before both. Groups become durable in order, one in flight.
//
// A failed write or sync leaves the outcome unknown: the journal is dead from then on, every record in flight and every later
// one hears failed(). Owning thread: the shard's.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/base/result.hpp"
#include "engine/runtime/event.hpp"
#include "engine/runtime/file.hpp"
#include "engine/runtime/shard.hpp"
#include "engine/runtime/workers.hpp"
#include "metrics/sheet.hpp"
#include "queue/journal_format.hpp"

namespace angarium::queue {

// What a group carries for somebody. It belongs to its appender, who keeps it until durable() or failed().
class JournalRecord {
  public:
    virtual ~JournalRecord() = default;
    // Upper bound of the payloads' bytes with a record header each.
    virtual std::size_t bytes() const = 0;
    // Adds the record (or two that must share a group).
    virtual void write(GroupWriter& group) = 0;
    virtual void durable() = 0;
    virtual void failed() = 0;

  private:
    friend class Journal;
    JournalRecord* next_ = nullptr;
};

enum class Precedence : std::uint8_t { carry, settle, accept };

// Where a start continues, as recovery found it.
struct JournalEnd {
    Lsn next = 0;                                   // where the next group goes
    std::uint64_t number = 1;                       // its number
    std::uint64_t previous = 0;                     // checksum of the last valid group
    Lsn tail = 0;                                   // nothing before it is needed
    std::map<std::uint64_t, std::string> segments;  // live segments: number → file name
    std::vector<std::string> free;                  // files without live segment
};

struct JournalOptions {
    std::string directory;
    ShardId shard{};
    std::uint64_t key = 0;
    std::uint64_t segment_bytes = 64u << 20;
    unsigned segments = 8;  // at most
};

class Journal {
  public:
    // Opens the segments for the shard that calls; makes the first ones (blocks: start-up).
    static Result<std::unique_ptr<Journal>> open(const JournalOptions& options, const JournalEnd& end,
                                                 runtime::FileSystem& files, runtime::Workers& makers,
                                                 metrics::Sheet& sheet);
    ~Journal();

    void append(JournalRecord& record, Precedence precedence);
    // The payload of a record that lies behind the tail, read through the ring and verified. The caller pins.
    runtime::Task<IoResult<std::string>> read(Extent extent);
    // The bytes from `from` (aligned) on, up to `bytes`, within one segment: for retire.
    runtime::Task<IoResult<std::size_t>> read_raw(Lsn from, std::span<std::byte> bytes);

    // The payload of bytes that begin with a record's header, or nothing if they are damaged.
    std::optional<std::string_view> verify(std::string_view record) const {
        return verify_record(record, options_.key);
    }

    bool failed() const { return failed_; }
    Lsn head() const { return next_; }  // the next group's place
    std::uint64_t segment_bytes() const { return options_.segment_bytes; }
    Lsn oldest() const;  // first LSN of the oldest live segment
    std::uint64_t used_bytes() const;
    std::uint64_t capacity() const { return options_.segment_bytes * segments(); }
    // None where fewer segments are allowed than are in use: the last run's journal was larger.
    std::uint64_t free_bytes() const { return capacity() - std::min(used_bytes(), capacity()); }
    // Bytes of accepted records that wait for their group: they will need room.
    std::uint64_t waiting_bytes() const { return waiting_bytes_; }
    // What can be written without anything being retired first.
    std::uint64_t left_bytes() const;
    // Segments that could be written without anything being retired first, the current one not counted.
    unsigned free_segments() const;

    // Segments before this LSN (the flushed tail) may be written again, once nobody reads them.
    void release_before(Lsn tail);
    // Reads under way keep their segments.
    void pin(Lsn lsn);
    void unpin(Lsn lsn);

    // Called whenever a new segment is begun: retire looks whether it is time.
    std::function<void()> on_segment;
    std::function<void(std::string)> on_failure;

    // Writes what has gathered, then stops. Nothing may be appended afterwards.
    runtime::Task<void> close();

  private:
    struct Segment {
        std::string name;
        std::unique_ptr<runtime::File> file;
        unsigned pins = 0;
        bool released = false;
    };
    class Making;

    Journal(const JournalOptions& options, const JournalEnd& end, runtime::FileSystem& files,
            runtime::Workers& makers, metrics::Sheet& sheet);
    Result<void> start(const JournalEnd& end);
    runtime::Task<void> run();
    bool make_room();                         // the next group has a place; false: wait for a segment
    JournalRecord* fill(GroupWriter& group);  // moves records into the group; returns them as a list
    void fail(IoError error);
    void recycle();
    void make_segment();  // on a worker, so that one is ready when it is needed
    bool needs_it_soon() const;
    void adopt(Result<void> made);
    runtime::Task<void> grow_later();
    // As many as there may be; while no more can be made, as there are.
    unsigned segments() const { return cannot_grow_ ? made_ : options_.segments; }
    std::string unused_name() const;
    std::string path(const std::string& name) const { return options_.directory + "/" + name; }
    Segment& segment_of(Lsn lsn);

    struct List {
        JournalRecord* first = nullptr;
        JournalRecord** last = &first;
        void push(JournalRecord& record);
        JournalRecord* pop();
    };
    JournalRecord* first_waiting() const;

    const JournalOptions options_;
    runtime::FileSystem& files_;
    runtime::Workers& makers_;
    metrics::Sheet& sheet_;
    std::map<std::uint64_t, Segment> live_;  // by segment number; the last is the one being written
    std::vector<Segment> free_;
    unsigned made_ = 0;  // files that exist
    bool making_ = false, cannot_grow_ = false;
    Lsn making_from_ = 0;  // where the journal stood when it began
    MonoTime making_since_{};
    std::atomic<bool> hurry_ = false;  // the segment that is being made is waited for, or will soon be
    std::unique_ptr<Making> maker_;
    Lsn next_ = 0;
    std::uint64_t number_ = 1, previous_ = 0;
    std::array<List, 3> waiting_;      // by precedence
    std::uint64_t waiting_bytes_ = 0;  // of what is accepted
    std::unique_ptr<std::byte[], void (*)(std::byte*)> buffer_;
    runtime::Event work_, room_;
    bool failed_ = false, closing_ = false;
    runtime::Gate gate_;
};

}  // namespace angarium::queue

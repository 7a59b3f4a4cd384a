#include "queue/delivery_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"
#include "engine/runtime/gate.hpp"
#include "engine/runtime/shard.hpp"
#include "queue/event_line.hpp"
#include "queue/wait_list.hpp"

namespace angarium::queue {
namespace {

constexpr std::uint64_t step = 1 << 20;  // bytes read at a time from the end; no line is nearly as long
// What was not synced is looked at no farther back than this, bytes: lines of a GiB of journal take a tenth of it.
constexpr std::uint64_t most_unsynced = 256u << 20;
constexpr std::size_t usual_buffer = 256 * 1024;  // bytes; a larger buffer is given back after its write
constexpr std::size_t many_waiting = 8 << 20;     // bytes; the disk does not keep up
// A write begins when so much has gathered, or so long after the last one: a file that grows is written by a kernel worker,
// some 20 µs of CPU each time. The first line after a pause is written at once.
constexpr std::size_t enough_gathered = 64 * 1024;
constexpr Duration write_pace = 50ms;
// A failed write is tried again when so many more bytes have come, or so much later.
constexpr std::size_t retry_after = 64 * 1024;
constexpr Duration retry_pace = 1s;

// Where the log goes on.
struct LogEnd {
    std::uint64_t offset = 0;  // behind the last whole line
    EventNumber last;
};

Result<std::string> read_range(runtime::FileSystem& files, const std::string& path, std::uint64_t from,
                               std::uint64_t to) {
    std::string bytes(static_cast<std::size_t>(to - from), '\0');
    const auto read = files.read_blocking(path, from, std::as_writable_bytes(std::span(bytes)));
    if (!read) return std::unexpected(read.error());
    bytes.resize(*read);
    return bytes;
}

// The first event of a piece, which may begin within a line.
std::optional<EventNumber> first_event(std::string_view piece) {
    while (!piece.empty()) {
        const auto line = piece.substr(0, piece.find('\n'));
        if (const auto number = event_of(line)) return number;
        piece.remove_prefix(std::min(line.size() + 1, piece.size()));
    }
    return std::nullopt;
}

// Where the first page is missing of what was not synced: a lost page reads as zeroes, and no line has one.
Result<std::uint64_t> whole_until(runtime::FileSystem& files, const std::string& path, std::uint64_t size,
                                  Lsn synced) {
    if (makes(Mistake::lost_log_page)) return size;
    auto whole = size;
    for (auto end = size; end > 0 && size - end < most_unsynced;) {
        const auto from = end > step ? end - step : 0;
        const auto piece = read_range(files, path, from, end);
        if (!piece) return std::unexpected(piece.error());
        if (const auto hole = piece->find('\0'); hole != std::string::npos) whole = from + hole;
        const auto first = first_event(*piece);
        if (first && first->lsn < synced) break;
        end = from;
    }
    return whole;
}

// Lines that are none of ours are stepped over.
Result<LogEnd> find_end(runtime::FileSystem& files, const std::string& path, std::uint64_t size) {
    const auto from = size > step ? size - step : 0;
    const auto tail = read_range(files, path, from, size);
    if (!tail) return std::unexpected(tail.error());
    const auto end = tail->rfind('\n');
    if (end == std::string::npos) {
        if (from == 0) return LogEnd{};
        return failure(
            fmt::format("{} has no line end in its last MiB, so it is no delivery log; move it away", path));
    }
    LogEnd place{from + end + 1, {}};
    for (std::size_t line_end = end;;) {
        const auto before = line_end == 0 ? std::string::npos : tail->rfind('\n', line_end - 1);
        const auto begin = before == std::string::npos ? 0 : before + 1;
        if (const auto number = event_of(std::string_view(*tail).substr(begin, line_end - begin))) {
            place.last = *number;
            return place;
        }
        if (before == std::string::npos) return place;
        line_end = before;
    }
}

}  // namespace

// Lines gather in one buffer while the other is being written. A failed write keeps its bytes for the next try at the same
// place; after a failed sync nobody knows what is on the disk, so every later sync fails as well.
struct DeliveryLog::Writer {
    // What the ready list holds on to: it may run when the writer has gone.
    struct Ticket {
        Writer* writer;
        bool waiting = false;
    };

    Writer(std::unique_ptr<runtime::File> file_, ShardId shard, const LogEnd& end)
        : file(std::move(file_)),
          lines(shard),
          skip(end.last),
          last(end.last),
          offset(end.offset),
          ticket(new Ticket{this}) {}
    ~Writer() {
        if (ticket->waiting)
            ticket->writer = nullptr;
        else
            delete ticket;
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // False: the line is in the file already.
    bool is_new(EventNumber number) {
        if (number <= skip) return false;
        last = std::max(last, number);
        return true;
    }

    void added() {
        ++counts.lines;
        ++counts.waiting;
        if (sheet != nullptr) sheet->add(metrics::Level::log_lag, 1);
        if (write_failed && gathering.size() < retry_at) return;
        const auto& shard = runtime::Shard::current();
        if (shard.now() >= began + write_pace || gathering.size() >= enough_gathered)
            schedule();
        else if (!pace.armed())
            pace.arm(runtime::Shard::current().timers(), began + write_pace);
    }

    // Begins to write when what is ready has run, so that one write takes the lines of a whole group.
    void schedule() {
        if (under_way || ticket->waiting) return;
        ticket->waiting = true;
        runtime::current_ready_list().push({punch, ticket});
    }
    static void punch(void* argument) {
        auto* const held = static_cast<Ticket*>(argument);
        held->waiting = false;
        if (held->writer != nullptr)
            held->writer->begin();
        else
            delete held;
    }
    void begin() {
        if (!under_way && counts.waiting != 0) gate.hold(write_all());
    }

    runtime::Task<void> write_all() {
        under_way = true;
        write_failed = false;
        began = runtime::Shard::current().now();
        do {
            writing.swap(gathering);
            const auto taken = counts.waiting;
            const auto wrote =
                co_await file->write(offset, std::as_bytes(std::span(writing)), runtime::Durability::none);
            if (wrote) {
                failing = false;
                offset += writing.size();
                counts.waiting -= taken;
                written += taken;
                if (sheet != nullptr) {
                    sheet->add(metrics::Count::log_lines, taken);
                    sheet->add(metrics::Level::log_lag, -static_cast<std::int64_t>(taken));
                }
                writing.clear();
                if (writing.capacity() > usual_buffer) writing = std::string();
            } else {
                note_failure(wrote.error());
            }
            changed.wake_all();
        } while (!write_failed && gathering.size() >= enough_gathered);
        under_way = false;
        if (counts.waiting != 0)
            pace.arm(runtime::Shard::current().timers(), began + (write_failed ? retry_pace : write_pace));
        changed.wake_all();
        if (log->on_written) log->on_written();
    }

    void note_failure(IoError why) {
        write_failed = failing = true;
        error = why;
        count_failure();
        writing.append(gathering);
        gathering.swap(writing);
        writing.clear();
        retry_at = gathering.size() + retry_after;
    }

    void count_failure() {
        ++counts.failures;
        if (sheet != nullptr) sheet->add(metrics::Count::log_failures);
    }

    // Until all lines added before the call are written.
    runtime::Task<IoResult<void>> drain() {
        const auto target = written + counts.waiting;
        bool tried = false;
        while (written < target) {
            if (!under_way) {
                if (tried && write_failed) co_return std::unexpected(error);
                begin();
                tried = true;
                if (!under_way) continue;  // done at once, or failed
            }
            co_await changed.wait();
        }
        co_return IoResult<void>();
    }

    const std::unique_ptr<runtime::File> file;
    EventLines lines;
    const EventNumber skip;  // in the file when it was opened
    EventNumber last;
    std::uint64_t offset;       // of the next write
    std::uint64_t written = 0;  // lines
    std::string gathering, writing;
    MonoTime began{};  // the last write
    runtime::Timer pace{[](void* self) { static_cast<Writer*>(self)->schedule(); }, this};
    std::size_t retry_at = 0;
    IoError error = IoError::failed;
    bool under_way = false, write_failed = false, failing = false, sync_failed = false;
    DeliveryLogCounts counts;
    metrics::Sheet* sheet = nullptr;
    DeliveryLog* log = nullptr;  // whose writer this is
    WaitList changed;
    runtime::Gate gate;
    Ticket* const ticket;
};

DeliveryLog::DeliveryLog(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) { writer_->log = this; }
DeliveryLog::~DeliveryLog() = default;

Result<std::unique_ptr<DeliveryLog>> DeliveryLog::open(runtime::FileSystem& files,
                                                       const std::string& directory, ShardId shard,
                                                       Lsn synced) {
    if (auto made = files.create_directories(directory); !made) return std::unexpected(made.error());
    const auto path = fmt::format("{}/deliveries-{:02}.jsonl", directory, index(shard));
    auto file = files.open(path, runtime::Access::append);
    if (!file) return std::unexpected(file.error());
    const auto size = (*file)->size();
    const auto whole = whole_until(files, path, size, synced);
    if (!whole) return std::unexpected(whole.error());
    const auto place = find_end(files, path, *whole);
    if (!place) return std::unexpected(place.error());
    if (place->offset < size)
        if (auto cut = files.truncate_blocking(path, place->offset); !cut)
            return std::unexpected(cut.error());
    auto writer = std::make_unique<Writer>(std::move(*file), shard, *place);
    return std::unique_ptr<DeliveryLog>(new DeliveryLog(std::move(writer)));
}

EventNumber DeliveryLog::last() const { return writer_->last; }
const DeliveryLogCounts& DeliveryLog::counts() const { return writer_->counts; }
void DeliveryLog::report_to(metrics::Sheet& sheet) {
    writer_->sheet = &sheet;
    sheet.set(metrics::Level::log_lag, static_cast<std::int64_t>(writer_->counts.waiting));
}
bool DeliveryLog::failing() const { return writer_->failing; }
bool DeliveryLog::behind() const { return writer_->gathering.size() > many_waiting; }

void DeliveryLog::reception(const AcceptRecord& record, Lsn lsn) {
    const EventNumber number{lsn, 0};
    if (!writer_->is_new(number)) return;
    writer_->lines.reception(writer_->gathering, record, number);
    writer_->added();
}

void DeliveryLog::outcome(const OutcomeRecord& record, Lsn lsn) {
    for (std::uint32_t i = 0; i < record.outcome.results.size(); ++i) {
        const EventNumber number{lsn, i};
        if (!writer_->is_new(number)) continue;
        writer_->lines.outcome(writer_->gathering, record, number);
        writer_->added();
    }
}

void DeliveryLog::bounce(const AcceptRecord& bounce, Lsn lsn) {
    const EventNumber number{lsn, 0};
    if (!writer_->is_new(number)) return;
    writer_->lines.bounce(writer_->gathering, bounce, number);
    writer_->added();
}

void DeliveryLog::rejection(const Rejection& rejection, WallTime at) {
    if (behind()) return writer_->count_failure();
    writer_->lines.rejection(writer_->gathering, rejection, at, writer_->last);
    writer_->added();
}

runtime::Task<IoResult<void>> DeliveryLog::sync() {
    auto& writer = *writer_;
    if (writer.sync_failed) co_return std::unexpected(writer.error);
    const auto drained = co_await writer.drain();
    if (!drained) co_return std::unexpected(drained.error());
    const auto synced = co_await writer.file->sync();
    if (!synced) {
        writer.sync_failed = true;
        writer.error = synced.error();
        writer.count_failure();
        co_return std::unexpected(synced.error());
    }
    co_return IoResult<void>();
}

runtime::Task<void> DeliveryLog::close() {
    auto& writer = *writer_;
    co_await writer.drain();
    co_await writer.gate.closed();
}

}  // namespace angarium::queue

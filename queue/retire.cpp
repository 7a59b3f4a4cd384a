// Retire: when the journal nears its size, the oldest segment's survivors go whole into the store, in batches that also move
// the journal's tail; the segment is free when the flushed tail is past it. Part of Origin.
//
// Survivors are the young messages whose first byte lies in the segment and that have an end not yet *durable*. Marked as
// retiring they count as old at once: outcomes recorded from then on change the store, in the order of issue behind the batch.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/base/mistakes.hpp"
#include "queue/incoming.hpp"
#include "queue/origin.hpp"
#include "queue/queue.hpp"

namespace angarium::queue {

using metrics::Count;
using metrics::Level;
using State = YoungDelivery::State;

namespace {
// Bodies in one batch: keeps the batch's memory, and the wait of settles behind it, small.
constexpr std::size_t batch_bytes = 4u << 20;
// Batches issued and not yet applied: survivors are read no faster than the store takes them.
constexpr unsigned batches_ahead = 2;

// What is needed to read a message back, without its place in the table.
Young located(const Young& message) {
    Young copy;
    copy.id = message.id;
    copy.accept = message.accept;
    copy.parts = message.parts;
    return copy;
}

}  // namespace

// Reads records in the order of the journal: a window of the segment at a time instead of a read for each.
class Origin::SegmentReader {
  public:
    explicit SegmentReader(Journal& journal)
        : journal_(journal),
          memory_(static_cast<std::byte*>(std::aligned_alloc(group_alignment, window)), &std::free) {}

    // The payload; valid until the next read.
    runtime::Task<IoResult<std::string_view>> read(Extent extent) {
        const Lsn begin = extent.lsn - record_header_size;
        if (begin < from_ || extent.lsn + extent.length > from_ + length_) {
            from_ = begin / group_alignment * group_alignment;
            length_ = 0;
            const auto left = journal_.segment_bytes() - from_ % journal_.segment_bytes();
            const std::span<std::byte> bytes(memory_.get(), std::min<std::uint64_t>(window, left));
            const auto got = co_await journal_.read_raw(from_, bytes);
            if (!got) co_return std::unexpected(got.error());
            length_ = *got;
        }
        if (extent.lsn + extent.length > from_ + length_) co_return std::unexpected(IoError::end_of_stream);
        const std::string_view record(reinterpret_cast<const char*>(memory_.get()) + (begin - from_),
                                      record_header_size + extent.length);
        const auto payload = journal_.verify(record);
        if (!payload) co_return std::unexpected(IoError::failed);
        co_return *payload;
    }

  private:
    static constexpr std::size_t window = max_group_bytes + group_alignment;  // any record fits
    Journal& journal_;
    std::unique_ptr<std::byte, void (*)(void*)> memory_;
    Lsn from_ = 0;
    std::uint64_t length_ = 0;
};

// When the journal or the table nears its size, or what survives is old; or at once, when nothing in the oldest segment survives: then it costs nothing but a flush, the
// same few segments are written over and over, and a start has little to read.
bool Origin::should_retire() {
    const Lsn end = journal_.oldest() + journal_.segment_bytes();
    if (end > journal_.head()) return false;
    const auto all = static_cast<unsigned>(journal_.capacity() / journal_.segment_bytes());
    if (journal_.free_segments() < std::max(3u, all / 3)) return true;
    if (young_.size() >= limits_.young_messages / 4 * 3) return true;
    const bool open_parts = std::any_of(large_.begin(), large_.end(), [end](IncomingMessage* message) {
        return first_lsn({end, 0}, message->parts()) < end;
    });
    const Young* const oldest = young_.oldest();
    if (oldest == nullptr || oldest->first >= end) return !open_parts;
    const auto old_at = oldest->id.accepted_at() + limits_.settled_age;
    if (shard_.wall_now() >= old_at) return true;
    if (!age_look_.armed()) age_look_.arm(shard_.timers(), shard_.now() + (old_at - shard_.wall_now()));
    return false;
}

runtime::Task<void> Origin::retire() {
    while (!closing_) {
        if (!should_retire() || journal_.failed() || writer_.failed()) {
            co_await retire_work_.wait();
            continue;
        }
        const Lsn end = journal_.oldest() + journal_.segment_bytes();
        if (!co_await retire_segment(end)) {
            set_.alarm(
                "a journal segment cannot be retired: intake stops when the journal is full. Check the "
                "disk.");
            // What has been marked is marked, the rest is tried again: at once, when the delivery log's disk was full and has
            // space again.
            const bool full = log_ != nullptr && log_->failing();
            for (int step = 0; step < 100 && !closing_ && (!full || log_->failing()); ++step)
                co_await shard_.sleep(100ms);
        }
    }
}

runtime::Task<bool> Origin::retire_segment(Lsn end) {
    if (!makes(Mistake::parts_left_behind) && !co_await carry_forward(end)) co_return false;
    if (log_ != nullptr) {  // the tail must not pass events that the delivery log could still lose
        const auto synced = co_await log_->sync();
        if (!synced) co_return false;
    }
    SegmentReader reader(journal_);
    std::vector<Read> read;  // not yet issued
    std::size_t bytes = 0;
    const auto progress = std::make_shared<Progress>();
    young_.cursor_to_oldest();
    while (true) {
        const Young* message = young_.cursor();
        if (message != nullptr && message->retiring) {
            young_.advance_cursor();
            continue;
        }
        if (message == nullptr || message->first >= end) break;
        const Young copy = located(*message);  // the entry may end, and go, while we read
        young_.advance_cursor();
        auto message_read = co_await read_whole(reader, copy);
        if (!message_read) co_return false;
        for (const auto& part : message_read->parts) bytes += part.size();
        read.push_back(std::move(*message_read));
        if (bytes < batch_bytes) continue;
        const Young* next = young_.cursor();
        issue(std::move(read), next != nullptr ? std::min(next->first, end) : end, progress);
        read.clear();
        bytes = 0;
        while (progress->ahead >= batches_ahead && !writer_.failed()) co_await progress->changed.wait();
        if (writer_.failed()) co_return false;
    }
    issue(std::move(read), end, progress);
    if (makes(Mistake::early_recycle)) journal_.release_before(end);
    writer_.flush([progress] {
        progress->flushed = true;
        progress->changed.signal();
    });
    while (!progress->flushed && !writer_.failed()) co_await progress->changed.wait();
    if (writer_.failed()) co_return false;
    journal_.release_before(end);
    publish_room();
    slowed_.wake_all();
    co_return true;
}

// Here, in one step, messages become old: what has ended meanwhile is left out, the rest is marked, and the batch is issued.
// An outcome that becomes durable earlier is seen here; one that becomes durable later follows the batch.
void Origin::issue(std::vector<Read> read, Lsn tail, std::shared_ptr<Progress> progress) {
    StoreBatch batch;
    std::vector<MessageId> ids;
    std::vector<Notice::Key> keys;
    for (auto& message : read) {
        Young* const young = young_.find(message.id);
        if (young == nullptr) continue;
        young->retiring = true;
        ids.push_back(message.id);
        for (const auto& delivery : young->deliveries) forget_waiting(*delivery.destination);
        Survivor survivor;
        survivor.id = message.id;
        survivor.parts = std::move(message.parts);
        for (std::size_t i = 0; i < message.deliveries.size(); ++i) {
            const auto& delivery = young->deliveries[i];
            if (delivery.state == State::ended) continue;
            catch_up(message.deliveries[i], delivery);
            keys.push_back({delivery.destination->name, delivery.place, message.id});
            survivor.deliveries.push_back({delivery.place, std::move(message.deliveries[i])});
        }
        batch.survivors.push_back(std::move(survivor));
    }
    if (makes(Mistake::tail_without_survivors) && batch.survivors.size() > 1) batch.survivors.pop_back();
    sheet_.add(Count::messages_retired, ids.size());
    batch.tail = std::pair(shard_.id(), tail);
    ++progress->ahead;
    writer_.retire(std::move(batch),
                   [this, progress, ids = std::move(ids), keys = std::move(keys)]() mutable {
                       retired(ids, std::move(keys));
                       --progress->ahead;
                       progress->changed.signal();
                   });
}

// Names of messages that are old now go from the front of the list, where nearly all of them are: it stays as short as the table.
void Origin::forget_waiting(OriginDestination& destination) {
    auto& waiting = destination.waiting;
    while (!waiting.empty()) {
        const Young* const first = young_.find(waiting.front());
        if (first != nullptr && !first->retiring) break;
        waiting.pop_front();
    }
}

// Reads a message whole from the journal.
runtime::Task<IoResult<Origin::Read>> Origin::read_whole(SegmentReader& reader, const Young& message) {
    Read out;
    out.id = message.id;
    for (const auto& extent : message.parts) {
        const auto payload = co_await reader.read(extent);
        if (!payload) co_return std::unexpected(payload.error());
        const auto part = decode_part(*payload);
        if (!part || part->id != message.id) co_return std::unexpected(IoError::failed);
        out.parts.emplace_back(part->bytes);
    }
    const auto payload = co_await reader.read(message.accept);
    if (!payload) co_return std::unexpected(payload.error());
    auto record = decode_accept(*payload);
    if (!record || record->id != message.id) co_return std::unexpected(IoError::failed);
    out.parts.emplace_back(record->last_part);
    out.deliveries = deliveries_of(*std::move(record));
    co_return out;
}

// The store has them: they are old.
void Origin::retired(const std::vector<MessageId>& ids, std::vector<Notice::Key> keys) {
    for (const auto& id : ids)
        if (Young* const message = young_.find(id); message != nullptr) {
            sheet_.add(Level::messages_young, -1);
            sheet_.add(Level::deliveries_young, -std::int64_t{message->open});
            for (const auto& delivery : message->deliveries)
                if (delivery.state == State::deferred) sheet_.add(Level::deliveries_deferred, -1);
            young_.remove(*message);
        }
    std::vector<std::vector<Notice::Key>> byowner(shard_.shards());
    for (auto& key : keys)
        byowner[index(owner_of(key.name.domain, shard_.shards()))].push_back(std::move(key));
    for (std::size_t owner = 0; owner < byowner.size(); ++owner)
        if (!byowner[owner].empty())
            shard_.send(ShardId{static_cast<std::uint8_t>(owner)},
                        std::make_unique<Notice>(set_, std::move(byowner[owner])));
}

// Parts of messages that are still coming in are written again further ahead, so that a slow client never holds a segment.
runtime::Task<bool> Origin::carry_forward(Lsn end) {
    while (true) {
        IncomingMessage* found = nullptr;
        std::size_t part = 0;
        for (auto* message : large_) {
            if (message->committing()) continue;  // its accept record is in the next group: wait for it below
            for (std::size_t i = 0; i < message->parts().size() && found == nullptr; ++i)
                if (const auto& extent = message->parts()[i]; extent.length != 0 && extent.lsn < end) {
                    found = message;
                    part = i;
                }
            if (found != nullptr) break;
        }
        if (found == nullptr) break;
        found->hold_parts();
        const auto id = found->id();
        const auto payload = co_await journal_.read(found->parts()[part]);
        const auto record = payload ? decode_part(*payload) : std::nullopt;
        IoResult<Extent> extent = std::unexpected(IoError::failed);
        // Before everything else: that may be waiting for the room that we make.
        if (record)
            extent =
                co_await append_part(journal_, id, record->part, record->bytes, Precedence::carry, nullptr);
        for (auto* message : large_) {  // unless its client has gone meanwhile
            if (message->id() != id) continue;
            if (extent) message->parts()[part] = *extent;
            message->parts_moved();
        }
        if (!extent) co_return false;
    }
    // Those whose accept is being synced become young, and are retired with the rest.
    while (true) {
        bool committing = false;
        for (auto* message : large_)
            committing |= message->committing() && first_lsn({end, 0}, message->parts()) < end;
        if (!committing || journal_.failed()) break;
        co_await shard_.sleep(1ms);
    }
    co_return !journal_.failed();
}

}  // namespace angarium::queue

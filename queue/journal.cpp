#include "queue/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"

namespace angarium::queue {

using metrics::Count;
using metrics::Level;
using metrics::Spread;

// Makes one more segment file on a worker.
class Journal::Making final : public runtime::Job {
  public:
    // `again`: the last try failed, and may have left the file behind.
    Making(Journal& journal, std::string name_, bool again)
        : name(std::move(name_)), journal_(journal), again_(again) {}
    void work() override {
        if (again_) (void)journal_.files_.remove(journal_.path(name));
        made_ = journal_.files_.create_filled(journal_.path(name), journal_.options_.segment_bytes,
                                              &journal_.hurry_);
    }
    void done() override { journal_.adopt(std::move(made_)); }
    const std::string name;

  private:
    Journal& journal_;
    const bool again_;
    Result<void> made_;
};

void Journal::List::push(JournalRecord& record) {
    record.next_ = nullptr;
    *last = &record;
    last = &record.next_;
}

JournalRecord* Journal::List::pop() {
    JournalRecord* const record = first;
    first = record->next_;
    if (first == nullptr) last = &first;
    return record;
}

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options, const JournalEnd& end,
                                               runtime::FileSystem& files, runtime::Workers& makers,
                                               metrics::Sheet& sheet) {
    ANGARIUM_ASSERT(options.segment_bytes % group_alignment == 0 && options.segment_bytes >= max_group_bytes);
    auto journal = std::unique_ptr<Journal>(new Journal(options, end, files, makers, sheet));
    if (auto started = journal->start(end); !started) return std::unexpected(started.error());
    journal->gate_.hold(journal->run());
    return journal;
}

Journal::Journal(const JournalOptions& options, const JournalEnd& end, runtime::FileSystem& files,
                 runtime::Workers& makers, metrics::Sheet& sheet)
    : options_(options),
      files_(files),
      makers_(makers),
      sheet_(sheet),
      next_(end.next),
      number_(end.number),
      previous_(end.previous),
      buffer_(static_cast<std::byte*>(std::aligned_alloc(group_alignment, max_group_bytes)),
              [](std::byte* p) { std::free(p); }) {
    ANGARIUM_ASSERT(buffer_ != nullptr);
}

Journal::~Journal() { ANGARIUM_ASSERT(first_waiting() == nullptr); }

Result<void> Journal::start(const JournalEnd& end) {
    for (const auto& [number, name] : end.segments) {
        auto file = files_.open(path(name), runtime::Access::direct);
        if (!file) return std::unexpected(file.error());
        live_.emplace(number, Segment{name, std::move(*file)});
    }
    for (const auto& name : end.free) {
        auto file = files_.open(path(name), runtime::Access::direct);
        if (!file) return std::unexpected(file.error());
        free_.push_back(Segment{name, std::move(*file)});
    }
    made_ = static_cast<unsigned>(live_.size() + free_.size());
    if (live_.empty() && free_.empty()) {  // a new journal: its first segment now, the next one by a worker
        const auto name = fmt::format("{:04}.seg", made_++);
        if (auto made = files_.create_filled(path(name), options_.segment_bytes, nullptr); !made) return made;
        auto file = files_.open(path(name), runtime::Access::direct);
        if (!file) return std::unexpected(file.error());
        free_.push_back(Segment{name, std::move(*file)});
    }
    sheet_.set(Level::journal_capacity, static_cast<std::int64_t>(capacity()));
    sheet_.set(Level::journal_used, static_cast<std::int64_t>(used_bytes()));
    return {};
}

void Journal::append(JournalRecord& record, Precedence precedence) {
    ANGARIUM_ASSERT(!closing_);
    if (failed_) {
        record.failed();
        return;
    }
    waiting_[static_cast<std::size_t>(precedence)].push(record);
    if (precedence == Precedence::accept) waiting_bytes_ += record.bytes();
    work_.signal();
}

runtime::Task<void> Journal::run() {
    while (true) {
        if (first_waiting() == nullptr) {
            if (closing_) co_return;
            co_await work_.wait();
            continue;
        }
        if (!make_room()) {
            co_await room_.wait();
            if (failed_) co_return;
            continue;
        }
        GroupWriter group({buffer_.get(), max_group_bytes}, options_.key, next_);
        JournalRecord* record = fill(group);
        GroupHeader header;
        header.number = number_;
        header.previous = previous_;
        header.shard = static_cast<std::uint8_t>(index(options_.shard));
        const std::size_t bytes = group.finish(header);
        if (makes(Mistake::ack_before_sync))
            while (record != nullptr) std::exchange(record, record->next_)->durable();
        auto& segment = segment_of(next_);
        auto& shard = runtime::Shard::current();
        const auto started = shard.now();
        auto written = co_await segment.file->write(next_ % options_.segment_bytes, {buffer_.get(), bytes},
                                                    runtime::Durability::synced);
        if (!written) {
            while (record != nullptr) std::exchange(record, record->next_)->failed();
            fail(written.error());
            co_return;
        }
        sheet_.add(Count::journal_groups);
        sheet_.add(Count::journal_records, group.records());
        sheet_.add(Count::journal_bytes, bytes);
        sheet_.observe(Spread::group_records, std::uint64_t{group.records()});
        sheet_.observe(Spread::sync_time, shard.now() - started);
        next_ += bytes;
        if (making_ && needs_it_soon()) hurry_ = true;
        ++number_;
        previous_ = group.checksum();
        while (record != nullptr) std::exchange(record, record->next_)->durable();
    }
}

JournalRecord* Journal::fill(GroupWriter& group) {
    List taken;
    const auto room =
        std::min<std::size_t>(max_group_bytes, options_.segment_bytes - next_ % options_.segment_bytes);
    const auto takes = [&](const List& list) {
        if (list.first == nullptr) return false;
        if (group.records() == 0) return true;  // make_room saw to it
        return group.used() < full_group_bytes && group.used() + list.first->bytes() <= room;
    };
    auto& accepts = waiting_[static_cast<std::size_t>(Precedence::accept)];
    for (auto& list : waiting_) {
        while (takes(list)) {
            JournalRecord* const record = list.pop();
            if (&list == &accepts) waiting_bytes_ -= record->bytes();
            record->write(group);
            taken.push(*record);
        }
    }
    return taken.first;
}

JournalRecord* Journal::first_waiting() const {
    for (const auto& list : waiting_)
        if (list.first != nullptr) return list.first;
    return nullptr;
}

bool Journal::make_room() {
    const std::size_t need = group_header_size + first_waiting()->bytes();
    ANGARIUM_ASSERT(need <= max_group_bytes);
    const bool begun = !live_.empty() && live_.rbegin()->first == next_ / options_.segment_bytes;
    if (begun && next_ % options_.segment_bytes + need <= options_.segment_bytes) return true;
    if (free_.empty()) {
        make_segment();
        hurry_ = true;
        return false;
    }
    if (next_ % options_.segment_bytes != 0) next_ += options_.segment_bytes - next_ % options_.segment_bytes;
    live_.emplace(next_ / options_.segment_bytes, std::move(free_.back()));
    free_.pop_back();
    if (free_.empty()) make_segment();
    sheet_.set(Level::journal_used, static_cast<std::int64_t>(used_bytes()));
    if (on_segment) on_segment();
    return true;
}

void Journal::make_segment() {
    if (making_ || made_ >= options_.segments || failed_ || closing_) return;
    making_ = true;
    hurry_ = false;
    making_from_ = next_;
    making_since_ = runtime::Shard::current().now();
    maker_ = std::make_unique<Making>(*this, unused_name(), cannot_grow_);
    makers_.submit(*maker_);
}

// The segment in use is nearly full, or fills so fast that making the next one at leisure (some 45 MiB a second), and its rest at
// full speed from there on, would come too late.
bool Journal::needs_it_soon() const {
    constexpr std::uint64_t fast = 80 << 20, few = 8 << 20;  // bytes a second; bytes that say nothing yet
    if (next_ % options_.segment_bytes > options_.segment_bytes / 4 * 3) return true;
    const std::chrono::duration<double> passed = runtime::Shard::current().now() - making_since_;
    return next_ - making_from_ > few + static_cast<std::uint64_t>(fast * passed.count());
}

// Files may be missing in the row of names, after a start that was interrupted.
std::string Journal::unused_name() const {
    const auto used = [this](const std::string& name) {
        const auto is_it = [&name](const Segment& segment) { return segment.name == name; };
        return std::any_of(free_.begin(), free_.end(), is_it) ||
               std::any_of(live_.begin(), live_.end(),
                           [&](const auto& entry) { return is_it(entry.second); });
    };
    for (unsigned number = made_;; ++number) {
        auto name = fmt::format("{:04}.seg", number % options_.segments);
        if (!used(name)) return name;
    }
}

void Journal::adopt(Result<void> made) {
    making_ = false;
    if (made) {
        if (auto file = files_.open(path(maker_->name), runtime::Access::direct)) {
            ++made_;
            free_.push_back(Segment{maker_->name, std::move(*file)});
        } else {
            made = std::unexpected(file.error());
        }
    }
    if (!made && !cannot_grow_ && on_failure) on_failure("the journal cannot grow: " + made.error().text);
    cannot_grow_ = !made;
    sheet_.set(Level::journal_capacity, static_cast<std::int64_t>(capacity()));
    if (made)
        room_.signal();
    else if (!closing_)
        gate_.hold(grow_later());
    if (on_segment) on_segment();  // there is less room than was thought, or more
}

// A journal that cannot grow goes on with the segments that it has, and retire frees them sooner. Disks become empty again: it is
// tried again though one may be free meanwhile, since with few in all intake refuses, and nothing else would ask.
runtime::Task<void> Journal::grow_later() {
    for (int step = 0; step < 50 && !closing_; ++step) co_await runtime::Shard::current().sleep(100ms);
    make_segment();
}

Journal::Segment& Journal::segment_of(Lsn lsn) {
    const auto found = live_.find(lsn / options_.segment_bytes);
    ANGARIUM_ASSERT(found != live_.end());
    return found->second;
}

void Journal::fail(IoError error) {
    failed_ = true;
    sheet_.add(Count::journal_failures);
    sheet_.set(Level::journal_failed, 1);
    if (on_failure)
        on_failure(fmt::format(
            "journal {}: a synced write failed ({}); what was in flight is unknown, so nothing more is "
            "accepted. Check the disk, then restart.",
            options_.directory, to_string(error)));
    for (auto& list : waiting_)
        while (list.first != nullptr) list.pop()->failed();
}

runtime::Task<IoResult<std::size_t>> Journal::read_raw(Lsn from, std::span<std::byte> bytes) {
    pin(from);
    const auto result = co_await segment_of(from).file->read(from % options_.segment_bytes, bytes);
    unpin(from);
    co_return result;
}

runtime::Task<IoResult<std::string>> Journal::read(Extent extent) {
    const Lsn begin = extent.lsn - record_header_size;
    const Lsn from = begin / group_alignment * group_alignment;
    const std::size_t span = aligned(extent.lsn + extent.length - from);
    const std::unique_ptr<std::byte, void (*)(void*)> memory(
        static_cast<std::byte*>(std::aligned_alloc(group_alignment, span)), &std::free);
    const std::span<std::byte> bytes(memory.get(), span);
    const auto got = co_await read_raw(from, bytes);
    if (!got) co_return std::unexpected(got.error());
    if (*got < span) co_return std::unexpected(IoError::end_of_stream);
    const std::string_view record(reinterpret_cast<const char*>(memory.get()) + (begin - from),
                                  record_header_size + extent.length);
    const auto payload = verify_record(record, options_.key);
    if (!payload) co_return std::unexpected(IoError::failed);
    co_return std::string(*payload);
}

Lsn Journal::oldest() const { return live_.empty() ? next_ : live_.begin()->first * options_.segment_bytes; }

std::uint64_t Journal::used_bytes() const { return live_.size() * options_.segment_bytes; }

unsigned Journal::free_segments() const {
    const auto live = static_cast<unsigned>(live_.size());
    return segments() > live ? segments() - live : 0;
}

std::uint64_t Journal::left_bytes() const {
    const bool begun = !live_.empty() && live_.rbegin()->first == next_ / options_.segment_bytes;
    return free_bytes() + (begun ? options_.segment_bytes - next_ % options_.segment_bytes : 0);
}

void Journal::release_before(Lsn tail) {
    for (auto& [number, segment] : live_)
        if ((number + 1) * options_.segment_bytes <= tail) segment.released = true;
    recycle();
}

void Journal::recycle() {
    while (live_.size() > 1 && live_.begin()->second.released && live_.begin()->second.pins == 0) {
        auto& segment = live_.begin()->second;
        segment.released = false;
        free_.push_back(std::move(segment));
        live_.erase(live_.begin());
    }
    sheet_.set(Level::journal_used, static_cast<std::int64_t>(used_bytes()));
    room_.signal();
}

void Journal::pin(Lsn lsn) { ++segment_of(lsn).pins; }

void Journal::unpin(Lsn lsn) {
    auto& segment = segment_of(lsn);
    if (--segment.pins == 0 && segment.released) recycle();
}

runtime::Task<void> Journal::close() {
    closing_ = true;
    hurry_ = true;
    work_.signal();
    room_.signal();
    co_await gate_.closed();
}

}  // namespace angarium::queue

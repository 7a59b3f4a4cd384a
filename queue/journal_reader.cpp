#include "queue/journal_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace angarium::queue {
namespace {

using Memory = std::unique_ptr<std::byte, void (*)(void*)>;

class Reader {
  public:
    Reader(runtime::FileSystem& files, const JournalSource& source, std::uint64_t segment_bytes)
        : files_(files),
          source_(source),
          segment_bytes_(segment_bytes),
          memory_(static_cast<std::byte*>(std::aligned_alloc(group_alignment, max_group_bytes)), &std::free) {
    }

    // Sorts the files into live segments and free ones.
    Result<void> sort_files() {
        auto names = files_.list(source_.directory);
        if (!names) return std::unexpected(names.error());
        for (const auto& name : *names) {
            if (!name.ends_with(".seg")) continue;
            const auto path = source_.directory + "/" + name;
            auto header = group_at(path, 0, std::nullopt);
            const bool valid = header && *header;
            if (header && !*header) header = live_group_in(path);
            if (!header) return std::unexpected(header.error());
            if (*header && (!valid || is_live(**header, 0)))
                end_.segments.emplace((*header)->lsn / segment_bytes_, name);
            else
                end_.free.push_back(name);
        }
        return {};
    }

    Result<JournalEnd> read(const std::function<void(const RecordView&)>& visit) {
        if (end_.segments.empty()) {
            end_.next = (source_.tail + segment_bytes_ - 1) / segment_bytes_ * segment_bytes_;
            end_.tail = source_.tail;
            return std::move(end_);
        }
        Lsn at = source_.tail / segment_bytes_ * segment_bytes_;
        bool first = true;
        while (true) {
            auto group = group_at_lsn(at);
            if (!group) return std::unexpected(group.error());
            bool follows =
                *group && (first || ((*group)->number == end_.number && (*group)->previous == end_.previous));
            if (!follows && at % segment_bytes_ != 0) {  // the next segment may continue
                const Lsn next = (at / segment_bytes_ + 1) * segment_bytes_;
                auto beyond = group_at_lsn(next);
                if (!beyond) return std::unexpected(beyond.error());
                if (*beyond && (*beyond)->number == end_.number && (*beyond)->previous == end_.previous) {
                    at = next;
                    group = std::move(beyond);
                    follows = true;
                }
            }
            if (!follows) {
                auto behind = behind_damage(at);
                if (!behind) return std::unexpected(behind.error());
                if (!*behind) break;
                if (!source_.repair) return damaged(at, **behind);
                source_.warn(
                    fmt::format("journal {}: skipped the damage between {} and {} (group {} and what follows "
                                "it up to group {})",
                                source_.directory, at, (*behind)->lsn, end_.number, (*behind)->number - 1));
                at = (*behind)->lsn;
                first = true;
                continue;
            }
            const std::span<const std::byte> bytes(memory_.get(), max_group_bytes);
            std::size_t offset = group_header_size;
            while (const auto record = next_record(bytes, **group, offset)) visit(*record);
            first = false;
            end_.number = (*group)->number + 1;
            end_.previous = (*group)->checksum;
            at += aligned((*group)->bytes);
        }
        end_.next = at;
        end_.tail = source_.tail;
        for (const auto& [number, name] : end_.segments) {
            // What we read may still be in caches only: it counts from now on, so it must be on disk.
            if (auto synced = files_.sync_blocking(source_.directory + "/" + name); !synced)
                return std::unexpected(synced.error());
        }
        return std::move(end_);
    }

  private:
    // Does this group, at this offset of its file, make the file a segment that is still needed?
    bool is_live(const GroupHeader& header, std::uint64_t offset) const {
        return header.lsn % segment_bytes_ == offset && header.lsn - offset + segment_bytes_ > source_.tail;
    }

    // A file without a valid first group is a fresh one, or was being written over, or is damaged there: then a live group
    // further on says which segment it is, and that synced data is missing.
    Result<std::optional<GroupHeader>> live_group_in(const std::string& path) {
        constexpr std::size_t step = 1u << 20;
        const Memory chunk(static_cast<std::byte*>(std::aligned_alloc(group_alignment, step)), &std::free);
        for (std::uint64_t from = 0; from < segment_bytes_; from += step) {
            const auto got = files_.read_blocking(path, from, {chunk.get(), step});
            if (!got) return std::unexpected(got.error());
            for (std::size_t at = 0; at + group_alignment <= *got; at += group_alignment) {
                const auto header = peek_group(std::span<const std::byte>(chunk.get() + at, group_alignment));
                if (!header || !is_live(*header, from + at)) continue;
                auto group = group_at(path, from + at, std::nullopt);
                if (!group || *group) return group;
            }
            if (*got < step) break;
        }
        return std::optional<GroupHeader>();
    }

    // The valid group at this offset of the file, or none. With `lsn`, it must be that one.
    Result<std::optional<GroupHeader>> group_at(const std::string& path, std::uint64_t offset,
                                                std::optional<Lsn> lsn) {
        const std::optional<GroupHeader> none;
        auto got = files_.read_blocking(path, offset, {memory_.get(), group_alignment});
        if (!got) return std::unexpected(got.error());
        const std::span<const std::byte> front(memory_.get(), *got);
        const auto header = lsn ? peek_group(front, *lsn) : peek_group(front);
        if (!header || offset + header->bytes > segment_bytes_) return none;
        if (header->bytes > group_alignment) {
            got = files_.read_blocking(path, offset, {memory_.get(), aligned(header->bytes)});
            if (!got) return std::unexpected(got.error());
        }
        const std::span<const std::byte> whole(memory_.get(), *got);
        if (!verify_group(whole, *header, source_.key)) return none;
        return header;
    }

    Result<std::optional<GroupHeader>> group_at_lsn(Lsn lsn) {
        const auto segment = end_.segments.find(lsn / segment_bytes_);
        if (segment == end_.segments.end()) return std::optional<GroupHeader>();
        return group_at(source_.directory + "/" + segment->second, lsn % segment_bytes_, lsn);
    }

    // A valid group behind this place, if there is one.
    Result<std::optional<GroupHeader>> behind_damage(Lsn at) {
        const auto from = at / segment_bytes_;
        for (auto later = end_.segments.lower_bound(from); later != end_.segments.end(); ++later) {
            const Lsn begin = later->first * segment_bytes_;
            for (Lsn lsn = std::max(begin, at + group_alignment); lsn < begin + segment_bytes_;
                 lsn += group_alignment) {
                auto group = group_at_lsn(lsn);
                if (!group || *group) return group;
            }
        }
        return std::optional<GroupHeader>();
    }

    Result<JournalEnd> damaged(Lsn at, const GroupHeader& behind) {
        const auto segment = end_.segments.find(at / segment_bytes_);
        const auto file = segment == end_.segments.end() ? std::string("(its file is missing)")
                                                         : source_.directory + "/" + segment->second;
        return failure(
            fmt::format("{}: the journal is damaged at byte {} (group {}), but group {} behind it is whole: "
                        "synced mail has been lost on "
                        "this disk. Restore the file from where it is intact, or start once with "
                        "--repair-journal to go on without "
                        "the {} damaged group(s).",
                        file, at % segment_bytes_, end_.number, behind.number,
                        std::max<std::uint64_t>(1, behind.number - end_.number)));
    }

    runtime::FileSystem& files_;
    const JournalSource& source_;
    const std::uint64_t segment_bytes_;
    Memory memory_;
    JournalEnd end_;
};

}  // namespace

Result<std::uint64_t> segment_bytes_of(runtime::FileSystem& files, const std::string& directory) {
    auto names = files.list(directory);
    if (!names) return std::unexpected(names.error());
    std::uint64_t size = 0;
    for (const auto& name : *names) {
        if (!name.ends_with(".seg")) continue;
        auto bytes = files.file_bytes(directory + "/" + name);
        if (!bytes) return std::unexpected(bytes.error());
        if (size != 0 && size != *bytes && *bytes != 0)
            return failure(fmt::format(
                "{}: the segments differ in size ({} and {} bytes): a file has been cut or replaced",
                directory, size, *bytes));
        size = std::max(size, *bytes);
    }
    return size;
}

Result<JournalEnd> read_journal(runtime::FileSystem& files, const JournalSource& source,
                                std::uint64_t segment_bytes,
                                const std::function<void(const RecordView&)>& visit) {
    Reader reader(files, source, segment_bytes);
    if (auto sorted = reader.sort_files(); !sorted) return std::unexpected(sorted.error());
    return reader.read(visit);
}

}  // namespace angarium::queue

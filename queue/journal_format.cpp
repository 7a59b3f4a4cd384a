#include "queue/journal_format.hpp"

#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>  // the widest vectors that this processor has: a third of the time for a body
#endif

#include <cstring>

#include "engine/base/assert.hpp"
#include "engine/base/mistakes.hpp"

namespace angarium::queue {
namespace {

constexpr std::uint64_t magic = 0x31304A474E41ull | 0xA5ull << 56;  // "ANGJ01" and a byte that is no text
// Offsets in a group's header.
constexpr std::size_t at_magic = 0, at_checksum = 8, at_lsn = 16, at_number = 24, at_previous = 32,
                      at_bytes = 40, at_records = 44, at_shard = 48;

template <class T>
void put(std::byte* to, T value) {
    std::memcpy(to, &value, sizeof value);
}
template <class T>
T get(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// length (4), kind (1), zero (3), checksum (8)
struct RecordHeader {
    std::uint32_t length;
    std::uint8_t kind;
    std::uint64_t checksum;
};
RecordHeader record_header(const std::byte* at) {
    return {get<std::uint32_t>(at), get<std::uint8_t>(at + 4), get<std::uint64_t>(at + 8)};
}

// Over the header behind the checksum, then over every record's header, each seeded with what came before.
std::uint64_t group_checksum(std::span<const std::byte> group, std::size_t bytes, std::uint64_t key) {
    auto sum = XXH3_64bits_withSeed(group.data() + at_lsn, group_header_size - at_lsn, key);
    for (std::size_t at = group_header_size; at + record_header_size <= bytes;) {
        sum = XXH3_64bits_withSeed(group.data() + at, record_header_size, sum);
        at += record_header_size + record_header(group.data() + at).length;
    }
    return sum;
}

}  // namespace

GroupWriter::GroupWriter(std::span<std::byte> buffer, std::uint64_t key, Lsn lsn)
    : buffer_(buffer), key_(key), lsn_(lsn) {}

Extent GroupWriter::add(RecordKind kind, std::span<const std::string_view> pieces) {
    std::byte* const header = buffer_.data() + used_;
    std::byte* to = header + record_header_size;
    std::byte* const end = buffer_.data() + buffer_.size();
    for (const auto piece : pieces) {
        ANGARIUM_ASSERT(piece.size() <= static_cast<std::size_t>(end - to));
        std::memcpy(to, piece.data(), piece.size());
        to += piece.size();
    }
    const auto length = static_cast<std::uint32_t>(to - header - record_header_size);
    put(header, length);
    put(header + 4, std::uint32_t{static_cast<std::uint8_t>(kind)});
    put(header + 8, XXH3_64bits_withSeed(header + record_header_size, length, key_));
    const Extent extent{lsn_ + used_ + record_header_size, length};
    used_ += record_header_size + length;
    ++records_;
    return extent;
}

std::size_t GroupWriter::finish(GroupHeader header) {
    std::byte* const to = buffer_.data();
    std::memset(to, 0, group_header_size);
    put(to + at_magic, magic);
    put(to + at_lsn, lsn_);
    put(to + at_number, header.number);
    put(to + at_previous, header.previous);
    put(to + at_bytes, static_cast<std::uint32_t>(used_));
    put(to + at_records, records_);
    put(to + at_shard, header.shard);
    checksum_ = group_checksum(buffer_, used_, key_);
    put(to + at_checksum, checksum_);
    const auto whole = aligned(used_);
    std::memset(to + used_, 0, whole - used_);
    return whole;
}

std::optional<GroupHeader> peek_group(std::span<const std::byte> bytes) {
    if (bytes.size() < group_header_size || get<std::uint64_t>(bytes.data() + at_magic) != magic)
        return std::nullopt;
    GroupHeader header;
    header.checksum = get<std::uint64_t>(bytes.data() + at_checksum);
    header.lsn = get<std::uint64_t>(bytes.data() + at_lsn);
    header.number = get<std::uint64_t>(bytes.data() + at_number);
    header.previous = get<std::uint64_t>(bytes.data() + at_previous);
    header.bytes = get<std::uint32_t>(bytes.data() + at_bytes);
    header.records = get<std::uint32_t>(bytes.data() + at_records);
    header.shard = get<std::uint8_t>(bytes.data() + at_shard);
    if (header.bytes < group_header_size || header.bytes > max_group_bytes ||
        header.lsn % group_alignment != 0)
        return std::nullopt;
    return header;
}

std::optional<GroupHeader> peek_group(std::span<const std::byte> bytes, Lsn lsn) {
    auto header = peek_group(bytes);
    if (header && header->lsn != lsn) header.reset();
    return header;
}

bool verify_group(std::span<const std::byte> bytes, const GroupHeader& header, std::uint64_t key) {
    if (bytes.size() < header.bytes) return false;
    if (makes(Mistake::torn_group_accepted)) return true;
    std::uint32_t records = 0;
    std::size_t at = group_header_size;
    for (; at < header.bytes; ++records) {
        if (header.bytes - at < record_header_size) return false;
        const auto record = record_header(bytes.data() + at);
        at += record_header_size;
        if (record.length > header.bytes - at) return false;
        if (XXH3_64bits_withSeed(bytes.data() + at, record.length, key) != record.checksum) return false;
        at += record.length;
    }
    return records == header.records && group_checksum(bytes, header.bytes, key) == header.checksum;
}

std::optional<RecordView> next_record(std::span<const std::byte> group, const GroupHeader& header,
                                      std::size_t& offset) {
    if (offset >= header.bytes) return std::nullopt;
    const auto record = record_header(group.data() + offset);
    offset += record_header_size;
    RecordView view;
    view.kind = static_cast<RecordKind>(record.kind);
    view.extent = {header.lsn + offset, record.length};
    view.payload = {reinterpret_cast<const char*>(group.data() + offset), record.length};
    offset += record.length;
    return view;
}

std::optional<std::string_view> verify_record(std::string_view bytes, std::uint64_t key) {
    if (bytes.size() < record_header_size) return std::nullopt;
    const auto header = record_header(reinterpret_cast<const std::byte*>(bytes.data()));
    const auto payload = bytes.substr(record_header_size);
    if (payload.size() != header.length) return std::nullopt;
    if (XXH3_64bits_withSeed(payload.data(), payload.size(), key) != header.checksum) return std::nullopt;
    return payload;
}

}  // namespace angarium::queue
